package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/batch"
	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	// sharedSize is how much a call may read and still share its transaction: a busy event's batch fills one by itself,
	// and the others would wait for it.
	sharedSize = 32
	// maxEventsPerTx is how many calls, each of another event, share a transaction at most.
	maxEventsPerTx = 256
	// isolateFor is how long the events of a shared transaction that failed get transactions of their own: long enough
	// for their desks to try again, and to find the culprit, which is then isolated for longer.
	isolateFor, isolateCulpritFor = 5 * time.Second, time.Minute
	// sharedTxTimeout bounds a shared transaction's first round trip.
	sharedTxTimeout = 10 * time.Second
)

// sharing puts small batches of different events into one transaction: one disk sync and one pair of round trips for
// all of them (package batch). Correctness never needs it: each event is decided under its own lock as ever.
type sharing struct {
	store   *Store
	waiters batch.Batcher[*waiter]
	now     func() time.Time
	// held by waiters whose event was locked elsewhere: they must not take all connections to wait for it
	solo chan struct{}
	// how many more transactions go the usual way (see presume), because several events have shared one
	mixed atomic.Int32

	mu       sync.Mutex
	isolated map[models.EventID]time.Time // until when
}

// A waiter is a call that waits for its transaction.
type waiter struct {
	*deskCall
	ctx  context.Context
	done chan struct{} // closed after err was set
	err  error
}

func newSharing(s *Store, maxTx int) *sharing {
	soloLimit := max(int(s.desk.Config().MaxConns)/2, 1)
	sharing := &sharing{
		store: s, now: time.Now, solo: make(chan struct{}, soloLimit), isolated: map[models.EventID]time.Time{},
	}
	sharing.waiters.Run, sharing.waiters.Pick, sharing.waiters.Calls = sharing.serve, eachEventOnce, maxTx
	return sharing
}

// isolates reports whether an event gets transactions of its own for now.
func (s *sharing) isolates(event models.EventID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, is := s.isolated[event]
	if is && s.now().After(until) {
		delete(s.isolated, event)
		return false
	}
	return is
}

// noteSolo ends the isolation of an event that was not the culprit, and prolongs the culprit's.
func (s *sharing) noteSolo(event models.EventID, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		delete(s.isolated, event)
	case errors.Is(err, repository.ErrRejected):
		s.isolated[event] = s.now().Add(isolateCulpritFor)
	}
}

func (s *sharing) isolate(tx sharedTx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for event, until := range s.isolated {
		if now.After(until) {
			delete(s.isolated, event)
		}
	}
	for _, v := range tx.calls {
		s.isolated[v.event] = now.Add(isolateFor)
	}
}

// join has a call decided with others, and returns what became of it.
func (s *sharing) join(ctx context.Context, v *deskCall) error {
	w := &waiter{deskCall: v, ctx: ctx, done: make(chan struct{})}
	s.waiters.Do(w)
	<-w.done
	return w.err
}

// eachEventOnce takes the calls that wait, each event once; a second batch of one event is for the next transaction.
func eachEventOnce(waiting []*waiter) (next, rest []*waiter) {
	events := make(map[models.EventID]bool, len(waiting))
	for _, w := range waiting {
		switch {
		case w.ctx.Err() != nil:
			w.leave()
		case events[w.event] || len(next) == maxEventsPerTx:
			rest = append(rest, w)
		default:
			events[w.event] = true
			next = append(next, w)
		}
	}
	return next, rest
}

// serve decides calls in one transaction, which never waits for an event: those whose event was locked elsewhere go on
// by themselves, and this goroutine with the next transaction.
func (s *sharing) serve(waiters []*waiter) {
	tx := sharedTx{}
	for _, w := range waiters {
		tx.calls = append(tx.calls, w.deskCall)
	}
	tx.sort()
	tx.presumes = s.unmixed(len(waiters))
	ctx, cancel := context.WithTimeout(waiters[0].txContext(len(waiters) == 1), sharedTxTimeout)
	defer cancel()
	err := s.store.transact(ctx, tx)
	if len(waiters) > 1 && mayHaveCulprit(err) {
		s.isolate(tx)
		err = fmt.Errorf("%w: with the batches of %d other events: %s", repository.ErrConflict, len(waiters)-1, err.Error())
	}
	for _, w := range waiters {
		if w.held || err != nil {
			w.end(err)
		} else {
			go s.runSolo(w)
		}
	}
}

// mixedFor is after how many transactions of one event each the next such may rest on what is remembered. A quick one is
// not what many events need: the longer a transaction takes, the more of them share the next.
const mixedFor = 32

func (s *sharing) unmixed(events int) bool {
	if events > 1 {
		s.mixed.Store(mixedFor)
		return false
	}
	if s.mixed.Load() > 0 {
		s.mixed.Add(-1)
		return false
	}
	return true
}

// mayHaveCulprit reports whether one call may be to blame for a shared transaction's failure, or have lost against
// another transaction or a lock. Nothing was changed then, and each may try again by itself. A database that cannot be
// reached is no call's fault.
func mayHaveCulprit(err error) bool {
	return errors.Is(err, repository.ErrRejected) || errors.Is(err, repository.ErrConflict) ||
		sqlState(err) == lockNotAvailable
}

// runSolo gives a call whose event was locked elsewhere a transaction of its own, which waits.
func (s *sharing) runSolo(w *waiter) {
	select {
	case s.solo <- struct{}{}:
		defer func() { <-s.solo }()
		w.end(s.store.runSolo(w.ctx, w.deskCall))
	case <-w.ctx.Done():
		w.leave()
	}
}

// txContext returns the context of a transaction: the waiter's own, or when others share it, one that no waiter can
// end.
func (w *waiter) txContext(unshared bool) context.Context {
	if unshared {
		return w.ctx
	}
	return context.WithoutCancel(w.ctx)
}

func (w *waiter) end(err error) {
	w.err = err
	close(w.done)
}

// leave ends a waiter whose time was over before anything was done.
func (w *waiter) leave() { w.end(fmt.Errorf("%w: %w", repository.ErrUnavailable, w.ctx.Err())) }
