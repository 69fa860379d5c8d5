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

// tellKeys warns when nobody can run what is started: whoever does so for the first time would meet refusals alone.
// What the database does not tell now, doctor will.
func (a *App) tellKeys(ctx context.Context) {
	if a.gate == nil || a.config.OIDC.Issuer != "" && a.config.OIDC.RolesClaim != "" {
		return
	}
	if admin, err := identity.FindAdmin(ctx, a.store); err == nil && admin == nil {
		a.logger.Warn("there is no key of an admin, so nobody can run this installation: make one, " +
			"quantix keys create --role admin, with the same settings; this server can go on meanwhile")
	}
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
