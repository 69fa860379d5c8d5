package jobs

import (
	"context"
	"time"

	"quantix/internal/services"
)

// Strays looks for the bookings of money and messages that came without one, and makes letters of what does not find
// its booking in an hour.
type Strays struct {
	Settings // Interval: default 5 s
	Payments *services.Payments
}

// Name is "strays".
func (s *Strays) Name() string { return "strays" }

// Run takes up strays until the context ends; then it waits for the charges in hand, as the worker does.
func (s *Strays) Run(ctx context.Context) error {
	s.Settings = s.withDefaults(5 * time.Second)
	p := poller{Settings: s.Settings, name: s.Name(), finish: s.Payments.Drain}
	return p.run(ctx, untilNone(s.Payments.ResolveStrays))
}
