package bench

import (
	"context"
	"log/slog"
	"time"

	"quantix/internal/database"
	"quantix/internal/onsale"
)

// The storm of the overload. Its seconds are whole, for the series.
const (
	stormFactor = 5
	stormLength = time.Minute
	// stormCommit makes the database the limit, not the processors, which the load generator shares: else five times
	// the peak could not even be made. About 2,000 bookings a second are the peak then (a batch of 512 for each
	// commit), and 10,000 buyers a second the storm: a third of the no-op requests that two slow processors answer.
	stormCommit = 200 * time.Millisecond
	// calmRate buyers a second come before and after it: for a latency to come back to.
	calmRate = 100
	// calmAfter is as long as the bar allows, and as it takes to be sure.
	calmAfter = 13 * time.Second
	// stormConnections are so many that no buyer waits for one: 1,000 have a buyer in the inbox, 512 in a batch, and
	// another 1,000 are being refused if that takes the 50 ms of the bar. The rest is for what has not been read yet.
	stormConnections = 4 * crowd
)

// overload measures the peak of a server with a slow database, and then sends five times as many buyers to another such
// server, in the middle of a calm day. They wait two seconds at most, and come once.
func (b *Bars) overload(ctx context.Context) error {
	peak, err := b.peak(ctx, b.onSlowCommits)
	if err != nil {
		return err
	}
	b.addResult(OverloadPeak, peak, peak.PerSecond(onsale.Accepted))
	before, length, after := 10*time.Second, max(stormLength, b.Load.Round(time.Second)), calmAfter
	if b.small > 1 {
		before, length, after = 3*time.Second, max(stormLength/60, b.Load), calmAfter/3
	}
	return b.onSlowCommits(ctx, func(_ scratch, server *private) error {
		r, err := b.play(ctx, server, onsale.Scenario{
			Model: onsale.Open, Rate: calmRate, Duration: before + length + after, Connections: stormConnections,
			GiveUp: 2 * time.Second,
			Surge: &onsale.Surge{
				Rate: max(stormFactor*peak.PerSecond(onsale.Accepted), calmRate), After: before, Length: length,
			},
		})
		if err == nil {
			b.weather(r, int(before/time.Second), int((before+length)/time.Second))
		}
		return err
	})
}

// weather notes the figures of a storm that lasted from one second of the series to another.
func (b *Bars) weather(r onsale.Result, from, to int) {
	b.addResult(Overload, r, onsale.AcceptedPerSecond(r.Series, from, to))
	b.addResult(OverloadP99, r, milliseconds(r.Latency[onsale.Overloaded].P99))
	b.say("  the generator itself was late by %.4g ms (p99): that is in the refusals' p99, too", milliseconds(r.Lateness.P99))
	if never := r.NeverSent(); never > 0 {
		b.say("  %.3g %% of the buyers could not be sent at all: what arrived was less than it should be",
			100*float64(never)/float64(r.Lateness.Count))
	}
	p99, recovered := onsale.Recovery(r.Series, from, to, func(s onsale.Second) float64 { return s.P99 })
	b.addResult(OverloadEnd, r, float64(p99))
	if !recovered {
		b.say("  the p99 was not back after all of these seconds")
	}
	p50, recovered := onsale.Recovery(r.Series, from, to, func(s onsale.Second) float64 { return s.P50 })
	b.say("  the p50 was back after %d s: %t", p50, recovered)
}

// peak measures bookings a second of a crowd on a server of its own, which on starts.
func (b *Bars) peak(
	ctx context.Context, on func(context.Context, func(scratch, *private) error, ...string) error,
) (r onsale.Result, err error) {
	err = on(ctx, func(_ scratch, server *private) error {
		r, err = b.play(ctx, server, onsale.Scenario{Connections: crowd, Warmup: b.warmup})
		return err
	})
	return r, err
}

// onSlowCommits starts a private server on a database whose commits take long, with an inbox that a crowd fills.
func (b *Bars) onSlowCommits(ctx context.Context, use func(scratch, *private) error, settings ...string) error {
	return b.onScratch(ctx, func(s scratch) error {
		if err := database.MigratePostgres(ctx, s.config.PostgresURL(), slog.New(slog.DiscardHandler)); err != nil {
			return err
		}
		if err := slowCommits(ctx, s.config.DatabaseURL, stormCommit); err != nil {
			return err
		}
		return b.on(ctx, s, use, append(settings, "MAX_INBOX=1000")...)
	})
}
