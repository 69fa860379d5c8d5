package services

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
)

func TestSlots_give_what_is_free(t *testing.T) {
	t.Parallel()
	s := newSemaphore(5)
	for _, step := range []struct{ least, most, want int }{{1, 3, 3}, {1, 9, 2}} {
		if got, err := s.acquire(t.Context(), step.least, step.most); got != step.want || err != nil {
			t.Fatalf("%+v: got %d, error %v", step, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := s.acquire(ctx, 1, 1); got != 0 || err == nil {
		t.Errorf("took %d of none, error %v", got, err)
	}
	s.release(2)
	if got, err := s.acquire(ctx, 3, 3); got != 0 || err == nil {
		t.Errorf("took %d, error %v", got, err)
	}
	if got, err := s.acquire(t.Context(), 2, 2); got != 2 || err != nil {
		t.Errorf("after a vain try: took %d, error %v", got, err)
	}
}

// Many who each need more than half would starve one another if they collected side by side.
func TestSlots_never_deadlock(t *testing.T) {
	t.Parallel()
	const size = 10
	s := newSemaphore(size)
	var held atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				n, err := s.acquire(t.Context(), 7, size)
				if err != nil {
					t.Error(err)
					return
				}
				if now := held.Add(int64(n)); now > size {
					t.Errorf("%d slots of %d are held", now, size)
				}
				held.Add(int64(-n))
				s.release(n)
			}
		})
	}
	group.Wait()
}
