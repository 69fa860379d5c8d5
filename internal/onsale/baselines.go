package onsale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Baselines measures what PostgreSQL does without our engine: the denominators of the bars.
type Baselines struct {
	// URL is that of a scratch database which holds Quantix's migrated schema. All its rows are removed, so a database
	// with events that no baseline made is refused.
	URL string
	// AllowRemote permits a server that is not this machine. Only for servers of one's own.
	AllowRemote bool
	// PGBench is the program's path. Default: FindPGBench.
	PGBench string
	// Duration of each pgbench run. Default 10 s; whole seconds.
	Duration time.Duration
	// CopyRows is the number of rows that COPY writes. Default 100,000.
	CopyRows int
	// Users and Events make the tables' neighbours. Defaults 1,000 and 1,000.
	Users, Events int

	wide int // clients of B1w: 64, but fewer in tests, where a busy machine may not finish one transaction each
}

// BaselineFigures are the results. One event unless the name says otherwise.
type BaselineFigures struct {
	// Durable says that fsync, full_page_writes and synchronous_commit were on: without them no ratio means anything.
	Durable         bool          `json:"durable"`
	ForUpdate16     PGBenchResult `json:"b1_for_update_16"`        // B1
	ForUpdate64     PGBenchResult `json:"b1w_for_update_64"`       // B1w
	ForUpdateEvents PGBenchResult `json:"for_update_16_events"`    // 16 clients, all events evenly
	ForUpdate1      PGBenchResult `json:"for_update_1"`            // one client, idle: P50 counts
	InsertOnly      PGBenchResult `json:"insert_only_16"`          // the bookings' row alone
	CopyPerSecond   float64       `json:"b4_copy_rows_per_second"` // B4
}

// Run measures all baselines, one after another, and says on progress (nil: nowhere) what it is at.
func (b Baselines) Run(ctx context.Context, progress io.Writer) (BaselineFigures, error) {
	var figures BaselineFigures
	config, err := b.complete()
	if err != nil {
		return figures, fmt.Errorf("baselines: %w", err)
	}
	db, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return figures, fmt.Errorf("baselines: connect: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	if err := checkScratch(ctx, db); err != nil {
		return figures, fmt.Errorf("baselines: %w", err)
	}
	if err := db.QueryRow(ctx, sqlDurable).Scan(&figures.Durable); err != nil {
		return figures, fmt.Errorf("baselines: read settings: %w", err)
	}
	m := &measuring{b: b, db: db, config: &config.Config, report: newReporter(progress)}
	if err := m.all(ctx, &figures); err != nil {
		return figures, fmt.Errorf("baselines: %w", err)
	}
	return figures, nil
}

// complete fills the defaults in and reads the URL.
func (b *Baselines) complete() (*pgx.ConnConfig, error) {
	setDefault(&b.Duration, 10*time.Second)
	setDefault(&b.CopyRows, 100_000)
	setDefault(&b.Users, 1_000)
	setDefault(&b.Events, 1_000)
	setDefault(&b.wide, 64)
	if err := errors.Join(within("duration", b.Duration, time.Second, MaxDuration), within("rows to copy", b.CopyRows, 1, 10_000_000),
		within("users", b.Users, 1, MaxUsers), within("events", b.Events, 1, MaxEvents)); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(b.URL)
	if err != nil {
		return nil, err
	}
	if !b.AllowRemote && !strings.HasPrefix(config.Host, "/") && !isLoopback(config.Host) {
		return nil, fmt.Errorf("database host %s is not this machine: allow remote servers explicitly", config.Host)
	}
	if b.PGBench == "" {
		b.PGBench, err = FindPGBench()
	}
	return config, err
}

// checkScratch refuses a database with somebody's events: baselines empty the tables.
func checkScratch(ctx context.Context, db *pgx.Conn) error {
	var foreign int
	if err := db.QueryRow(ctx, sqlForeignEvents, baselineMark).Scan(&foreign); err != nil {
		return fmt.Errorf("look for a migrated schema: %w", err)
	}
	if foreign > 0 {
		return fmt.Errorf("the database holds %d events that no baseline made: give a scratch database", foreign)
	}
	return nil
}

// measuring is one run of all baselines.
type measuring struct {
	b      Baselines
	db     *pgx.Conn
	config *pgconn.Config
	report *reporter
}

