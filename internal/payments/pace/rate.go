package pace

import (
	"math"
	"time"
)

// rate is a limit with its bucket of tokens, each a call that may go at once. Zero: there is no limit.
type rate struct {
	perSecond float64
	tokens    float64
	filled    time.Time // until when tokens were counted
	lowered   time.Time
	grown     time.Time // until when growth was counted
}

func (r *rate) set() bool { return r.perSecond > 0 }

// within returns how many calls may go in some time; at least one.
func (r *rate) within(d time.Duration) int {
	return max(int(math.Ceil(r.perSecond*d.Seconds())), 1)
}

// take takes a token, or gives how long it takes until there is one. Growth that ends the limit is told.
func (r *rate) take(now time.Time) (wait time.Duration, lifted bool) {
	if !r.set() {
		return 0, false
	}
	r.grow(now)
	if r.perSecond > fastest {
		*r = rate{lowered: r.lowered}
		return 0, true
	}
	// A tenth of a second's calls may go together, so that a busy process need not keep exact time.
	r.tokens = min(r.tokens+r.perSecond*now.Sub(r.filled).Seconds(), max(r.perSecond/10, 1))
	r.filled = now
	if r.tokens >= 1 {
		r.tokens--
		return 0, false
	}
	return time.Duration((1 - r.tokens) / r.perSecond * float64(time.Second)), false
}

// grow raises the rate for each second that has passed since the last refusal. Time in which nobody called counts as
// one second: it has shown nothing.
func (r *rate) grow(now time.Time) {
	if passed := now.Sub(r.grown); passed >= time.Second {
		r.perSecond += max(r.perSecond*growth, 1)
		r.grown = now
	}
}

// lower halves the rate, once for all calls that were on their way together; the first time, from the rate of calls
// just sent. It reports whether that set the limit.
func (r *rate) lower(now, begun time.Time, sent float64) (first bool) {
	if begun.Before(r.lowered) {
		return false
	}
	from := r.perSecond
	if first = !r.set(); first {
		from = sent
	}
	*r = rate{perSecond: min(max(from/2, slowest), fastest), filled: now, lowered: now, grown: now}
	return first
}

// meter counts the calls of this second and of the one before.
type meter struct {
	second    time.Time // its begin
	now, last float64
}

func (m *meter) add(now time.Time) {
	m.turn(now)
	m.now++
}

// rate returns the calls of the last second, or those since then if they are more.
func (m *meter) rate(now time.Time) float64 {
	m.turn(now)
	return max(m.now, m.last)
}

func (m *meter) turn(now time.Time) {
	switch passed := now.Sub(m.second); {
	case passed < time.Second:
	case passed < 2*time.Second:
		m.second, m.last, m.now = m.second.Add(time.Second), m.now, 0
	default:
		m.second, m.last, m.now = now, 0, 0
	}
}
