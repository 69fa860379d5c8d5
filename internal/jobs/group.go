package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"quantix/internal/retry"
)

// Group is the supervisor of a process's loops: it starts them in order, starts one again that panics or fails, and
// stops them in reverse.
type Group struct {
	Loops  []Loop
	Logger *slog.Logger
	// Restart is the pause before a loop is started again, doubled with each failure in a row; default 1 s.
	Restart time.Duration
	// Grace is how long all loops together may take to stop; default 9 s.
	Grace time.Duration
}

// A failure counts as one in a row when the loop had worked for less than this.
const steady = time.Minute

// Run runs the loops until the context ends and all have stopped. Error: names the loops that did not stop in time.
func (g Group) Run(ctx context.Context) error {
	g.Restart = cmp.Or(g.Restart, time.Second)
	g.Grace = cmp.Or(g.Grace, 9*time.Second)
	if g.Logger == nil {
		g.Logger = slog.New(slog.DiscardHandler)
	}
	runs := make([]*runningLoop, len(g.Loops))
	for i, loop := range g.Loops {
		runs[i] = g.start(ctx, loop)
	}
	<-ctx.Done()
	// Each is told to stop before the one that was started before it; they finish side by side, within one grace.
	for _, r := range slices.Backward(runs) {
		r.cancel()
	}
	return g.await(runs)
}

// A running loop.
type runningLoop struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
}

func (g Group) start(ctx context.Context, loop Loop) *runningLoop {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &runningLoop{name: loop.Name(), cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		g.keep(own, loop)
	}()
	return r
}

func (g Group) await(runs []*runningLoop) error {
	ctx, cancel := context.WithTimeout(context.Background(), g.Grace)
	defer cancel()
	var errs []error
	for _, r := range runs {
		select {
		case <-r.done:
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("the %s did not stop within %s", r.name, g.Grace))
		}
	}
	return errors.Join(errs...)
}

// keep runs a loop until it is told to stop.
func (g Group) keep(ctx context.Context, loop Loop) {
	failures := 0
	for ctx.Err() == nil {
		begun := time.Now()
		err := runOnce(ctx, loop)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) > steady {
			failures = 0
		}
		failures++
		g.Logger.Error("a background job stopped; it is started again", "job", loop.Name(), "failures", failures, "error", err)
		retry.Pause(ctx, retry.Backoff(g.Restart, failures, time.Minute))
	}
}

// runOnce runs a loop and turns its panic into an error: one loop's fault must not end the others.
func runOnce(ctx context.Context, loop Loop) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v\n%s", fault, debug.Stack())
		}
	}()
	return loop.Run(ctx)
}
