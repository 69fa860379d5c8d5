package jobs

import (
	"cmp"
	"context"
	"time"

	"quantix/internal/services"
)

// Sweeper expires bookings that were not paid in time.
type Sweeper struct {
	Settings // Interval: default 500 ms, so that it takes less than a second
	Upkeep   *services.Upkeep
	Batch    int // bookings looked for at once; default 1,000
}

// Name is "sweeper".
func (s *Sweeper) Name() string { return "sweeper" }

// Run expires bookings until the context ends.
func (s *Sweeper) Run(ctx context.Context) error {
	s.Batch = cmp.Or(s.Batch, 1000)
	s.Settings = s.withDefaults(500 * time.Millisecond)
	p := poller{Settings: s.Settings, name: s.Name()}
	return p.run(ctx, untilNone(func(ctx context.Context) (int, error) { return s.Upkeep.Expire(ctx, s.Batch) }))
}
