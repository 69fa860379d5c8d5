package jobs

import (
	"cmp"
	"context"
	"time"

	"quantix/internal/services"
)

// Chronicler reads the gateway's own list of what happened, for what its callbacks did not bring.
type Chronicler struct {
	Settings // Interval: default 20 s; Timeout: default 2 min, for a piece's charges are looked at one after another
	Payments *services.Payments
}

// Name is "chronicler".
func (c *Chronicler) Name() string { return "chronicler" }

// Run reads the list until the context ends.
func (c *Chronicler) Run(ctx context.Context) error {
	c.Timeout = cmp.Or(c.Timeout, 2*time.Minute)
	c.Settings = c.withDefaults(20 * time.Second)
	p := poller{Settings: c.Settings, name: c.Name()}
	return p.run(ctx, func(ctx context.Context) (int, bool, error) {
		n, err := c.Payments.ReadChronicle(ctx)
		return n, false, err
	})
}
