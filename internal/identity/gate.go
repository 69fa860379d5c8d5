// Package identity finds out who asks: it knows API keys and the tokens of an OpenID Connect issuer. What somebody may
// do, others say.
package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/logging"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// Options are a Gate's.
type Options struct {
	Logger    *slog.Logger // nil: nobody is told
	PublicURL string       // where clients reach the server; empty: not known
	OIDC      *OIDCOptions // nil: keys only
}

// maxCredential is how long an Authorization header may be, in bytes.
const maxCredential = 8 << 10

// Why somebody is not known. The cause is for the log; what is answered is the same for all of them.
var (
	errHeaders   = refused("more than one Authorization header")
	errTooLong   = refused("the Authorization header is too long")
	errScheme    = refused("the Authorization header has no bearer token")
	errNoKey     = refused("what looks like a key is none: its length, alphabet or checksum is wrong")
	errStranger  = refused("there is no such key")
	errNoTokens  = refused("the bearer token is no key, and no issuer of tokens is set")
	errCrowd     = unavailable("too many unknown keys or subjects are being looked up")
	errOvertaken = unavailable("keys are being revoked faster than they are looked up")
	errPanic     = unavailable("the look-up has panicked")
	errStale     = unavailable("the store could not be asked for revocations for too long")
)

func refused(why string) *models.Error { return models.ErrUnauthorized.With(errors.New(why)) }
func unavailable(why string) *models.Error {
	return models.ErrIdentityUnavailable.With(errors.New(why))
}

// Gate tells who asks. It is made by New; its Run must be running.
type Gate struct {
	store   repository.Identities
	options Options
	spells  *logging.Spells
	begun   time.Time

	version  int64 // of the store's identities, as Run saw it last; Run's own
	versions bool  // whether it saw one
	asked    atomic.Int64

	keys      *cache[models.KeyHash, *holder]
	strangers *cache[models.KeyHash, time.Duration] // until when a hash is nobody's
	uses      uses
	holds     holds

	tokens *tokens // nil: none are taken
}

// New makes a gate to what a store knows.
func New(store repository.Identities, o Options) *Gate {
	g := &Gate{store: store, options: o, spells: logging.NewSpells(o.Logger), begun: time.Now()}
	g.keys = newCache[models.KeyHash, *holder](g.guarded)
	g.strangers = newCache[models.KeyHash, time.Duration](g.guarded)
	if o.OIDC != nil {
		g.tokens = newTokens(g, *o.OIDC)
	}
	return g
}

// now is the time since the gate was made, by a clock that nobody sets.
func (g *Gate) now() time.Duration { return time.Since(g.begun) }

// guarded runs something that calls code of others; a panic of theirs ends here.
func (g *Gate) guarded(call func()) {
	defer func() {
		if p := recover(); p != nil {
			g.spells.Fault(slog.LevelError, "panic", "finding out who asks has panicked",
				slog.String("panic", models.Clip(fmt.Sprint(p), 200)), slog.String("stack", string(debug.Stack())))
		}
	}()
	call()
}

// Run keeps what the gate knows up to date, until the context ends.
func (g *Gate) Run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { every(ctx, pollEvery, func() { g.poll(ctx) }) })
	loops.Go(func() { every(ctx, holdEvery, func() { g.lookAgain(ctx) }) })
	loops.Go(func() { every(ctx, noteEvery, func() { g.noteUses(ctx) }) })
	if g.tokens != nil {
		loops.Go(func() { g.tokens.issuer.refresh(ctx) })
	}
	loops.Wait()
	g.noteUses(context.WithoutCancel(ctx))
}

// every does something at once, and again after each pause.
func every(ctx context.Context, pause time.Duration, do func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Identify returns who sent a request with this header: models.Nobody without an Authorization. Errors:
// models.ErrUnauthorized, which says the same whatever the reason, and models.ErrIdentityUnavailable when it cannot be
// found out now. Both carry the reason as a hidden cause, never what was sent.
func (g *Gate) Identify(ctx context.Context, header http.Header) (*models.Principal, error) {
	credential, who, known, err := g.recall(header)
	switch {
	case known:
		return who, err
	case strings.HasPrefix(credential, keyPrefix):
		return g.keyHolder(ctx, credential)
	}
	return g.tokens.holder(ctx, credential)
}

// Recall is Identify as far as it costs next to nothing. Unless it is known, the store or the issuer is to be asked,
// or a signature to be verified: Identify does.
func (g *Gate) Recall(header http.Header) (who *models.Principal, known bool, err error) {
	_, who, known, err = g.recall(header)
	return who, known, err
}

// recall returns what was sent as well.
func (g *Gate) recall(header http.Header) (credential string, who *models.Principal, known bool, err error) {
	sent := header["Authorization"]
	switch {
	case len(sent) == 0:
		return "", models.Nobody, true, nil
	case len(sent) > 1:
		return "", nil, true, errHeaders
	}
	credential, err = bearer(sent[0])
	switch {
	case err != nil:
		return "", nil, true, err
	case strings.HasPrefix(credential, keyPrefix):
		who, known, err = g.recallKey(credential)
	case g.tokens == nil:
		return "", nil, true, errNoTokens
	default:
		who, known = g.tokens.recall(credential)
	}
	return credential, who, known, err
}

// bearer returns what stands after the scheme, which is written in any case (RFC 9110).
func bearer(header string) (string, error) {
	const scheme = "Bearer "
	if len(header) > maxCredential {
		return "", errTooLong
	}
	if len(header) <= len(scheme) || !strings.EqualFold(header[:len(scheme)], scheme) {
		return "", errScheme
	}
	return strings.TrimLeft(header[len(scheme):], " "), nil
}
