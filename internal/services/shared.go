package services

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// sharedReads has all who ask for the same thing at the same time share a query. Whoever comes while one is under way
// is answered by the next, which begins after they came: nobody is shown less than what was committed before they
// asked. A thousand readers of one event so cost two queries in the time of one, and a single reader waits for nobody.
//
// A query ends when all who asked for it have left, and few are under way at once: one client that asks for something
// else each time does not take the store from everybody.
type sharedReads[K comparable, V any] struct {
	query  func(context.Context, K) (V, error)
	bounds readBounds
	slots  chan struct{} // holds a token for each query under way

	mu   sync.Mutex
	keys map[K]*shareable[V]
}

// readBounds say how much shared reads may ask of a store.
type readBounds struct {
	atOnce  int           // queries under way
	waiting int           // different things asked for; further ones are refused
	timeout time.Duration // of a query, the wait for its turn included
}

// shareable is what is asked about one key now: a query is under way, and perhaps some wait for the next.
type shareable[V any] struct{ next *sharedRead[V] }

// sharedRead is one query with those who wait for it.
type sharedRead[V any] struct {
	askers int                // who wait; guarded by mu of sharedReads
	cancel context.CancelFunc // nil: not begun
	done   chan struct{}      // closed after value and err were set
	value  V
	err    error
}

func newSharedReads[K comparable, V any](
	bounds readBounds, query func(context.Context, K) (V, error),
) *sharedReads[K, V] {
	return &sharedReads[K, V]{
		query: query, bounds: bounds, slots: make(chan struct{}, bounds.atOnce), keys: map[K]*shareable[V]{},
	}
}

// get returns the answer to a key. It is shared: nobody may change it. Error: the query's, repository.ErrUnavailable
// when the context ends first, or models.ErrUnavailable when too much is asked for.
func (s *sharedReads[K, V]) get(ctx context.Context, key K) (V, error) {
	var none V
	one := s.join(ctx, key)
	if one == nil {
		return none, models.ErrUnavailable.Say("Too many different things are being read at the same time; ask again shortly.")
	}
	select {
	case <-one.done:
		return one.value, one.err
	case <-ctx.Done():
		s.leave(one)
		return none, fmt.Errorf("%w: waiting for a shared query: %w", repository.ErrUnavailable, ctx.Err())
	}
}

// join returns the query that will answer whoever comes now, and begins it unless another one is under way; nil when
// too much is asked for.
func (s *sharedReads[K, V]) join(ctx context.Context, key K) *sharedRead[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked := s.keys[key]; asked != nil {
		if asked.next == nil {
			asked.next = &sharedRead[V]{done: make(chan struct{})}
		}
		asked.next.askers++
		return asked.next
	}
	if len(s.keys) >= s.bounds.waiting {
		return nil
	}
	one := &sharedRead[V]{done: make(chan struct{}), askers: 1}
	s.keys[key] = &shareable[V]{}
	go s.work(context.WithoutCancel(ctx), key, one)
	return one
}

// leave counts one out who asked; the last one ends the query.
func (s *sharedReads[K, V]) leave(one *sharedRead[V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one.askers--; one.askers == 0 && one.cancel != nil {
		one.cancel()
	}
}

// work makes query after query of one key, until nobody waits for another.
func (s *sharedReads[K, V]) work(ctx context.Context, key K, one *sharedRead[V]) {
	for one != nil {
		s.answer(ctx, key, one)
		one = s.following(key)
	}
}

func (s *sharedReads[K, V]) answer(ctx context.Context, key K, one *sharedRead[V]) {
	ctx, cancel := context.WithTimeout(ctx, s.bounds.timeout)
	defer cancel()
	defer close(one.done)
	defer func() {
		if fault := recover(); fault != nil {
			one.err = models.ErrInternal.With(fmt.Errorf("a shared query panicked: %v\n%s", fault, debug.Stack()))
		}
	}()
	s.begin(one, cancel)
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		one.err = fmt.Errorf("%w: waiting for the turn of a shared query: %w", repository.ErrUnavailable, ctx.Err())
		return
	}
	one.value, one.err = s.query(ctx, key)
}

// begin lets those who asked end the query, if there are any left.
func (s *sharedReads[K, V]) begin(one *sharedRead[V], cancel context.CancelFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.cancel = cancel
	if one.askers == 0 {
		cancel()
	}
}

// following returns the query that some wait for by now; nil when nobody does.
func (s *sharedReads[K, V]) following(key K) *sharedRead[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.keys[key].next
	if next == nil || next.askers == 0 {
		delete(s.keys, key)
		return nil
	}
	s.keys[key].next = nil
	return next
}
