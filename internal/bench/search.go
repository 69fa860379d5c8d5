package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"quantix/internal/app"
	"quantix/internal/onsale"
)

// The events of the measures of search and audit.
const (
	fewEvents     = 1_000
	manyEvents    = 300_000
	describedBy   = 120 // characters
	auditedEvents = 20
	auditedSales  = 1_000 // of each of these events
)

// search measures a search for what twenty events mention among few events and among many, in both stores.
func (b *Bars) search(ctx context.Context) error {
	for _, m := range []struct {
		stored, embedded Key
		events           int
	}{{SearchFew, SearchFewEmb, fewEvents}, {SearchMany, SearchManyEmb, manyEvents}} {
		events := max(m.events/b.small, 20)
		err := b.onServer(ctx, func(s scratch, server *private) error {
			if err := fillEvents(ctx, s.config.DatabaseURL, events, describedBy); err != nil {
				return err
			}
			return b.searched(ctx, server, m.stored)
		})
		if err != nil {
			return err
		}
		if err := b.searchEmbedded(ctx, m.embedded, events); err != nil {
			return err
		}
	}
	return nil
}

func (b *Bars) searched(ctx context.Context, server *private, k Key) error {
	p50, err := b.pinged(ctx, server, "/api/v1/events?q="+needle)
	if err == nil {
		b.add(k, p50)
	}
	return err
}

// pinged returns the p50 of a GET, one after another, in milliseconds. All of the answers must be good.
func (b *Bars) pinged(ctx context.Context, server *private, path string) (float64, error) {
	r, err := onsale.Ping(ctx, onsale.Probe{
		Target: server.url, Path: path, Connections: 1, Duration: b.Load, Warmup: b.warmup,
	})
	if err != nil {
		return 0, err
	}
	for _, a := range r.Answers {
		if a.Class == onsale.Accepted {
			continue
		}
		return 0, fmt.Errorf("GET %s: %d answers with status %d %s", path, a.Count, a.Status, a.Code)
	}
	return milliseconds(r.Latency[onsale.Accepted].P50), nil
}

// searchEmbedded fills a data directory, and starts a server on it.
func (b *Bars) searchEmbedded(ctx context.Context, k Key, events int) error {
	dir, err := os.MkdirTemp("", "quantix-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := embedSearched(ctx, filepath.Join(dir, "data"), events); err != nil {
		return err
	}
	c := b.Config
	c.DatabaseURL, c.RedisURL = "", ""
	server, err := launch(ctx, b.Progress, c, dir)
	if err != nil {
		return err
	}
	defer server.stop()
	return b.searched(ctx, server, k)
}

// audit measures the audit of one of twenty events with a thousand paid bookings each, warm.
func (b *Bars) audit(ctx context.Context) error {
	return b.onServer(ctx, func(s scratch, server *private) error {
		r, err := b.play(ctx, server, onsale.Scenario{
			Model: onsale.Open, Events: auditedEvents, Burst: auditedEvents * auditedSales / b.small,
			Duration: max(10*time.Second/time.Duration(b.small), time.Second), WatchConfirmations: true,
		})
		if err != nil {
			return err
		}
		if len(r.Audits) == 0 {
			return errors.New("there is no event to audit")
		}
		p50, err := b.pinged(ctx, server, "/api/v1/events/"+r.Audits[0].EventID+"/audit")
		if err != nil {
			return err
		}
		b.addResult(AuditP50, r, p50)
		command, err := b.auditCommand(ctx, s)
		if err == nil {
			b.addResult(AuditCommand, r, command)
		}
		return err
	})
}

// auditCommand does what quantix audit does, over and over, and returns the milliseconds that one event takes. What the
// process needs to start is no audit.
func (b *Bars) auditCommand(ctx context.Context, s scratch) (float64, error) {
	s.config.LogLevel = slog.LevelWarn
	store, err := app.OpenStore(ctx, s.config, app.NewLogger(b.Progress, s.config), app.Reading)
	if err != nil {
		return 0, err
	}
	defer store.Close()
	before, told := countProcessorTime(ctx, s.config.DatabaseURL, os.Getpid())
	var begun time.Time
	times := -1
	for ; times < 1 || time.Since(begun) < b.Load; times++ {
		if times == 0 { // the first was the warming
			begun = time.Now()
		}
		if err := b.Audit(ctx, store); err != nil {
			return 0, err
		}
	}
	took := time.Since(begun)
	if after, still := countProcessorTime(ctx, s.config.DatabaseURL, os.Getpid()); told == nil && still == nil {
		each := float64((times + 1) * auditedEvents)
		used := after.Minus(before)
		b.add(AuditCommand.Of("postgres_ms"), milliseconds(used.Postgres)/each)
		b.add(AuditCommand.Of("program_ms"), milliseconds(used.Server)/each)
	}
	return milliseconds(took) / float64(times*auditedEvents), nil
}
