// Package inprocess keeps count in this process: for embedded mode, and for as long as Redis is away.
package inprocess

import (
	"cmp"
	"context"
	"sync"
	"time"

	"quantix/internal/limits"
)

// Options are a limiter's settings; the zero value of each is a sensible default.
type Options struct {
	// MaxKeys bounds how many keys are remembered, and so the memory: some 25 MB at the default of 250,000. At the
	// bound those are forgotten that were not asked for the longest: they have their whole burst again.
	MaxKeys int
}

// Limiter implements limits.Limiter.
//
// It remembers two generations of keys. A key that is asked for goes into the young one, and when that is full, or as
// old as the longest burst takes to be earned, the old one is forgotten: whoever is in it has earned all since, or is
// the longest away. So nothing is ever searched for what is idle.
type Limiter struct {
	maxKeys int
	begun   time.Time // what all times count from: a clock that is set does not matter

	mu      sync.Mutex
	young   map[key]time.Duration // when a key will have earned all that it was given
	old     map[key]time.Duration
	turned  time.Duration // when the young generation began
	longest time.Duration // burst that was asked for
}

// key is a name and its limit.
type key struct {
	limit limits.Limit
	name  limits.Name
}

// New makes a limiter that has counted nothing.
func New(o Options) *Limiter {
	return &Limiter{
		maxKeys: cmp.Or(o.MaxKeys, 250_000), begun: time.Now(),
		young: map[key]time.Duration{}, old: map[key]time.Duration{},
	}
}

// Check asks whether a request may go on; it does not wait.
func (l *Limiter) Check(ctx context.Context, asks []limits.Ask) (limits.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return limits.Verdict{}, err
	}
	var backlogs [limits.MaxAsks]time.Duration
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Since(l.begun)
	allowed := true
	for i := range asks {
		a := &asks[i]
		l.longest = max(l.longest, a.Rate.Span())
		backlogs[i] = min(max(l.earned(key{a.Limit, a.Key})-now, 0), a.Rate.Span())
		allowed = allowed && a.Rate.Passes(backlogs[i])
	}
	if allowed {
		l.turn(now, len(asks))
		for i := range asks {
			a := &asks[i]
			backlogs[i] += a.Rate.Interval()
			l.young[key{a.Limit, a.Key}] = now + backlogs[i]
		}
	}
	return limits.Decide(allowed, asks, backlogs[:]), nil
}

func (l *Limiter) earned(k key) time.Duration {
	if at, is := l.young[k]; is {
		return at
	}
	return l.old[k]
}

// turn begins a new generation if it is time to, or there is no room for more keys.
func (l *Limiter) turn(now time.Duration, more int) {
	full := len(l.young)+more > max(l.maxKeys/2, more)
	if full || now-l.turned > l.longest {
		l.old, l.young, l.turned = l.young, map[key]time.Duration{}, now
	}
}
