package identity

import (
	"context"
	"sync"
	"time"

	"quantix/internal/models"
)

const (
	// maxKnown bounds each cache.
	maxKnown = 10_000
	// asksAtOnce is how many questions of one cache the store gets at one time, and maxAsked how many may be open:
	// whoever makes keys up must not take the store from those who buy.
	asksAtOnce = 8
	maxAsked   = 1000
	// askTimeout bounds a question, its waiting for a turn included. It is nobody's own.
	askTimeout = 2 * time.Second
	// maxRounds is how often an answer may be overtaken by a revocation before its caller is told to come back.
	maxRounds = 3
)

// cache remembers answers of the store, and asks once for all who want the same one at the same time.
type cache[K comparable, V any] struct {
	guard func(func()) // runs what must not panic
	turns chan struct{}

	mu    sync.RWMutex
	known map[K]V
	asked map[K]*question[V]
	open  int // questions, forgotten ones too
	age   int // grows whenever all is dropped
}

// question is one that is being asked.
type question[V any] struct {
	done   chan struct{}
	age    int // of the cache when it began
	answer V
	err    error
}

func newCache[K comparable, V any](guard func(func())) *cache[K, V] {
	return &cache[K, V]{
		guard: guard, turns: make(chan struct{}, asksAtOnce),
		known: map[K]V{}, asked: map[K]*question[V]{},
	}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, is := c.known[key]
	return v, is
}

// current returns the cache's age, for put.
func (c *cache[K, V]) current() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.age
}

// put remembers what was found out since the cache had an age, unless all was dropped meanwhile.
func (c *cache[K, V]) put(age int, key K, value V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if age == c.age {
		c.keep(key, value)
	}
}

// keep remembers an answer. A cache that is full forgets any other one.
func (c *cache[K, V]) keep(key K, value V) {
	if _, known := c.known[key]; !known && len(c.known) >= maxKnown {
		for any := range c.known {
			delete(c.known, any)
			break
		}
	}
	c.known[key] = value
}

// drop forgets everything, and what is being asked as well: its answer may be older than the reason to forget.
func (c *cache[K, V]) drop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	clear(c.known)
	clear(c.asked)
}

// ask returns an answer that is not older than the last drop. An error is not remembered. Errors: those of fetch,
// models.ErrIdentityUnavailable.
func (c *cache[K, V]) ask(ctx context.Context, key K, fetch func(context.Context) (V, error)) (V, error) {
	var none V
	for range maxRounds {
		q := c.question(key, fetch)
		if q == nil {
			return none, errCrowd
		}
		select {
		case <-q.done:
		case <-ctx.Done():
			return none, models.ErrIdentityUnavailable.With(ctx.Err())
		}
		c.mu.RLock()
		current := q.age == c.age
		c.mu.RUnlock()
		if current {
			return q.answer, q.err
		}
	}
	return none, errOvertaken
}

// question returns the one that is being asked, or begins one; nil when too many are open.
func (c *cache[K, V]) question(key K, fetch func(context.Context) (V, error)) *question[V] {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.asked[key]
	if q == nil && c.open < maxAsked {
		q = &question[V]{done: make(chan struct{}), age: c.age, err: errPanic}
		c.asked[key] = q
		c.open++
		go c.answer(key, q, fetch)
	}
	return q
}

func (c *cache[K, V]) answer(key K, q *question[V], fetch func(context.Context) (V, error)) {
	c.guard(func() { q.answer, q.err = c.fetch(fetch) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if q.age == c.age {
		delete(c.asked, key)
		if q.err == nil {
			c.keep(key, q.answer)
		}
	}
	close(q.done)
}

func (c *cache[K, V]) fetch(fetch func(context.Context) (V, error)) (V, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
		return fetch(ctx)
	case <-ctx.Done():
		var none V
		return none, errCrowd
	}
}
