package services

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
)

// counted is a query that takes a second and gives how many were begun before it.
type counted struct{ begun, under, most atomic.Int64 }

func (c *counted) query(context.Context, string) (int64, error) {
	n := c.begun.Add(1)
	c.most.Store(max(c.most.Load(), c.under.Add(1)))
	defer c.under.Add(-1)
	time.Sleep(time.Second) // the bubble's clock
	return n, nil
}

// remembered is how many keys somebody asks about.
func (s *sharedReads[K, V]) remembered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

func TestSharedReads_answer_a_crowd_with_two_queries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c counted
		reads := newSharedReads(wide, c.query)
		var crowd sync.WaitGroup
		ask := func(want int64) {
			crowd.Go(func() {
				if got, err := reads.get(t.Context(), "event"); got != want || err != nil {
					t.Errorf("answered by query %d (%v), want %d", got, err, want)
				}
			})
			synctest.Wait()
		}
		ask(1)
		time.Sleep(time.Millisecond)
		for range 100 {
			ask(2) // not by the first: it may have seen less than what was committed before they asked
		}
		crowd.Wait()
		if ask(3); reads.remembered() != 1 {
			t.Errorf("%d keys, want the one that is asked about", reads.remembered())
		}
		if crowd.Wait(); c.begun.Load() != 3 || c.most.Load() != 1 {
			t.Errorf("%d queries, %d at a time, want 3, one after another", c.begun.Load(), c.most.Load())
		}
		if synctest.Wait(); reads.remembered() != 0 {
			t.Errorf("%d keys are remembered of what nobody asks about", reads.remembered())
		}
	})
}

func TestSharedReads_of_other_keys_do_not_wait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c counted
		reads, begun := newSharedReads(wide, c.query), time.Now()
		var both sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			both.Go(func() { _, _ = reads.get(t.Context(), key) })
		}
		if both.Wait(); time.Since(begun) != time.Second {
			t.Errorf("two keys took %s, want the time of one", time.Since(begun))
		}
	})
}

func TestSharedReads_outlive_who_began_them(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c counted
		reads := newSharedReads(wide, c.query)
		ctx, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := reads.get(ctx, "event"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who left got %v", err)
		}
		if got, err := reads.get(t.Context(), "event"); got != 2 || err != nil {
			t.Errorf("who came after got %d, %v", got, err)
		}
	})
}

func TestSharedReads_hand_on_errors_and_panics(t *testing.T) {
	t.Parallel()
	reads := newSharedReads(wide, func(_ context.Context, key string) (int, error) {
		if key == "panic" {
			panic("on purpose")
		}
		return 0, models.ErrEventNotFound
	})
	if _, err := reads.get(t.Context(), "unknown"); !models.ErrEventNotFound.Is(err) {
		t.Errorf("an error came out as %v", err)
	}
	for range 2 { // and the key is not held for ever
		if _, err := reads.get(t.Context(), "panic"); !errors.Is(err, models.ErrInternal) {
			t.Errorf("a panic came out as %v", err)
		}
	}
}

// wide bounds nothing that a test here does.
var wide = readBounds{atOnce: 100, waiting: 100, timeout: 10 * time.Second}

// waitingQuery takes until its context ends.
func (c *counted) waitingQuery(ctx context.Context, _ string) (int64, error) {
	n := c.begun.Add(1)
	c.most.Store(max(c.most.Load(), c.under.Add(1)))
	defer c.under.Add(-1)
	<-ctx.Done()
	return n, ctx.Err()
}

// Whoever hangs up takes their query along, unless others wait for it.
func TestSharedReads_end_when_all_who_asked_have_left(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c counted
		reads := newSharedReads(wide, c.waitingQuery)
		first, leaveFirst := context.WithCancel(t.Context())
		second, leaveSecond := context.WithCancel(t.Context())
		defer leaveSecond()
		ask := func(ctx context.Context) {
			go func() { _, _ = reads.get(ctx, "q") }()
			synctest.Wait()
		}
		ask(first)
		ask(first) // this one waits for the next query
		ask(second)
		if c.under.Load() != 1 {
			t.Fatalf("%d queries", c.under.Load())
		}
		leaveFirst()
		synctest.Wait()
		if c.under.Load() != 1 || c.begun.Load() != 2 {
			t.Errorf("%d of %d queries are under way; the second waits for one", c.under.Load(), c.begun.Load())
		}
		leaveSecond()
		synctest.Wait()
		if c.under.Load() != 0 || c.begun.Load() != 2 || reads.remembered() != 0 {
			t.Errorf("%d of %d queries outlive all who asked, %d keys", c.under.Load(), c.begun.Load(), reads.remembered())
		}
	})
}

// One client that asks for something else each time does not take the store from others.
func TestSharedReads_are_bounded_in_number(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c counted
		reads := newSharedReads(readBounds{atOnce: 4, waiting: 50, timeout: 10 * time.Second}, c.query)
		var group sync.WaitGroup
		var refused atomic.Int64
		for i := range 400 {
			group.Go(func() {
				if _, err := reads.get(t.Context(), strconv.Itoa(i)); errors.Is(err, models.ErrUnavailable) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		if refused.Load() != 350 || c.under.Load() != 4 {
			t.Errorf("%d refused at once, %d under way", refused.Load(), c.under.Load())
		}
		group.Wait()
		if c.most.Load() != 4 || reads.remembered() != 0 {
			t.Errorf("%d at once, %d keys left", c.most.Load(), reads.remembered())
		}
	})
}
