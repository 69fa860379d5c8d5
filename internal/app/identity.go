package app

import (
	"context"
	"log/slog"

	"quantix/internal/config"
	"quantix/internal/handlers"
	"quantix/internal/identity"
	"quantix/internal/repository"
)

// openGate makes what finds out who asks; nil where nobody is asked.
func openGate(c config.Config, store repository.Identities, logger *slog.Logger) *identity.Gate {
	if !c.Auth {
		return nil
	}
	o := identity.Options{Logger: logger, PublicURL: c.PublicURL}
	if c.OIDC.Issuer != "" {
		o.OIDC = &identity.OIDCOptions{
			Issuer: c.OIDC.Issuer, Audience: c.OIDC.Audience, RolesClaim: c.OIDC.RolesClaim,
		}
	}
	return identity.New(store, o)
}

// asGate is the gate as handlers know it: none must be no gate at all.
func asGate(g *identity.Gate) handlers.Gate {
	if g == nil {
		return nil
	}
	return g
}

// guard has the gate do its work until the returned function ends it.
func (a *App) guard() (end func()) {
	if a.gate == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.gate.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}
