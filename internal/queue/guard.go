package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"quantix/internal/models"
)

// What a guard answers in place of the queue.
var (
	// ErrForeign says that the queue belongs to another database of the same name: this one is a copy of the other.
	ErrForeign = errors.New("another database with this installation's id is at work on this queue")
	// ErrUnsettled says that a process has just begun, and must see for some seconds whose the queue is.
	ErrUnsettled = errors.New("whose this queue is shows in some seconds")
	// ErrRenamed says that the database has a new name since the queue was opened by the old one.
	ErrRenamed = errors.New("the installation has got a new id; start this program again")
	errBusy    = errors.New("others register on this queue all the time")
)

// Shared is a queue that several databases may reach.
type Shared interface {
	Queue
	// Registration returns who works on it, and the time by its clock.
	Registration(ctx context.Context) (Registration, time.Time, error)
	// Register puts one registration in the place of another, and reports whether that one was still there.
	Register(ctx context.Context, old, now Registration) (bool, error)
}

// Owners is what a guard asks its database.
type Owners interface {
	Owner(ctx context.Context) (models.Owner, error)
	TurnOwner(ctx context.Context, every time.Duration) (models.Owner, error)
}

const (
	// tellEvery is how often a guard says that it holds back a copy.
	tellEvery = time.Minute
	// staleAfter is how old a verdict may be: an older one is of a process that was stopped for a while.
	staleAfter = 2 * quietFor
)

// Guard keeps a copy of a database from its original's messages: see watch for how. While it holds back a process it
// answers ErrForeign, ErrUnsettled or ErrRenamed.
type Guard struct {
	Shared
	Installation string // the name that the queue was opened by
	Owners       Owners
	Logger       *slog.Logger

	once   sync.Once
	closed sync.Once
	end    chan struct{}
	ended  sync.WaitGroup

	looking sync.Mutex // for watch and told
	watch   watch
	told    time.Time // when it was logged last that others have the queue

	mu      sync.Mutex // for what follows
	tried   time.Time  // when we looked last
	verdict error
}

// check reports whether the queue is ours. The first call begins to give signs, until Close.
func (g *Guard) check(ctx context.Context) error {
	g.once.Do(func() {
		g.end = make(chan struct{})
		g.ended.Go(g.giveSigns)
	})
	if verdict, stale := g.known(); !stale {
		return verdict
	}
	g.looking.Lock()
	defer g.looking.Unlock()
	if verdict, stale := g.known(); !stale {
		return verdict
	}
	return g.look(ctx)
}

func (g *Guard) known() (verdict error, stale bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.verdict, time.Since(g.tried) > staleAfter
}

// giveSigns looks again and again: that is what gives the signs, however long a call of the queue takes.
func (g *Guard) giveSigns() {
	ticker := time.NewTicker(signEvery)
	defer ticker.Stop()
	for {
		select {
		case <-g.end:
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(context.Background(), quietFor)
			g.looking.Lock()
			_ = g.look(ctx)
			g.looking.Unlock()
			cancel()
		}
	}
}

// look finds out whose the queue is. When it cannot, it stays whoever's it was; before that, nobody knows.
func (g *Guard) look(ctx context.Context) error {
	verdict, err := g.settle(ctx)
	g.tell(verdict)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		if g.tried.IsZero() {
			return err
		}
		verdict = g.verdict
	}
	g.tried, g.verdict = time.Now(), verdict
	return verdict
}

// tell says why nothing is taken, now and then.
func (g *Guard) tell(verdict error) {
	w := &g.watch
	waits := errors.Is(verdict, ErrUnsettled) && time.Since(w.sign) >= quietFor
	if !errors.Is(verdict, ErrForeign) && !waits || time.Since(g.told) < tellEvery {
		return
	}
	g.told = time.Now()
	if waits {
		g.Logger.Info("another database with this installation's id was at work on this Redis: this one begins when that has "+
			"given no sign for a minute", "installation", g.Installation, "last_sign", w.last.Seen)
		return
	}
	g.Logger.Error("another database with this installation's id is at work on this Redis: this one is a copy, and takes no "+
		"messages. Stop its programs and give it an id of its own: quantix installation new --yes", "installation", g.Installation)
}

// settle looks until nobody registers in between.
func (g *Guard) settle(ctx context.Context) (verdict, err error) {
	for range 3 {
		seen, there, err := g.Registration(ctx)
		if err != nil {
			return nil, err
		}
		g.watch.observe(seen, there, time.Now())
		settled, verdict, err := g.step(ctx, there)
		if settled || err != nil {
			return verdict, err
		}
	}
	return nil, errBusy
}

