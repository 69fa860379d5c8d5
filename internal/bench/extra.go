package bench

import (
	"context"

	"quantix/internal/onsale"
)

// replicas measures two and three servers on one database and one event.
func (b *Bars) replicas(ctx context.Context) error {
	for n, k := range map[int]Key{2: Replicas2, 3: Replicas3} {
		err := b.onServer(ctx, func(s scratch, first *private) error {
			scenario := onsale.Scenario{Connections: crowd, Warmup: b.warmup}
			for range n - 1 {
				another, err := startPrivate(ctx, b.Progress, s.config)
				if err != nil {
					return err
				}
				defer another.stop()
				scenario.Replicas = append(scenario.Replicas, another.url)
			}
			r, err := b.play(ctx, first, scenario)
			if err == nil {
				b.addResult(k, r, r.PerSecond(onsale.Accepted))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// flat measures one event in a table that is already large.
func (b *Bars) flat(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, server *private) error {
		if _, err := fillEvent(ctx, s.config.DatabaseURL, 2_000_000/b.small); err != nil {
			return err
		}
		r, err := b.play(ctx, server, onsale.Scenario{Connections: crowd, Warmup: b.warmup})
		if err == nil {
			b.addResult(Flat, r, r.PerSecond(onsale.Accepted))
		}
		return err
	})
}
