package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"quantix/internal/onsale"
)

// besideFor is how much longer a load lasts than what is measured beside it, for the latter's preparation and audit.
const besideFor = 5 * time.Second

// aside is besideFor of this go: whoever is in a hurry takes the few buyers beside what is left of the load.
func (b *Bars) aside() time.Duration {
	if b.small > 1 {
		return besideFor / 2
	}
	return besideFor
}

// cold measures an event that few want, alone and then beside one that gets half of what it can take.
func (b *Bars) cold(ctx context.Context) error {
	peak, err := b.peak(ctx, b.onServer)
	if err != nil {
		return err
	}
	b.say("  the hot event's peak is %.4g /s", peak.PerSecond(onsale.Accepted))
	return b.onServer(ctx, func(_ scratch, server *private) error {
		few := onsale.Scenario{Model: onsale.Open, Rate: 50, Connections: 64, Users: 100}
		first := few
		first.Warmup = b.warmup
		alone, err := b.play(ctx, server, first)
		if err != nil {
			return err
		}
		b.addResult(ColdAlone, alone, milliseconds(alone.Latency[onsale.Accepted].P99))
		half := onsale.Scenario{Model: onsale.Open, Rate: max(peak.PerSecond(onsale.Accepted)/2, 1), Connections: crowd}
		r, err := b.coldBeside(ctx, server, few, half)
		if err != nil {
			return err
		}
		b.addResult(Cold, r, milliseconds(r.Latency[onsale.Accepted].P99))
		if b.small > 1 { // what follows is only said, and is no figure
			return nil
		}
		r, err = b.coldBeside(ctx, server, few, onsale.Scenario{Connections: crowd})
		b.say("  beside %d connections, which leave no processor free: p99 %.4g ms", crowd, milliseconds(r.Latency[onsale.Accepted].P99))
		return err
	})
}

// coldBeside plays few buyers in the middle of a hot load. What the hot load broke voids their figure, too.
func (b *Bars) coldBeside(ctx context.Context, server *private, few, hot onsale.Scenario) (r onsale.Result, err error) {
	hot.Duration = b.Load + b.aside()
	crowded, err := b.beside(ctx, server, hot, func() (err error) {
		if err = pause(ctx, time.Second); err == nil {
			r, err = b.play(ctx, server, few)
		}
		return err
	})
	b.say("  the hot event sold %.4g /s meanwhile", crowded.PerSecond(onsale.Accepted))
	r.Violations = append(r.Violations, crowded.Violations...)
	return r, err
}

// rebuy has one ticket go back and forth between two replicas that a moderate flood keeps busy.
func (b *Bars) rebuy(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, first *private) error {
		second, err := startPrivate(ctx, b.Progress, s.config)
		if err != nil {
			return err
		}
		defer second.stop()
		flooded, dry := context.WithCancel(ctx)
		defer dry()
		var r onsale.Rebought
		var failed error
		_, err = b.beside(flooded, first, onsale.Scenario{
			Model: onsale.Open, Rate: 500, Duration: onsale.MaxDuration, Connections: 64, Replicas: []string{second.url},
		}, func() error {
			defer dry() // nobody needs the flood any longer
			r, failed = onsale.Rebuy(ctx, onsale.Rebuying{A: first.url, B: second.url, Rounds: max(200/b.small, 10)})
			return failed
		})
		if failed != nil || ctx.Err() != nil || err != nil && !errors.Is(err, context.Canceled) {
			return errors.Join(failed, err)
		}
		b.rebought(ctx, first, r)
		return nil
	})
}

func (b *Bars) rebought(ctx context.Context, server *private, r onsale.Rebought) {
	b.add(RebuyRefused, float64(r.FalseSoldOut))
	b.add(RebuyP99, milliseconds(r.Seen.P99))
	b.add(RebuyStale, float64(r.Stale))
	if err := onsale.AuditEvent(ctx, server.url, r.Event); err != nil {
		for _, k := range []Key{RebuyRefused, RebuyP99, RebuyStale} {
			b.Sheet.Void(k, err.Error())
		}
	}
}

// snapshotPart is a tenth of the time that the crowd of snapshot books: the first without the snapshot, the rest beside
// it.
const snapshotPart = time.Minute

// snapshot measures what is lost when PostgreSQL may not clean up: dead row versions of the event, the bookings and the
// outbox stay as long as a reader could still see them.
func (b *Bars) snapshot(ctx context.Context) error {
	part, parts := snapshotPart, 10
	if b.small > 1 {
		part, parts = time.Second, 3
	}
	// In the first minute payments give way to the crowd; what comes after that is the rate that lasts.
	settling, seconds := part, int(part/time.Second)
	return b.onServer(ctx, func(s scratch, server *private) error {
		var held *heldSnapshot
		r, err := b.beside(ctx, server, onsale.Scenario{
			Connections: crowd, Duration: settling + time.Duration(parts)*part, TicketsPerEvent: 1 << 30,
			Users: 100_000 / b.small, Warmup: b.warmup,
		}, func() (err error) {
			if err = pause(ctx, settling+part); err == nil {
				held, err = holdSnapshot(ctx, s.config.DatabaseURL)
			}
			return err
		})
		if held != nil {
			err = errors.Join(err, held.Release(ctx))
		}
		if err != nil {
			return err
		}
		rate := func(i int) float64 { return onsale.AcceptedPerSecond(r.Series, (i+1)*seconds, (i+2)*seconds) }
		var rates []string
		for i := range parts {
			rates = append(rates, fmt.Sprintf("%.0f", rate(i)))
		}
		b.say("  bookings/s by parts of the time: %s", strings.Join(rates, " "))
		b.addResult(SnapshotStart, r, rate(0))
		b.addResult(Snapshot, r, rate(parts-1))
		return nil
	})
}
