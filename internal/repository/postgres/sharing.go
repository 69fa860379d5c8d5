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
	// desks to try again, and to find who was to blame.
	shunFor = 5 * time.Second
	// partyTimeout bounds a party's first round trip.
	partyTimeout = 10 * time.Second
)

// sharing puts small batches of different events into one transaction: one disk sync and one pair of round trips for all
// of them. Nobody waits on purpose: a batch begins at once while fewer transactions than lanes are under way; what comes
// meanwhile is the next party. Correctness never needs it: each event is decided under its own lock as ever.
type sharing struct {
	store *Store
	lanes int

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
	return &sharing{store: s, lanes: lanes, shunned: map[models.EventID]time.Time{}}
}

// shuns tells whether an event is to have its transactions to itself for now.
func (s *sharing) shuns(event models.EventID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, is := s.shunned[event]
	if is && time.Now().After(until) {
		delete(s.shunned, event)
		return false
	}
	return is
}

// join has a visit decided with others, and gives what became of it.
func (s *sharing) join(ctx context.Context, v *visit) error {
	g := &guest{visit: v, ctx: ctx, done: make(chan struct{})}
	decide := v.decide
	v.decide = func(state *models.EventState) {
		// The others must not fall with a rule that panics, and whoever asked for it must learn of it.
		defer func() { v.fault = recover() }()
		decide(state)
	}
	s.mu.Lock()
	s.waiting = append(s.waiting, g)
	if s.running < s.lanes {
		s.running++
		go s.work()
	}
	s.mu.Unlock()
	<-g.done
	if v.fault != nil {
		panic(v.fault)
	}
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
		if g.ctx.Err() != nil {
			g.end(fmt.Errorf("%w: %w", repository.ErrUnavailable, g.ctx.Err()))
			continue
		}
		if events[g.event] || len(guests) == partySize {
			later = append(later, g)
			continue
		}
		events[g.event] = true
		guests = append(guests, g)
	}
	s.waiting = later
	if len(guests) == 0 {
		s.running--
	}
	return guests
}

// serve decides a party. Those whose event was somebody else's go on alone, each in its own time.
func (s *sharing) serve(guests []*guest) {
	if len(guests) == 1 {
		g := guests[0]
		g.end(s.store.alone(g.ctx, g.visit))
		return
	}
	p := party{}
	for _, g := range guests {
		p.visits = append(p.visits, g.visit)
	}
	p.sort()
	ctx, cancel := context.WithTimeout(context.Background(), partyTimeout)
	defer cancel()
	err := s.store.transact(ctx, p)
	if err != nil && !errors.Is(err, repository.ErrCommitUnknown) {
		s.shun(p)
		// One of them may be to blame, or wait for a lock: nothing was changed, and each may try again by itself.
		err = fmt.Errorf("%w: with the batches of %d other events: %s", repository.ErrConflict, len(guests)-1, err)
	}
	for _, g := range guests {
		if g.held || err != nil {
			g.end(err)
		} else {
			go func() { g.end(s.store.alone(g.ctx, g.visit)) }()
		}
	}
}

func (s *sharing) shun(p party) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for event, until := range s.shunned {
		if now.After(until) {
			delete(s.shunned, event)
		}
	}
	for _, v := range p.visits {
		s.shunned[v.event] = now.Add(shunFor)
	}
}

func (g *guest) end(err error) {
	g.err = err
	close(g.done)
}
