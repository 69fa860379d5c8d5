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

// sharedTimeout bounds a shared query, which none of those who wait for it may end for the others.
const sharedTimeout = 10 * time.Second

// sharedReads has all who ask for the same thing at the same time share a query. Whoever comes while one is under way is
// answered by the next, which begins after they came: nobody is shown less than what was committed before they asked.
// A thousand readers of one event so cost two queries in the time of one, and a single reader waits for nobody.
type sharedReads[K comparable, V any] struct {
	query func(context.Context, K) (V, error)

	mu   sync.Mutex
	keys map[K]*shareable[V]
}

// shareable is what is asked about one key now: a query is under way, and perhaps some wait for the next.
type shareable[V any] struct{ next *sharedRead[V] }

// sharedRead is one query with those who wait for it.
type sharedRead[V any] struct {
	done  chan struct{} // closed after value and err were set
	value V
	err   error
}

func newSharedReads[K comparable, V any](query func(context.Context, K) (V, error)) *sharedReads[K, V] {
	return &sharedReads[K, V]{query: query, keys: map[K]*shareable[V]{}}
}

// get gives the answer to a key. It is shared: nobody may change it. Error: the query's, or repository.ErrUnavailable when
// the context ends first.
func (s *sharedReads[K, V]) get(ctx context.Context, key K) (V, error) {
	one := s.join(ctx, key)
	select {
	case <-one.done:
		return one.value, one.err
	case <-ctx.Done():
		var none V
		return none, fmt.Errorf("%w: waiting for a shared query: %w", repository.ErrUnavailable, ctx.Err())
	}
}

// join gives the query that will answer whoever comes now, and begins it unless another one is under way.
func (s *sharedReads[K, V]) join(ctx context.Context, key K) *sharedRead[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asked := s.keys[key]; asked != nil {
		if asked.next == nil {
			asked.next = &sharedRead[V]{done: make(chan struct{})}
		}
		return asked.next
	}
	one := &sharedRead[V]{done: make(chan struct{})}
	s.keys[key] = &shareable[V]{}
	go s.work(context.WithoutCancel(ctx), key, one)
	return one
}

// work makes query after query of one key, until nobody waits for another.
func (s *sharedReads[K, V]) work(ctx context.Context, key K, one *sharedRead[V]) {
	for one != nil {
		s.answer(ctx, key, one)
		one = s.following(key)
	}
}

func (s *sharedReads[K, V]) answer(ctx context.Context, key K, one *sharedRead[V]) {
	ctx, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	defer close(one.done)
	defer func() {
		if fault := recover(); fault != nil {
			one.err = models.ErrInternal.With(fmt.Errorf("a shared query panicked: %v\n%s", fault, debug.Stack()))
		}
	}()
	one.value, one.err = s.query(ctx, key)
}

// following gives the query that some wait for by now; nil when nobody does.
func (s *sharedReads[K, V]) following(key K) *sharedRead[V] {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.keys[key].next
	if next == nil {
		delete(s.keys, key)
		return nil
	}
	s.keys[key].next = nil
	return next
}
