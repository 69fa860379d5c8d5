package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	// sharedSize is how much a visit may read and still share its transaction: a busy event's batch fills one by itself,
	// and the others would wait for it.
	sharedSize = 32
	// partySize is how many visits share a transaction at most.
	partySize = 256
	// shunFor is how long the events of a party that failed have their transactions to themselves: long enough for their
	// desks to try again, and to find who was to blame, which is then shunned for longer.
	shunFor, shunCulpritFor = 5 * time.Second, time.Minute
	// partyTimeout bounds a party's first round trip.
	partyTimeout = 10 * time.Second
)

// sharing puts small batches of different events into one transaction: one disk sync and one pair of round trips for all
// of them. Nobody waits on purpose: a batch begins at once while fewer transactions than lanes are under way; what comes
// meanwhile is the next party. Correctness never needs it: each event is decided under its own lock as ever.
type sharing struct {
	store *Store
	lanes int
	now   func() time.Time
	lone  chan struct{} // held by guests whose event was somebody else's: they must not take all connections to wait for it

	mu      sync.Mutex
	waiting []*guest
	running int
	shunned map[models.EventID]time.Time // until when
}

// A guest is a visit that waits for its party.
type guest struct {
	*visit
	ctx  context.Context
	done chan struct{} // closed after err was set
	err  error
}

func newSharing(s *Store, lanes int) *sharing {
	most := max(int(s.desk.Config().MaxConns)/2, 1)
	return &sharing{store: s, lanes: lanes, now: time.Now, lone: make(chan struct{}, most), shunned: map[models.EventID]time.Time{}}
}

// shuns tells whether an event is to have its transactions to itself for now.
func (s *sharing) shuns(event models.EventID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, is := s.shunned[event]
	if is && s.now().After(until) {
		delete(s.shunned, event)
		return false
	}
	return is
}

// noteAlone ends the shunning of an event that was not to blame, and prolongs the culprit's.
func (s *sharing) noteAlone(event models.EventID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.shunned, event)
	case errors.Is(err, repository.ErrRejected):
		s.shunned[event] = s.now().Add(shunCulpritFor)
	}
}

func (s *sharing) shun(p party) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for event, until := range s.shunned {
		if now.After(until) {
			delete(s.shunned, event)
		}
	}
	for _, v := range p.visits {
		s.shunned[v.event] = now.Add(shunFor)
	}
}

// join has a visit decided with others, and gives what became of it.
func (s *sharing) join(ctx context.Context, v *visit) error {
	g := &guest{visit: v, ctx: ctx, done: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, g)
	if s.running < s.lanes {
		s.running++
		go s.work()
	}
	s.mu.Unlock()
	<-g.done
	return g.err
}

// work serves party after party until nobody waits.
func (s *sharing) work() {
	for {
		guests := s.next()
		if len(guests) == 0 {
			return
		}
		s.serve(guests)
	}
}

// next takes those who wait, each event once; a second batch of one is for the next party.
func (s *sharing) next() (guests []*guest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := make(map[models.EventID]bool, len(s.waiting))
	var later []*guest
	for _, g := range s.waiting {
		switch {
		case g.ctx.Err() != nil:
			g.leave()
		case events[g.event] || len(guests) == partySize:
			later = append(later, g)
		default:
			events[g.event] = true
			guests = append(guests, g)
		}
	}
	s.waiting = later
	if len(guests) == 0 {
		s.running--
	}
	return guests
}

// serve decides a party, and never waits for an event: those whose event was somebody else's go on alone, out of the lane.
func (s *sharing) serve(guests []*guest) {
	p := party{}
	for _, g := range guests {
		p.visits = append(p.visits, g.visit)
	}
	p.sort()
	ctx, cancel := context.WithTimeout(guests[0].patience(len(guests) == 1), partyTimeout)
	defer cancel()
	err := s.store.transact(ctx, p)
	if len(guests) > 1 && blames(err) {
		s.shun(p)
		err = fmt.Errorf("%w: with the batches of %d other events: %s", repository.ErrConflict, len(guests)-1, err.Error())
	}
	for _, g := range guests {
		if g.held || err != nil {
			g.end(err)
		} else {
			go s.alone(g)
		}
	}
}

// blames tells whether one of a party may be to blame for its failure, or have lost against another transaction or a lock.
// Nothing was changed then, and each may try again by itself. A database that cannot be reached is nobody's fault.
func blames(err error) bool {
	return errors.Is(err, repository.ErrRejected) || errors.Is(err, repository.ErrConflict) || sqlState(err) == lockNotAvailable
}

// alone gives a guest whose event was somebody else's a transaction of its own, which waits.
func (s *sharing) alone(g *guest) {
	select {
	case s.lone <- struct{}{}:
		defer func() { <-s.lone }()
		g.end(s.store.alone(g.ctx, g.visit))
	case <-g.ctx.Done():
		g.leave()
	}
}

// patience gives the context of a transaction: the guest's own, or when it has company, one that no guest can end.
func (g *guest) patience(alone bool) context.Context {
	if alone {
		return g.ctx
	}
	return context.WithoutCancel(g.ctx)
}

func (g *guest) end(err error) {
	g.err = err
	close(g.done)
}

// leave ends a guest whose time was over before anything was done.
func (g *guest) leave() { g.end(fmt.Errorf("%w: %w", repository.ErrUnavailable, g.ctx.Err())) }
