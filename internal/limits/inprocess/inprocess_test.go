package inprocess

import (
	"encoding/binary"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/limits"
	"quantix/internal/limits/limitstest"
)

func TestLimiter(t *testing.T) {
	t.Parallel()
	limitstest.Run(t, limitstest.Bench{
		Open: func(*testing.T) [2]limits.Limiter {
			l := New(Options{})
			return [2]limits.Limiter{l, l}
		},
		In: func(t *testing.T, test func(*testing.T)) { synctest.Test(t, test) },
	})
}

// Twice the rate comes in a steady stream: half of it passes, whatever the burst, and a burst more at the start.
func TestLimiter_passes_the_rate(t *testing.T) {
	t.Parallel()
	for text, most := range map[string]int{"50/s/1": 501, "50/s": 503, "50/s/50": 550} {
		synctest.Test(t, func(t *testing.T) {
			rate, err := limits.ParseRate(text)
			if err != nil {
				t.Fatal(err)
			}
			l := New(Options{})
			passed, _ := limitstest.Steady(t, [2]limits.Limiter{l, l}, rate, 1000, 10*time.Millisecond)
			if passed < 500 || passed > most {
				t.Errorf("%s: %d of 1,000 passed, want 500 to %d", text, passed, most)
			}
		})
	}
}

func buyer(n int) limits.Name {
	var user [16]byte
	binary.BigEndian.PutUint64(user[:], uint64(n))
	return limits.Buyer(user, user)
}

func ask(t *testing.T, l *Limiter, n int, rate limits.Rate) bool {
	t.Helper()
	v, err := l.Check(t.Context(), []limits.Ask{{Limit: limits.Bookings, Rate: rate, Key: buyer(n)}})
	if err != nil {
		t.Fatal(err)
	}
	return v.Allowed
}

func (l *Limiter) remembered() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.young) + len(l.old)
}

// Whoever comes with ever new names, as from a network of IPv6, makes the limiter forget, but not grow; and whoever
// asks on meanwhile is not forgotten.
func TestLimiter_is_bounded(t *testing.T) {
	t.Parallel()
	l := New(Options{MaxKeys: 1000})
	rate := limits.Rate{Count: 1, Period: 24 * time.Hour, Burst: 1}
	if !ask(t, l, 0, rate) {
		t.Fatal("the first one was refused")
	}
	for n := range 20_000 {
		ask(t, l, n+1, rate)
		if got := l.remembered(); got > 1000 {
			t.Fatalf("%d keys are remembered, want 1,000 at most", got)
		}
		if n < 500 && ask(t, l, 0, rate) {
			t.Fatalf("after %d others, one was forgotten that is among the newest", n+1)
		}
	}
	if !ask(t, l, 0, rate) {
		t.Error("one that was away for 20,000 others is remembered: it should have given way")
	}
}

func TestLimiter_forgets_what_is_idle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{})
		rate := limits.Rate{Count: 60, Period: time.Minute, Burst: 10}
		for n := range 1000 {
			ask(t, l, n, rate)
		}
		for range 2 {
			time.Sleep(rate.Span() + time.Second)
			ask(t, l, -1, rate)
		}
		if got := l.remembered(); got > 2 {
			t.Errorf("%d keys are remembered after two times the longest burst", got)
		}
	})
}

// An ask that nobody else waits for makes no garbage.
func TestLimiter_allocates_nothing(t *testing.T) {
	l := New(Options{})
	asks := []limits.Ask{
		{Limit: limits.IP, Rate: limits.Rate{Count: 1000, Period: time.Second, Burst: 1000}, Key: buyer(1)},
		{Limit: limits.Bookings, Rate: limits.Rate{Count: 1000, Period: time.Second, Burst: 1000}, Key: buyer(2)},
	}
	ctx := t.Context()
	if got := testing.AllocsPerRun(1000, func() { _, _ = l.Check(ctx, asks) }); got != 0 {
		t.Errorf("%v allocations for a check", got)
	}
}

func BenchmarkCheck(b *testing.B) {
	l := New(Options{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		asks := make([]limits.Ask, 3)
		for n := 0; pb.Next(); n++ {
			for i := range asks {
				asks[i] = limits.Ask{Limit: limits.Limit(i), Rate: limits.Rate{Count: 100, Period: time.Second, Burst: 100}, Key: buyer(n * i % 10_000)}
			}
			_, _ = l.Check(b.Context(), asks)
		}
	})
}