// step acts on what was observed. It is not settled when somebody else has registered meanwhile.
func (g *Guard) step(ctx context.Context, there time.Time) (settled bool, verdict, err error) {
	w := &g.watch
	holds := w.holds()
	owner, err := g.owner(ctx, holds)
	switch {
	case err == nil && owner.Installation != g.Installation:
		return true, ErrRenamed, nil
	case err != nil && holds: // signs do not depend on the database
		owner.Token = w.mine.Token
		if w.last.Since.Equal(w.mine.Since) {
			owner.Token = w.last.Token
		}
	case err != nil:
		return false, nil, err
	}
	if holds {
		return g.goOn(ctx, owner, there)
	}
	w.begin(owner)
	if w.joins(owner) {
		return g.register(ctx, Registration{Token: owner.Token, Since: w.last.Since, Seen: there})
	}
	takes, same := w.takes(owner, time.Now())
	if !takes {
		return true, w.refuse(owner, time.Now()), nil
	}
	if owner, err = g.Owners.TurnOwner(ctx, turnEvery); err != nil {
		return false, nil, err
	}
	taken := w.last
	settled, verdict, err = g.register(ctx, Registration{Token: owner.Token, Since: there, Seen: there})
	if settled && !same && err == nil {
		g.Logger.Warn("another database with this installation's id has given no sign for a minute: this one takes its queue",
			"installation", g.Installation, "last_sign", taken.Seen)
	}
	return settled, verdict, err
}

// owner asks the database; who holds the queue turns its token.
func (g *Guard) owner(ctx context.Context, holds bool) (models.Owner, error) {
	if !holds {
		return g.Owners.Owner(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, signEvery)
	defer cancel()
	return g.Owners.TurnOwner(ctx, turnEvery)
}

// goOn gives a sign of one that holds the queue, unless another process has just given one.
func (g *Guard) goOn(ctx context.Context, owner models.Owner, there time.Time) (settled bool, verdict, err error) {
	w := &g.watch
	ours := w.last.Since.Equal(w.mine.Since)
	if ours && w.last.Token == owner.Token && there.Sub(w.last.Seen) < signEvery/2 {
		w.hold(w.last)
		return true, nil, nil
	}
	other := w.last
	settled, verdict, err = g.register(ctx, Registration{Token: owner.Token, Since: w.mine.Since, Seen: there})
	if settled && err == nil && !ours && !other.Since.IsZero() && !knows(owner, other.Token) {
		g.Logger.Warn("another database with this installation's id had begun to work on this Redis; this one was there first, and "+
			"goes on. Give the other an id of its own: quantix installation new --yes", "installation", g.Installation)
	}
	return settled, verdict, err
}

// register puts ours in the place of what was seen.
func (g *Guard) register(ctx context.Context, ours Registration) (settled bool, verdict, err error) {
	done, err := g.Register(ctx, g.watch.last, ours)
	if err != nil || !done {
		return false, nil, err
	}
	if g.watch.foreign {
		g.Logger.Info("the queue belongs to this database again", "installation", g.Installation)
	}
	g.watch.hold(ours)
	return true, nil, nil
}

// Close lets go of the queue. A program of the same database that starts now need not wait for this one's signs to end;
// one that is at work gives the next.
func (g *Guard) Close() error {
	g.closed.Do(func() {
		g.once.Do(func() {}) // no signs from now on
		if g.end == nil {
			return
		}
		close(g.end)
		g.ended.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), signEvery)
		defer cancel()
		if mine := g.watch.mine; g.watch.holds() {
			left := mine
			left.Seen = mine.Seen.Add(-quietFor)
			_, _ = g.Register(ctx, mine, left) // whoever comes later waits for quietFor if this fails
		}
	})
	return g.Shared.Close()
}

// Publish adds messages, if the queue is this database's.
func (g *Guard) Publish(ctx context.Context, bookings []models.BookingRef) (models.QueueMark, error) {
	if err := g.check(ctx); err != nil {
		return models.QueueMark{}, err
	}
	return g.Shared.Publish(ctx, bookings)
}

// Receive returns new messages, if the queue is this database's.
func (g *Guard) Receive(ctx context.Context, consumer string, limit int, wait time.Duration) ([]Message, error) {
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g.Shared.Receive(ctx, consumer, limit, wait)
}

// Reclaim returns messages that lie unacknowledged, if the queue is this database's.
func (g *Guard) Reclaim(ctx context.Context, consumer string, minIdle time.Duration, limit int) ([]Message, error) {
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g.Shared.Reclaim(ctx, consumer, minIdle, limit)
}

// Ack removes messages, if the queue is this database's: what a copy took lies there until the original reclaims it.
func (g *Guard) Ack(ctx context.Context, messages []Message) error {
	if err := g.check(ctx); err != nil {
		return err
	}
	return g.Shared.Ack(ctx, messages)
}

// Mark returns how far the queue has got, if it is this database's.
func (g *Guard) Mark(ctx context.Context) (models.QueueMark, error) {
	if err := g.check(ctx); err != nil {
		return models.QueueMark{}, err
	}
	return g.Shared.Mark(ctx)
}

// Oldest returns the queue's oldest message, if it is this database's.
func (g *Guard) Oldest(ctx context.Context) (*Message, error) {
	if err := g.check(ctx); err != nil {
		return nil, err
	}
	return g.Shared.Oldest(ctx)
}
