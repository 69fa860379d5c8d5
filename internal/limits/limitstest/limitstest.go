// Package limitstest is the suite that every limiter must pass.
package limitstest

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/limits"
)

// Bench is where limiters are put to the test.
type Bench struct {
	// Open opens two limiters that count together, and have counted nothing.
	Open func(t *testing.T) [2]limits.Limiter
	// In runs a test, with its clock.
	In func(t *testing.T, test func(t *testing.T))
}

// Run puts limiters to the test.
func Run(t *testing.T, bench Bench) {
	tests := map[string]func(*testing.T, [2]limits.Limiter){
		"lets a burst pass, and no more":             testBurst,
		"lets a request pass when one is earned":     testEarned,
		"counts each key by itself":                  testKeys,
		"charges all asks or none":                   testAllOrNone,
		"tells the decisive ask":                     testDecisive,
		"tells how a key stands":                     testStanding,
		"asks nothing where nothing is asked":        testNothing,
		"charges a refused request nothing":          testRefused,
		"lets exactly a burst pass at one moment":    testConcurrent,
		"gives up with the caller's context":         testContext,
		"tells keys apart by their limit":            testLimitsApart,
		"does not lock out whoever had a lower rate": testOtherRate,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bench.In(t, func(t *testing.T) { test(t, bench.Open(t)) })
		})
	}
}

// slow earns a request only long after any test, fast soon.
var (
	slow = limits.Rate{Count: 5, Period: 24 * time.Hour, Burst: 3}
	fast = limits.Rate{Count: 5, Period: time.Second, Burst: 1}
)

// ask asks for the address 192.0.2.n.
func ask(n byte, rate limits.Rate) limits.Ask {
	return limits.Ask{Limit: limits.IP, Rate: rate, Key: limits.Address(netip.AddrFrom4([4]byte{192, 0, 2, n}))}
}

