package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"quantix/internal/onsale"
	"quantix/internal/retry"
)

// crowd is the number of connections of the bars that name none.
const crowd = 1000

// nothing measures B7: the server's own router, middleware and connections around a handler that does nothing.
func (b *Bars) nothing(ctx context.Context) error {
	return b.onServer(ctx, func(_ scratch, server *private) error {
		r, err := onsale.Ping(ctx, onsale.Probe{
			Target: server.url, Path: "/healthz", Connections: crowd, Duration: b.Load, Warmup: b.warmup,
		})
		if err == nil {
			b.add(B7, r.PerSecond)
		}
		return err
	})
}

// one measures the great figure, and what it costs.
func (b *Bars) one(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, server *private) error {
		before, err := b.count(ctx, s)
		if err != nil {
			return err
		}
		r, err := b.priced(ctx, s, server, OneEvent, onsale.Scenario{Connections: crowd, Warmup: b.warmup})
		if err != nil {
			return err
		}
		b.addResult(OneEvent, r, r.PerSecond(onsale.Accepted))
		after, err := b.count(ctx, s)
		if err != nil {
			return err
		}
		bookings := float64(max(after.postgres.Bookings-before.postgres.Bookings, 1))
		b.addResult(Syncs, r, float64(after.postgres.Syncs-before.postgres.Syncs)/bookings)
		b.addResult(RedisTrips, r, float64(after.trips-before.trips)/bookings)
		peak, err := peakMemory(server.pid)
		if err == nil {
			b.addResult(Memory, r, peak)
		}
		return err
	})
}

// counters are what the servers behind ours have counted.
type counters struct {
	postgres postgresCounters
	trips    int64
}

func (b *Bars) count(ctx context.Context, s scratch) (c counters, err error) {
	if c.postgres, err = countPostgres(ctx, s.config.DatabaseURL); err != nil {
		return c, err
	}
	c.trips, err = s.redis.Trips()
	return c, err
}

// peakMemory gives the most memory that a process ever had, in megabytes.
func peakMemory(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("memory of the server: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			return kilobytes * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("memory of the server: no VmHWM in its status")
}

func (b *Bars) one64(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, server *private) error {
		r, err := b.priced(ctx, s, server, OneEvent64, onsale.Scenario{Connections: 64, Warmup: b.warmup})
		if err == nil {
			b.addResult(OneEvent64, r, r.PerSecond(onsale.Accepted))
		}
		return err
	})
}

func (b *Bars) many(ctx context.Context) error {
	return b.onServer(ctx, func(_ scratch, server *private) error {
		r, err := b.play(ctx, server, onsale.Scenario{Connections: 64, Events: max(1000/b.small, 2), Warmup: b.warmup})
		if err == nil {
			b.addResult(ManyEvents, r, r.PerSecond(onsale.Accepted))
		}
		return err
	})
}

func (b *Bars) idle(ctx context.Context) error {
	return b.onServer(ctx, func(_ scratch, server *private) error {
		r, err := b.play(ctx, server, onsale.Scenario{Connections: 1, Warmup: b.warmup})
		if err == nil {
			b.addResult(IdleP50, r, milliseconds(r.Latency[onsale.Accepted].P50))
		}
		return err
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// refusals has a crowd ask for the one ticket of an event. The looks at it are counted in the middle of that, by the
// server's own metric of its desks' transactions: PostgreSQL's counters come a second or more late.
func (b *Bars) refusals(ctx context.Context) error {
	return b.onServer(ctx, func(_ scratch, server *private) error {
		var looks float64
		scenario := onsale.Scenario{Connections: crowd, TicketsPerEvent: 1, Users: 10, Duration: b.Load + countedWithin}
		r, err := b.beside(ctx, server, scenario, func() (err error) {
			if err = pause(ctx, 2*time.Second); err == nil {
				looks, err = b.looks(ctx, server)
			}
			return err
		})
		if err != nil {
			return err
		}
		b.addResult(Refusals, r, r.PerSecond(onsale.Refused))
		b.addResult(RefusalReads, r, looks)
		return nil
	})
}

// countedWithin is how much longer a load lasts for the counting in its middle: to begin, and to end.
const countedWithin = 3 * time.Second

// looks counts the transactions of a server's desks by the second.
func (b *Bars) looks(ctx context.Context, server *private) (float64, error) {
	begun := time.Now() // before the first reading: in a flood it takes its time
	before, err := deskTransactions(ctx, server.url)
	if err != nil {
		return 0, err
	}
	if err := pause(ctx, max(b.Load-time.Second, time.Second)); err != nil {
		return 0, err
	}
	after, err := deskTransactions(ctx, server.url)
	return (after - before) / time.Since(begun).Seconds(), err
}

// deskTransactions reads how many transactions a server's desks have made, committed or not.
func deskTransactions(ctx context.Context, url string) (sum float64, err error) {
	answer, err := fetch(ctx, url+"/metrics")
	if err != nil {
		return 0, err
	}
	defer answer.Close()
	lines := bufio.NewScanner(io.LimitReader(answer, 1<<20))
	for lines.Scan() {
		if name, value, is := strings.Cut(lines.Text(), " "); is && strings.HasPrefix(name, "quantix_desk_batch_seconds_count") {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, fmt.Errorf("read the server's metrics: %w", err)
			}
			sum += count
		}
	}
	return sum, lines.Err()
}

// fetch gives the body of an answer with status 200.
func fetch(ctx context.Context, address string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", address, response.Status)
	}
	return response.Body, nil
}

// pause waits for d, or returns ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	if !retry.Pause(ctx, d) {
		return ctx.Err()
	}
	return nil
}

