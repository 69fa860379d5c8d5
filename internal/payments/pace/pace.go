// Package pace keeps calls to a gateway at the rate that it takes, and leaves one that is away alone.
//
// Nobody tells what a gateway's limit is, and other processes and programs share it. So each process finds its own
// part: it calls as fast as it likes until the gateway refuses a call for its rate, then half as fast, and from then on
// a little faster every second until the next refusal.
package pace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"quantix/internal/models"
)

const (
	// slowest and fastest bound the rate, in calls a second: one that has grown beyond the fastest is none.
	slowest, fastest = 1.0, 2000.0
	// growth is the part by which the rate grows in a second without a refusal; at least by a call a second.
	growth = 0.05
	// ahead is for how long calls may have to wait for their turn: far shorter than the lease that their charges are
	// under.
	ahead = 2 * time.Second
	// minHold is how long calls rest after a refusal: gateways count by the second. maxHold bounds what they can ask
	// for with Retry-After.
	minHold, maxHold = time.Second, 30 * time.Second
	// probeEvery is how often a gateway that is away is called, to see whether it is back.
	probeEvery = time.Second
	// awayAfter is how many calls in a row must find nobody: a single one may have met a broken connection.
	awayAfter = 3
	// look bounds how long a call sleeps before it looks again: the rate may have changed.
	look = 250 * time.Millisecond
)

// Pacer lets the calls of one process to one gateway go. Its zero value is ready, and lets all go at once.
type Pacer struct {
	Logger *slog.Logger // told when the gateway is away or limits its rate, and when that is over; default: none

	turn  chan struct{} // held by the call that waits at the front
	once  sync.Once
	mu    sync.Mutex
	limit rate
	sent  meter

	waiting int       // calls that wait for their turn
	hold    time.Time // before it, no call goes
	misses  int       // calls in a row that found nobody
	away    bool
	probe   time.Time // when a gateway that is away is called next
}

// Room returns how many of most payments there is room for now; zero while the gateway is away or has enough to do.
// What there is no room for waits better where it is, in the queue or in the database.
func (p *Pacer) Room(most int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case now.Before(p.hold):
		return 0
	case p.away && now.Before(p.probe):
		return 0
	case p.away:
		return min(most, 1)
	case !p.limit.set():
		return most
	}
	return max(min(most, p.limit.within(ahead)-p.waiting), 0)
}

// Wait lets a call go when its turn has come, in the order of arrival. Error: the context's.
func (p *Pacer) Wait(ctx context.Context) error {
	if p.Free() {
		return nil
	}
	p.queue(1)
	defer p.queue(-1)
	p.once.Do(func() { p.turn = make(chan struct{}, 1) })
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		wait := p.take()
		if wait <= 0 {
			return nil
		}
		if err := sleep(ctx, min(wait, look)); err != nil {
			return err
		}
	}
}

// Free lets a call go while there is no limit, and reports whether it did.
func (p *Pacer) Free() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.limit.set() || now.Before(p.hold) {
		return false
	}
	p.begin(now)
	return true
}

func (p *Pacer) queue(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting += n
}

// take lets the call at the front go, or gives how long that will take at most.
func (p *Pacer) take() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if wait := p.hold.Sub(now); wait > 0 {
		return wait
	}
	wait, lifted := p.limit.take(now)
	if lifted {
		p.tell(slog.LevelInfo, "the gateway takes calls as they come again")
	}
	if wait <= 0 {
		p.begin(now)
	}
	return wait
}

// begin notes a call that goes now.
func (p *Pacer) begin(now time.Time) {
	p.sent.add(now)
	p.probe = now.Add(probeEvery)
}

// Note learns from the answer to a call that was let go at some time.
func (p *Pacer) Note(begun time.Time, r models.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch {
	case r.Stall == models.StallAway:
		p.missed(now)
		return
	case r.Stall == "" && r.Outcome == models.OutcomeUnknown:
		return // whether anybody was there is not known either
	}
	if p.misses = 0; p.away {
		p.away = false
		p.tell(slog.LevelInfo, "the gateway can be reached again")
	}
	if r.Stall == models.StallThrottled {
		p.refused(now, begun, r.RetryAfter)
	}
}

func (p *Pacer) missed(now time.Time) {
	p.misses++
	if p.misses >= awayAfter && !p.away {
		p.away, p.probe = true, now.Add(probeEvery)
		p.tell(slog.LevelWarn, "the gateway cannot be reached; payments wait until it can")
	}
}

// refused slows down. Calls that had gone before the last time tell nothing new.
func (p *Pacer) refused(now, begun time.Time, after time.Duration) {
	if hold := now.Add(min(max(after, minHold), maxHold)); hold.After(p.hold) {
		p.hold = hold
	}
	if p.limit.lower(now, begun, p.sent.rate(now)) {
		p.tell(slog.LevelWarn, "the gateway limits the rate of calls; payments keep to it")
	}
}

func (p *Pacer) tell(level slog.Level, what string) {
	if p.Logger != nil {
		p.Logger.Log(context.Background(), level, what)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
