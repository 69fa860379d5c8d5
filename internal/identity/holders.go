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

// recallKey returns whose key it is, as far as that is remembered, or needs nobody to be asked. It costs no query and
// no allocation.
func (g *Gate) recallKey(text string) (who *models.Principal, known bool, err error) {
	hash, is := HashKey(text)
	if !is {
		return nil, true, errNoKey
	}
	now := g.now()
	if now-time.Duration(g.asked.Load()) > maxStale {
		return nil, true, errStale
	}
	if h, is := g.keys.get(hash); is {
		who, err = h.show(now)
		return who, true, err
	}
	if until, is := g.strangers.get(hash); is && now < until {
		return nil, true, errStranger
	}
	return nil, false, nil
}

// keyHolder finds out whose key it is that nobody remembers.
func (g *Gate) keyHolder(ctx context.Context, text string) (*models.Principal, error) {
	hash, _ := HashKey(text)
	h, err := g.keys.ask(ctx, hash, func(ctx context.Context) (*holder, error) {
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
	if err != nil {
		return nil, err
	}
	return h.show(g.now())
}

// show returns who has a key at a time, and notes that it was used.
func (h *holder) show(now time.Duration) (*models.Principal, error) {
	switch {
	case h.refusal != nil:
		return nil, h.refusal
	case now >= h.expires:
		return nil, h.expired
	}
	h.use.note(time.Now())
	return h.principal, nil
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
