package pace_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments/pace"
)

var (
	answered  = models.Result{Outcome: models.OutcomeSucceeded}
	throttled = models.Result{Outcome: models.OutcomeUnavailable, Stall: models.StallThrottled}
	away      = models.Result{Outcome: models.OutcomeUnavailable, Stall: models.StallAway}
)

// a limited gateway takes some calls a second, and refuses the rest.
type limited struct {
	perSecond, taken, calls, refused int
	second                           time.Time
}

func (g *limited) call(now time.Time) models.Result {
	if now.Sub(g.second) >= time.Second {
		g.second, g.taken = now, 0
	}
	g.calls++
	if g.taken++; g.taken > g.perSecond {
		g.refused++
		return throttled
	}
	return answered
}

func call(t *testing.T, p *pace.Pacer, answer func(time.Time) models.Result) {
	t.Helper()
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	p.Note(begun, answer(begun))
}

// Calls come as fast as they may, from many at once. After a few seconds most are taken, and the gateway is kept busy.
func TestPacer_finds_the_rate(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []int{25, 100} {
		synctest.Test(t, func(t *testing.T) {
			var p pace.Pacer
			g := &limited{perSecond: perSecond}
			for range 10 * perSecond { // a burst, which the limit ends
				if call(t, &p, g.call); g.refused > 0 {
					break
				}
			}
			for begun := time.Now(); time.Since(begun) < 20*time.Second; {
				call(t, &p, g.call)
			}
			*g = limited{perSecond: perSecond}
			for begun := time.Now(); time.Since(begun) < time.Minute; {
				call(t, &p, g.call)
			}
			if taken := g.calls - g.refused; taken < perSecond*60*65/100 {
				t.Errorf("%d a second: %d calls taken in a minute", perSecond, taken)
			}
			if g.refused*10 > g.calls {
				t.Errorf("%d a second: %d of %d calls refused", perSecond, g.refused, g.calls)
			}
		})
	}
}

func TestPacer_lets_all_go_that_nobody_limits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pace.Pacer
		begun := time.Now()
		for range 10_000 {
			call(t, &p, func(time.Time) models.Result { return answered })
		}
		if p.Room(1000) != 1000 || time.Since(begun) > 0 {
			t.Errorf("room for %d after %s", p.Room(1000), time.Since(begun))
		}
	})
}

// A single refusal slows calls down; without another one the limit goes.
func TestPacer_recovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pace.Pacer
		call(t, &p, func(time.Time) models.Result { return throttled })
		if room := p.Room(1000); room > 10 {
			t.Errorf("room for %d after a refusal", room)
		}
		for begun := time.Now(); p.Room(100_000) < 100_000; {
			call(t, &p, func(time.Time) models.Result { return answered })
			time.Sleep(time.Second)
			if time.Since(begun) > 10*time.Minute {
				t.Fatal("there is a limit still")
			}
		}
	})
}

func TestPacer_waits_as_long_as_it_is_told(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for after, least := range map[time.Duration]time.Duration{7 * time.Second: 7 * time.Second, 24 * time.Hour: 30 * time.Second} {
			var p pace.Pacer
			refusal := throttled
			refusal.RetryAfter = after
			call(t, &p, func(time.Time) models.Result { return refusal })
			if p.Room(1) != 0 {
				t.Error("there is room while the gateway wants to be left alone")
			}
			begun := time.Now()
			call(t, &p, func(time.Time) models.Result { return answered })
			if took := time.Since(begun); took < least || took > least+2*time.Second {
				t.Errorf("told %s, waited %s", after, took)
			}
		}
	})
}

// While the gateway is away, payments are called for one by one, a second apart; with the first answer all go again.
func TestPacer_leaves_alone_who_is_away(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pace.Pacer
		for range 2 {
			call(t, &p, func(time.Time) models.Result { return away })
		}
		if p.Room(100) != 100 {
			t.Error("two broken connections are no outage")
		}
		calls, begun := 0, time.Now()
		call(t, &p, func(time.Time) models.Result { return away })
		for time.Since(begun) < time.Minute {
			if p.Room(100) > 0 {
				calls++
				call(t, &p, func(time.Time) models.Result { return away })
			}
			time.Sleep(100 * time.Millisecond)
		}
		if calls < 30 || calls > 61 {
			t.Errorf("%d calls in a minute", calls)
		}
		time.Sleep(2 * time.Second)
		call(t, &p, func(time.Time) models.Result { return answered })
		if p.Room(100) != 100 {
			t.Errorf("room for %d after the return", p.Room(100))
		}
	})
}

func TestPacer_gives_up_with_the_callers_context(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pace.Pacer
		refusal := throttled
		refusal.RetryAfter = 10 * time.Second
		call(t, &p, func(time.Time) models.Result { return refusal })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Wait(ctx); err == nil {
			t.Error("a call went although its context had ended")
		}
	})
}
