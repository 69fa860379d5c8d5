package jobs

import (
	"context"
	"time"

	"quantix/internal/services"
)

// Refunder gives back what is owed back.
type Refunder struct {
	Settings // Interval: default 500 ms
	Payments *services.Payments
}

// Name is "refunder".
func (r *Refunder) Name() string { return "refunder" }

// Run makes due refunds until the context ends; then it waits for the payments in hand, as the worker does.
func (r *Refunder) Run(ctx context.Context) error {
	r.Settings = r.withDefaults(500 * time.Millisecond)
	p := poller{Settings: r.Settings, name: r.Name(), finish: r.Payments.Drain}
	return p.run(ctx, untilNone(r.Payments.Refund))
}
