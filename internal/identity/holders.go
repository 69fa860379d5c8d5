package identity

import (
	"context"
	"log/slog"
	"math"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	// pollEvery is how often the store is asked whether something was revoked; a revocation must hold within a second.
	pollEvery   = 250 * time.Millisecond
	pollTimeout = 2 * time.Second
	// maxStale is for how long keys count without an answer.
	maxStale = 5 * time.Second
	// strangeFor is for how long a key that nobody has is refused unasked.
	strangeFor = time.Second
)

// never is later than any other time of the gate's.
const never = time.Duration(math.MaxInt64)

// holder is what is known of a key.
type holder struct {
	principal *models.Principal
	refusal   error         // of a key that was revoked, for good
	expires   time.Duration // by the gate's clock
	expired   error
	use       *use
}

// keyHolder returns whose key it is. One that is known costs no query and no allocation.
func (g *Gate) keyHolder(ctx context.Context, text string) (*models.Principal, error) {
	hash, is := HashKey(text)
	if !is {
		return nil, errNoKey
	}
	now := g.now()
	if now-time.Duration(g.asked.Load()) > maxStale {
		return nil, errStale
	}
	h, known := g.keys.get(hash)
	if !known {
		var err error
		if h, err = g.lookUp(ctx, hash, now); err != nil {
			return nil, err
		}
	}
	switch {
	case h.refusal != nil:
		return nil, h.refusal
	case now >= h.expires:
		return nil, h.expired
	}
	h.use.note(time.Now())
	return h.principal, nil
}

// lookUp asks the store for a key.
func (g *Gate) lookUp(ctx context.Context, hash models.KeyHash, now time.Duration) (*holder, error) {
	if until, is := g.strangers.get(hash); is && now < until {
		return nil, errStranger
	}
	return g.keys.ask(ctx, hash, func(ctx context.Context) (*holder, error) {
		asked := g.now()
		key, storeNow, err := g.store.KeyByHash(ctx, hash)
		switch {
		case models.ErrKeyNotFound.Is(err):
			g.strangers.put(0, hash, g.now()+strangeFor) // which are never dropped
			return nil, errStranger
		case err != nil:
			return nil, models.ErrIdentityUnavailable.With(repository.ToDomain(err))
		}
		return g.holderOf(&key, asked, storeNow), nil
	})
}

// holderOf is what is remembered of a key that the store has told of: when it expires, by a clock of ours that began
// when it was asked.
func (g *Gate) holderOf(key *models.APIKey, asked time.Duration, storeNow time.Time) *holder {
	h := &holder{principal: key.Principal(), expires: never, use: g.uses.of(key.ID)}
	if !key.RevokedAt.IsZero() {
		h.refusal = refused(h.principal.Name + " was revoked")
	}
	if !key.ExpiresAt.IsZero() {
		h.expires = asked + min(key.ExpiresAt.Sub(storeNow), never-asked) // which may be thousands of years away
		h.expired = refused(h.principal.Name + " has expired")
	}
	return h
}

// poll asks whether something was revoked. If so, or if nobody knows, all that is remembered is asked again.
func (g *Gate) poll(parent context.Context) {
	ctx, cancel := context.WithTimeout(parent, pollTimeout)
	defer cancel()
	began := g.now()
	version, err := int64(0), error(errPanic)
	g.guarded(func() { version, err = g.store.IdentityVersion(ctx) })
	switch {
	case err != nil && parent.Err() != nil:
		return
	case err != nil:
		g.spells.Fault(slog.LevelWarn, "revocations",
			"the store cannot be asked which keys were revoked; after 5 s without an answer, keys are refused",
			slog.Any("error", err))
		return
	}
	g.spells.Over("revocations")
	if !g.versions || version != g.version {
		g.versions, g.version = true, version
		g.keys.drop()
		if g.tokens != nil {
			g.tokens.people.drop()
		}
	}
	g.asked.Store(int64(began))
}
