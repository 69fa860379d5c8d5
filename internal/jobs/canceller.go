package jobs

import (
	"cmp"
	"context"
	"time"

	"quantix/internal/services"
)

// Canceller cancels the bookings of cancelled events and has their money owed back.
type Canceller struct {
	Settings // Interval: default 1 s
	Upkeep   *services.Upkeep
	Batch    int // bookings of one transaction; default 500
}

// Name is "canceller".
func (c *Canceller) Name() string { return "canceller" }

// Run cancels bookings until the context ends.
func (c *Canceller) Run(ctx context.Context) error {
	c.Batch = cmp.Or(c.Batch, 500)
	c.Settings = c.withDefaults(time.Second)
	p := poller{Settings: c.Settings, name: c.Name()}
	return p.run(ctx, untilNone(func(ctx context.Context) (int, error) { return c.Upkeep.CancelBookings(ctx, c.Batch) }))
}
