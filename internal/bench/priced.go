package bench

import (
	"context"
	"time"

	"quantix/internal/onsale"
)

// priced plays a scenario, and notes what a booking of it cost those who share the processors: in microseconds, with
// all that they did meanwhile, payments and the audit included. These figures have no bar. They are left out where the
// system does not tell.
func (b *Bars) priced(
	ctx context.Context, s scratch, server *private, k Key, scenario onsale.Scenario,
) (onsale.Result, error) {
	var before processorTime
	told := true // by the system, each time it was asked
	count := func() processorTime {
		t, err := countProcessorTime(ctx, s.config.DatabaseURL, server.pid)
		told = told && err == nil
		return t
	}
	scenario.Begun = func() { before = count() }
	r, err := b.play(ctx, server, scenario)
	if err != nil {
		return r, err
	}
	used, bookings := count().Minus(before), r.Attempts[onsale.Accepted]
	if !told || bookings == 0 {
		return r, nil
	}
	each := func(t time.Duration) float64 { return float64(t.Microseconds()) / float64(bookings) }
	b.add(k.Of("server_us"), each(used.Server))
	b.add(k.Of("postgres_us"), each(used.Postgres))
	b.add(k.Of("generator_us"), each(used.Generator))
	return r, nil
}
