package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"quantix/internal/models"
)

// ErrForeign says that the queue belongs to another database of the same name: one of the two is a copy of the other.
var ErrForeign = errors.New("another database with this installation's id is at work on this queue")

// ErrRenamed says that the database has a new name since the queue was opened by the old one.
var ErrRenamed = errors.New("the installation has got a new id; start this program again")

// Claim is what a queue answers a database that wants to work on it.
type Claim int

// The answers.
const (
	Ours   Claim = iota // the database is registered there, for a while
	Theirs              // another one is
	Nobody              // nobody is, and nothing was changed
)

// Shared is a queue that several databases may reach.
type Shared interface {
	Queue
	// Register claims the queue for a database whose workers have turned its token from a previous one (which may be empty):
	// it is Ours if one of them is registered, or nobody and take is set, and then stays so for ttl.
	Register(ctx context.Context, token, previous string, take bool, ttl time.Duration) (Claim, error)
	// Registered gives the token that is registered; empty when none is.
	Registered(ctx context.Context) (string, error)
}

const (
	// checkEvery is how often a guard looks who the queue belongs to; turnEvery how often a database changes its token.
	checkEvery, turnEvery = 3 * time.Second, 5 * time.Second
	// heldFor is how long a registration outlives its database's workers. Who was refused waits for as long until the
	// queue is free, and until then says nothing: after a failover that lost a second, it has refused itself.
	heldFor = 15 * time.Second
)

// Guard keeps a copy of a database from another's messages. What it answers, beyond the queue: ErrForeign, ErrRenamed.
type Guard struct {
	Shared
	Installation string // the name that the queue was opened by
	// Turn gives the database's token, a new one when the present one is older than that.
	Turn   func(ctx context.Context, every time.Duration) (models.Owner, error)
	Logger *slog.Logger

	mu      sync.Mutex
	checked time.Time
	refused time.Time // since when; zero: the queue is ours
	free    time.Time // since when nobody is registered, as far as one who was refused knows
	told    bool
	verdict error
}

// check looks who the queue belongs to, now and then.
func (g *Guard) check(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.checked.IsZero() && time.Since(g.checked) < checkEvery {
		return g.verdict
	}
	claim, err := g.claim(ctx)
	switch {
	case errors.Is(err, ErrRenamed):
		g.verdict = err
	case err != nil && g.checked.IsZero():
		return err // nobody knows yet
	case err != nil:
		return g.verdict // whoever it belonged to, it does still
	case claim == Ours:
		g.ours()
	default:
		g.theirs(claim)
	}
	g.checked = time.Now()
	return g.verdict
}

// claim registers the database. Another of its processes may have turned the token in between, hence more than one look.
func (g *Guard) claim(ctx context.Context) (claim Claim, err error) {
	for range 3 {
		owner, err := g.Turn(ctx, turnEvery)
		if err != nil {
			return Theirs, err
		}
		if owner.Installation != g.Installation {
			return Theirs, ErrRenamed
		}
		take := g.refused.IsZero() || !g.free.IsZero() && time.Since(g.free) > heldFor
		claim, err = g.Register(ctx, owner.Token, owner.Previous, take, heldFor)
		if err != nil || claim != Theirs {
			return claim, err
		}
	}
	return claim, nil
}

func (g *Guard) ours() {
	if g.told {
		g.Logger.Info("the queue belongs to this database again")
	}
	g.refused, g.free, g.told, g.verdict = time.Time{}, time.Time{}, false, nil
}

func (g *Guard) theirs(claim Claim) {
	now := time.Now()
	if g.refused.IsZero() {
		g.refused = now
	}
	switch {
	case claim == Theirs:
		g.free = time.Time{}
	case g.free.IsZero():
		g.free = now
	}
	g.verdict = ErrForeign
	if !g.told && now.Sub(g.refused) > heldFor {
		g.told = true
		g.Logger.Error("another database with this installation's id is at work on this Redis: this one takes no messages. "+
			"If it is a copy, stop it and give it an id of its own with quantix installation new", "installation", g.Installation)
	}
}

// Publish adds messages, if the queue is this database's.
func (g *Guard) Publish(ctx context.Context, bookings []models.BookingRef) (models.QueueMark, error) {
	if err := g.check(ctx); err != nil {
		return models.QueueMark{}, err
	}
	return g.Shared.Publish(ctx, bookings)
}

// Receive gives new messages, if the queue is this database's.
func (g *Guard) Receive(ctx context.Context, consumer string, limit int, wait time.Duration) ([]Message, error) {
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g.Shared.Receive(ctx, consumer, limit, wait)
}

// Reclaim gives messages that lie unacknowledged, if the queue is this database's.
func (g *Guard) Reclaim(ctx context.Context, consumer string, minIdle time.Duration, limit int) ([]Message, error) {
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g.Shared.Reclaim(ctx, consumer, minIdle, limit)
}

// Mark gives how far the queue has got, if it is this database's.
func (g *Guard) Mark(ctx context.Context) (models.QueueMark, error) {
	if err := g.check(ctx); err != nil {
		return models.QueueMark{}, err
	}
	return g.Shared.Mark(ctx)
}

// Oldest gives the queue's oldest message, if it is this database's.
func (g *Guard) Oldest(ctx context.Context) (*Message, error) {
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g.Shared.Oldest(ctx)
}