// confirmed measures the whole pipeline, until the last booking is paid.
func (b *Bars) confirmed(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, server *private) error {
		scenario := onsale.Scenario{Connections: 64, WatchConfirmations: true, Drain: 5 * time.Minute}
		r, err := b.priced(ctx, s, server, Confirmed, scenario)
		if err != nil {
			return err
		}
		if r.Valid() && !r.Confirmations.Drained {
			r.Violations = append(r.Violations, "bookings are pending after five minutes")
		}
		b.addResult(Confirmed, r, r.Confirmations.PerSecond)
		return nil
	})
}

// burst is the on-sale that everybody fears.
func (b *Bars) burst(ctx context.Context) error {
	return b.onServer(ctx, func(_ scratch, server *private) error {
		r, err := b.play(ctx, server, onsale.Scenario{
			Model: onsale.Open, Burst: 100_000 / b.small, Duration: 5 * time.Second, TicketsPerEvent: 10_000 / b.small,
			Connections: crowd,
		})
		if err != nil {
			return err
		}
		if r.Valid() && !r.SoldOut {
			r.Violations = append(r.Violations, fmt.Sprintf("only %d tickets were sold", r.TicketsSold))
		}
		b.addResult(BurstLast, r, milliseconds(r.LastTicketSold))
		b.addResult(BurstErrors, r, float64(r.Buyers[onsale.Overloaded]+r.Buyers[onsale.Failed]))
		return nil
	})
}

func (b *Bars) embedded(ctx context.Context) error {
	return b.onEmbedded(ctx, func(server *private) error {
		r, err := b.play(ctx, server, onsale.Scenario{Connections: crowd, Warmup: b.warmup})
		if err == nil {
			b.addResult(Embedded, r, r.PerSecond(onsale.Accepted))
		}
		return err
	})
}

// start measures a first start: the data directory is made, too.
func (b *Bars) start(ctx context.Context) error {
	return b.onEmbedded(ctx, func(server *private) error {
		answer, err := fetch(ctx, server.url+"/healthz")
		if err != nil {
			return err
		}
		b.add(Start, milliseconds(time.Since(server.started)))
		return answer.Close()
	})
}

func (b *Bars) statistics(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, server *private) error {
		event, err := fillEvent(ctx, s.config.DatabaseURL, 1_000_000/b.small)
		if err != nil {
			return err
		}
		r, err := onsale.Ping(ctx, onsale.Probe{
			Target: server.url, Path: "/api/v1/events/" + event + "/statistics", Connections: 1, Duration: b.Load,
			Warmup: b.warmup,
		})
		if err != nil {
			return err
		}
		b.add(StatisticsP50, milliseconds(r.Latency[onsale.Accepted].P50))
		if err := onsale.AuditEvent(ctx, server.url, event); err != nil {
			b.Sheet.Void(StatisticsP50, err.Error())
		}
		return nil
	})
}