// all runs them in an order that puts the gentle ones first.
func (m *measuring) all(ctx context.Context, f *BaselineFigures) error {
	for _, run := range []struct {
		name    string
		into    *PGBenchResult
		script  string
		clients int
		logged  bool
	}{
		{"FOR UPDATE, one client", &f.ForUpdate1, bookingScript(1, m.b.Users), 1, true},
		{"FOR UPDATE, 16 clients (B1)", &f.ForUpdate16, bookingScript(1, m.b.Users), 16, false},
		{"FOR UPDATE, 64 clients (B1w)", &f.ForUpdate64, bookingScript(1, m.b.Users), m.b.wide, false},
		{"FOR UPDATE over all events, 16 clients", &f.ForUpdateEvents, bookingScript(m.b.Events, m.b.Users), 16, false},
		{"insert only, 16 clients", &f.InsertOnly, insertScript(1, m.b.Users), 16, false},
	} {
		if err := m.reset(ctx); err != nil {
			return err
		}
		p := pgbench{m.b.PGBench, m.config, run.script, run.clients, m.b.Duration, run.logged}
		var err error
		if *run.into, err = m.logged(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", run.name, err)
		}
		m.report.say("%-40s %8.0f a second, mean %s", run.name, run.into.TPS, short(run.into.Mean))
	}
	return m.copyRows(ctx, f)
}

// logged runs pgbench and weighs what it wrote to the server's log.
func (m *measuring) logged(ctx context.Context, p pgbench) (PGBenchResult, error) {
	var before, after int64
	if err := m.db.QueryRow(ctx, sqlWALPosition).Scan(&before); err != nil {
		return PGBenchResult{}, err
	}
	result, err := p.run(ctx)
	if err != nil {
		return result, err
	}
	err = m.db.QueryRow(ctx, sqlWALPosition).Scan(&after)
	result.WALBytes = float64(after-before) / float64(result.Transactions)
	return result, err
}

// reset gives every run the same small tables, analysed, and no checkpoint left over from the one before.
func (m *measuring) reset(ctx context.Context) error {
	if err := m.fillTables(ctx); err != nil {
		return fmt.Errorf("make the tables small: %w", err)
	}
	// Only a privileged role may ask for a checkpoint; without one the figures merely spread more.
	_, _ = m.db.Exec(ctx, `CHECKPOINT`)
	return ctx.Err()
}

func (m *measuring) fillTables(ctx context.Context) error {
	if _, err := m.db.Exec(ctx, sqlEmpty); err != nil {
		return err
	}
	if _, err := m.db.Exec(ctx, sqlInsertUsers, baselineMark, m.b.Users); err != nil {
		return err
	}
	if _, err := m.db.Exec(ctx, sqlInsertEvents, baselineMark, m.b.Events); err != nil {
		return err
	}
	if _, err := m.db.Exec(ctx, sqlInsertStock); err != nil {
		return err
	}
	_, err := m.db.Exec(ctx, `VACUUM ANALYZE events, event_stock, users, bookings, outbox`)
	return err
}

// copyRows measures B4: the fastest way that PostgreSQL has to put bookings into the same table and indexes.
func (m *measuring) copyRows(ctx context.Context, f *BaselineFigures) error {
	if err := m.reset(ctx); err != nil {
		return err
	}
	rows := make([][]any, m.b.CopyRows)
	now := time.Now().UTC()
	for i := range rows {
		row, err := m.copyRow(i, now)
		if err != nil {
			return fmt.Errorf("make rows to copy: %w", err)
		}
		rows[i] = row
	}
	start := time.Now()
	n, err := m.db.CopyFrom(ctx, pgx.Identifier{"bookings"}, bookingColumns, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("copy %d bookings: %w", len(rows), err)
	}
	f.CopyPerSecond = float64(n) / time.Since(start).Seconds()
	m.report.say("%-40s %8.0f rows a second", "COPY (B4)", f.CopyPerSecond)
	return m.reset(ctx)
}

// copyRow makes a booking of the first event, in the order of bookingColumns.
func (m *measuring) copyRow(i int, now time.Time) ([]any, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	user, err := uuid.Parse(baselineID(userFamily, 1+i%m.b.Users))
	if err != nil {
		return nil, err
	}
	event, err := uuid.Parse(baselineID(eventFamily, 1))
	if err != nil {
		return nil, err
	}
	return []any{
		[16]byte(id), [16]byte(user), [16]byte(event), 1, "PENDING", "25.000", "25.000", "USD", "sim_ok",
		now.Add(15 * time.Minute), nil, nil, now, now,
	}, nil
}