func check(t *testing.T, l limits.Limiter, asks ...limits.Ask) limits.Verdict {
	t.Helper()
	v, err := l.Check(t.Context(), asks)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func want(t *testing.T, allowed bool, l limits.Limiter, asks ...limits.Ask) limits.Verdict {
	t.Helper()
	v := check(t, l, asks...)
	if v.Allowed != allowed {
		t.Fatalf("allowed: %v, want %v: %+v", v.Allowed, allowed, v)
	}
	return v
}

func testBurst(t *testing.T, l [2]limits.Limiter) {
	for i := range 3 {
		want(t, true, l[i%2], ask(1, slow))
	}
	want(t, false, l[0], ask(1, slow))
	want(t, false, l[1], ask(1, slow))
}

func testEarned(t *testing.T, l [2]limits.Limiter) {
	want(t, true, l[0], ask(1, fast))
	v := check(t, l[1], ask(1, fast))
	for v.Allowed { // this machine slept for the time that earns a request
		v = check(t, l[1], ask(1, fast))
	}
	wait := v.Standings[0].RetryAfter
	if wait <= 0 || wait > fast.Interval() {
		t.Fatalf("to be asked again after %s", wait)
	}
	time.Sleep(wait)
	want(t, true, l[1], ask(1, fast))
}

func testKeys(t *testing.T, l [2]limits.Limiter) {
	for n := range byte(50) {
		for range 3 {
			want(t, true, l[0], ask(n, slow))
		}
	}
	for n := range byte(50) {
		want(t, false, l[1], ask(n, slow))
	}
}

func testLimitsApart(t *testing.T, l [2]limits.Limiter) {
	id := [16]byte{192, 0, 2, 1}
	one := limits.Ask{Limit: limits.Key, Rate: slow, Key: limits.Principal(id)}
	other := limits.Ask{Limit: limits.Bookings, Rate: slow, Key: limits.Principal(id)}
	for range 3 {
		want(t, true, l[0], one)
	}
	want(t, true, l[0], other)
	want(t, false, l[0], one)
}

func testAllOrNone(t *testing.T, l [2]limits.Limiter) {
	for range 3 {
		want(t, true, l[0], ask(2, slow))
	}
	for range 10 {
		want(t, false, l[1], ask(1, slow), ask(2, slow), ask(3, slow))
	}
	for range 3 { // the refused ones have cost nothing
		want(t, true, l[0], ask(1, slow), ask(3, slow))
	}
	want(t, false, l[0], ask(1, slow))
	want(t, false, l[0], ask(3, slow))
}

func testDecisive(t *testing.T, l [2]limits.Limiter) {
	roomy := limits.Rate{Count: 5, Period: 24 * time.Hour, Burst: 100}
	if v := want(t, true, l[0], ask(1, roomy), ask(2, slow)); v.Decisive != 1 {
		t.Errorf("decisive: %d, want the one with least left: %+v", v.Decisive, v)
	}
	want(t, true, l[0], ask(2, slow))
	want(t, true, l[0], ask(2, slow))
	longer := limits.Rate{Count: 1, Period: 24 * time.Hour, Burst: 1}
	want(t, true, l[0], ask(3, longer))
	if v := want(t, false, l[0], ask(1, roomy), ask(2, slow), ask(3, longer)); v.Decisive != 2 {
		t.Errorf("decisive: %d, want the one that is to be waited for longest: %+v", v.Decisive, v)
	}
}

func testStanding(t *testing.T, l [2]limits.Limiter) {
	near := func(name string, got, want time.Duration) {
		t.Helper()
		if got > want || got < want-time.Hour { // of whatever time the test takes
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	interval := slow.Interval()
	half := interval / 2 // by which a request may come early
	for left := int64(2); left >= 0; left-- {
		s := want(t, true, l[0], ask(1, slow)).Standings[0]
		if s.Remaining != left {
			t.Errorf("remaining: %d, want %d", s.Remaining, left)
		}
		near("reset", s.ResetAfter, half)
		if left > 0 && s.RetryAfter != 0 {
			t.Errorf("with %d left, to be asked again after %s", left, s.RetryAfter)
		}
	}
	refused := want(t, false, l[1], ask(1, slow)).Standings[0]
	near("retry", refused.RetryAfter, half)
	if refused.RetryAfter != refused.ResetAfter || refused.Remaining != 0 {
		t.Errorf("refused: %+v", refused)
	}
}

func testNothing(t *testing.T, l [2]limits.Limiter) { want(t, true, l[0]) }

func testRefused(t *testing.T, l [2]limits.Limiter) {
	for range 3 {
		want(t, true, l[0], ask(1, slow))
	}
	first := want(t, false, l[0], ask(1, slow)).Standings[0].RetryAfter
	for range 100 {
		want(t, false, l[1], ask(1, slow))
	}
	if last := want(t, false, l[0], ask(1, slow)).Standings[0].RetryAfter; last > first {
		t.Errorf("whoever asks in vain has to wait longer: %s, then %s", first, last)
	}
}

func testConcurrent(t *testing.T, l [2]limits.Limiter) {
	rate := limits.Rate{Count: 5, Period: 24 * time.Hour, Burst: 100}
	var passed atomic.Int64
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			for range 10 {
				v, err := l[i%2].Check(t.Context(), []limits.Ask{ask(1, rate), ask(byte(i+2), slowest)})
				if err != nil {
					t.Error(err)
				}
				if v.Allowed {
					passed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	if passed.Load() != rate.Burst {
		t.Errorf("%d passed, want %d", passed.Load(), rate.Burst)
	}
}

// slowest has room for all that a test asks.
var slowest = limits.Rate{Count: 1000, Period: 24 * time.Hour, Burst: 1000}

func testContext(t *testing.T, l [2]limits.Limiter) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l[0].Check(ctx, []limits.Ask{ask(1, slow)}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func testOtherRate(t *testing.T, l [2]limits.Limiter) {
	for range 3 {
		want(t, true, l[0], ask(1, slow))
	}
	v := check(t, l[1], ask(1, fast))
	if wait := v.Standings[0].RetryAfter; wait > fast.Interval() {
		t.Errorf("to be asked again after %s", wait)
	}
}

// Steady asks for one key in a steady stream, on two limiters in turn, so many times and so often, and returns how many
// passed, and for how long this machine stalled in between: what should have come meanwhile came at once.
func Steady(
	t *testing.T, l [2]limits.Limiter, rate limits.Rate, times int, every time.Duration,
) (passed int, stalled time.Duration) {
	t.Helper()
	begun := time.Now()
	last := begun
	for i := range times {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * every)))
		if gap := time.Since(last); gap > every*3/2 {
			stalled += gap - every
		}
		last = time.Now()
		if check(t, l[i%2], ask(1, rate)).Allowed {
			passed++
		}
	}
	return passed, stalled
}
