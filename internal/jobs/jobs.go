// Package jobs holds the background loops: one file for each, named with a noun, all with one protocol.
//
// A loop's Run works until its context ends, finishes what is in hand, and returns. Any number of replicas may run each
// loop at the same time: leases and status guards in the store make a repeat harmless, so a loop that dies anywhere
// leaves nothing that another cannot take up.
package jobs

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"quantix/internal/queue"
	"quantix/internal/retry"
)

// Loop is a background job.
type Loop interface {
	// Name is the noun that logs and metrics call it by.
	Name() string
	// Run works until the context ends, then finishes what is in hand. An error is a reason to start it again.
	Run(ctx context.Context) error
}

// Observer is told of each round of a loop that dealt with something or failed, for metrics.
type Observer interface {
	Round(job string, items int, err error)
}

type noObserver struct{}

func (noObserver) Round(string, int, error) {}

// Settings are what all loops have in common; the zero value of each field is a sensible default.
type Settings struct {
	Interval time.Duration // pause after a round that found nothing, half of it random; each loop has its default
	Grace    time.Duration // how long a round may go on after the context's end; default 8 s
	MostWait time.Duration // longest pause after errors; default 2 s
	Timeout  time.Duration // of one round: a server that vanished must not hold a loop for good; default 30 s
	Observer Observer
	// Noted is told how every round ended, whether or not there was anything to do; a full queue is no failure.
	// Optional.
	Noted  func(job string, err error)
	Logger *slog.Logger
}

func (s Settings) withDefaults(interval time.Duration) Settings {
	s.Interval = cmp.Or(s.Interval, interval)
	s.Grace = cmp.Or(s.Grace, 8*time.Second)
	s.MostWait = cmp.Or(s.MostWait, 2*time.Second)
	s.Timeout = cmp.Or(s.Timeout, 30*time.Second)
	if s.Observer == nil {
		s.Observer = noObserver{}
	}
	if s.Noted == nil {
		s.Noted = func(string, error) {}
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// A round is one piece of a loop's work: it gives how many things it dealt with, and whether there is more to do at
// once. Its context outlives the loop's by the grace.
type round func(ctx context.Context) (items int, more bool, err error)

// errorBase is the pause after a first failed round.
const errorBase = 100 * time.Millisecond

// polling runs rounds: one after another while there is more to do, with growing pauses while they fail, and else at
// intervals, or at once when woken. It ends with the context.
type poller struct {
	Settings
	name   string
	wake   <-chan struct{}
	gather func() time.Duration // pause between a wake and its round, so that one round serves many wakes; optional
	// finish waits for what the rounds have left in hand, within the same grace; optional.
	finish func(context.Context) error
}

func (p *poller) run(ctx context.Context, do round) error {
	work, cancel := withGrace(ctx, p.Grace)
	defer cancel()
	var fails failureStreak
	for ctx.Err() == nil {
		items, more, err := p.once(work, do)
		if items > 0 || err != nil {
			p.Observer.Round(p.name, items, worthLogging(err))
		}
		p.Noted(p.name, worthLogging(err))
		p.report(&fails, err)
		switch {
		case err != nil:
			retry.Pause(ctx, retry.Backoff(errorBase, fails.rounds, p.MostWait))
		case !more:
			p.rest(ctx)
		}
	}
	if p.finish == nil {
		return nil
	}
	return p.finish(work)
}

// once runs one round within its time.
func (p *poller) once(ctx context.Context, do round) (items int, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	return do(ctx)
}

// worthLogging returns an error that somebody should look at. A full queue is none: it is how an on-sale is held back,
// the outbox keeps the rows, and metrics show both. Nor is a queue that is another database's: its guard says so, once
// for all loops.
func worthLogging(err error) error {
	if errors.Is(err, queue.ErrFull) || errors.Is(err, queue.ErrForeign) || errors.Is(err, queue.ErrUnsettled) {
		return nil
	}
	return err
}

// failureStreak is a row of failed rounds.
type failureStreak struct {
	rounds int
	faults int // those for another reason than a full queue
}

// report counts failures in a row and logs faults ever more rarely: a store that is down for an hour must not fill the
// log.
func (p *poller) report(f *failureStreak, err error) {
	if err == nil {
		if f.faults > 0 {
			p.Logger.Info("the rounds work again", "job", p.name, "failures", f.faults)
		}
		*f = failureStreak{}
		return
	}
	f.rounds++
	if worthLogging(err) == nil {
		p.Logger.Debug("a round failed", "job", p.name, "error", err)
		return
	}
	f.faults++
	if f.faults&(f.faults-1) == 0 {
		p.Logger.Warn("a round failed", "job", p.name, "failures", f.faults, "error", err)
	}
}

// rest waits for the next round. The random half of the interval keeps replicas from asking the database in step.
func (p *poller) rest(ctx context.Context) {
	timer := time.NewTimer(p.Interval/2 + rand.N(p.Interval/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-p.wake:
		if p.gather != nil {
			retry.Pause(ctx, p.gather())
		}
	}
}

// withGrace returns a context that ends grace after ctx, so that what is in hand can be finished.
func withGrace(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if retry.Pause(work, grace) {
			cancel()
		}
	})
	return work, func() {
		stop()
		cancel()
	}
}
