package jobs

import (
	"context"
	"time"

	"quantix/internal/services"
)

// Retrier resolves charges that have no outcome yet: failed tries after their pause, undecided ones, those that a crash
// has cut off, and those that were given up without knowing.
type Retrier struct {
	Settings // Interval: default 500 ms
	Payments *services.Payments
}

// Name is "retrier".
func (r *Retrier) Name() string { return "retrier" }

// Run takes up due charges until the context ends; then it waits for the charges in hand, as the worker does.
func (r *Retrier) Run(ctx context.Context) error {
	r.Settings = r.withDefaults(500 * time.Millisecond)
	p := poller{Settings: r.Settings, name: r.Name(), finish: r.Payments.Drain}
	return p.run(ctx, untilNone(r.Payments.Retry))
}

// untilNone makes a round of a call that deals with some things at a time and returns how many there were.
func untilNone(call func(context.Context) (int, error)) round {
	return func(ctx context.Context) (int, bool, error) {
		n, err := call(ctx)
		return n, n > 0, err
	}
}
