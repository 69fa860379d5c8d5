package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"quantix/internal/config"
	"quantix/internal/identity"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// expiresSoon is how long before a key ends doctor tells.
const expiresSoon = 14 * 24 * time.Hour

// keyText finds keys where none belong.
var keyText = regexp.MustCompile(identity.KeyPattern)

// hideKeys takes keys out of what is printed.
func hideKeys(text string) string { return keyText.ReplaceAllLiteralString(text, "(a Quantix key)") }

// examineStrayKeys warns of keys in settings and in the environment, where every program of this user may read them.
func examineStrayKeys(p Program, c config.Config) {
	told := map[string]bool{}
	for _, name := range c.Holding(keyText.MatchString) {
		told[name] = true
		fmt.Fprintf(p.Stdout, "warn   %s has a Quantix key in it, which this server has no use for: take it away, and revoke it if others may have read it\n", name)
	}
	if p.Environ == nil {
		return
	}
	for _, variable := range p.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		if keyText.MatchString(value) && !told[name] {
			fmt.Fprintf(p.Stdout, "warn   the environment variable %s has a Quantix key in it: this server has no use for it, and all that it starts may read it\n", name)
		}
	}
}

// examineIdentity reports whether somebody can show who they are, where they are asked.
func examineIdentity(ctx context.Context, p Program, c config.Config, store repository.Identities) bool {
	if !c.Auth {
		return true
	}
	keys, admins := 0, 0
	var soon []models.APIKey
	now := time.Now()
	err := identity.EachKey(ctx, store, func(key *models.APIKey) bool {
		keys++
		if identity.IsAdmin(key) {
			admins++
		}
		if !key.ExpiresAt.IsZero() && key.ExpiresAt.Before(now.Add(expiresSoon)) {
			soon = append(soon, *key)
		}
		return false
	})
	switch {
	case err != nil:
		err = sentence(err)
	case admins == 0 && (c.OIDC.Issuer == "" || c.OIDC.RolesClaim == ""):
		err = errors.New("AUTH is on, and there is no key of an admin, nor an issuer whose tokens have roles: nobody can run this installation")
	}
	what := fmt.Sprintf("API keys: %d, of which %d of an admin", keys, admins)
	sound := finding(p, what, err, "make one: quantix keys create --role admin")
	for _, key := range soon {
		ends := "expires on"
		if !key.InForce(now) {
			ends = "has expired on"
		}
		fmt.Fprintf(p.Stdout, "warn   key %s (%s) %s %s\n", key.ID, key.Name, ends, key.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return examineIssuer(ctx, p, c) && sound
}

// examineIssuer asks the issuer of tokens as a server would.
func examineIssuer(ctx context.Context, p Program, c config.Config) bool {
	if c.OIDC.Issuer == "" {
		return true
	}
	begun := time.Now()
	keys, err := identity.CheckIssuer(ctx, c.OIDC.Issuer)
	what := "issuer of tokens answers"
	if err == nil {
		what += took(begun) + fmt.Sprintf(", with %d keys", keys)
	}
	return finding(p, what, err,
		"AUTH_OIDC_ISSUER must be to the letter what its /.well-known/openid-configuration has as issuer; until it answers, its tokens get 503")
}
