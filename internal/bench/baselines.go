package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"quantix/internal/onsale"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// baselines measures what PostgreSQL does without our engine: the denominators of the bars.
type baselines struct {
	// URL is that of a scratch database which holds Quantix's migrated schema. All its rows are removed, so a database
	// with events that no baseline made is refused.
	URL string
	// AllowRemote permits a server that is not this machine. Only for servers of one's own.
	AllowRemote bool
	// PGBench is the program's path. Default: findPGBench.
	PGBench string
	// Duration of each pgbench run. Default 10 s; whole seconds.
	Duration time.Duration
	// CopyRows is the number of rows that COPY writes. Default 100,000.
	CopyRows int
	// Users and Events make the tables' neighbours. Defaults 1,000 and 1,000.
	Users, Events int

	wide int // clients of B1w: 64, but fewer in tests, where a busy machine may not finish one transaction each
}

// baselineFigures are the results. One event unless the name says otherwise.
type baselineFigures struct {
	// Durable says that fsync, full_page_writes and synchronous_commit were on: without them no ratio means anything.
	Durable         bool          `json:"durable"`
	ForUpdate16     pgbenchResult `json:"b1_for_update_16"`        // B1
	ForUpdate64     pgbenchResult `json:"b1w_for_update_64"`       // B1w
	ForUpdateEvents pgbenchResult `json:"for_update_16_events"`    // 16 clients, all events evenly
	ForUpdate1      pgbenchResult `json:"for_update_1"`            // one client, idle: P50 counts
	InsertOnly      pgbenchResult `json:"insert_only_16"`          // the bookings' row alone
	CopyPerSecond   float64       `json:"b4_copy_rows_per_second"` // B4
}

// Run measures all baselines, one after another, and says on progress what it is at.
func (b baselines) Run(ctx context.Context, progress io.Writer) (baselineFigures, error) {
	var figures baselineFigures
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
	m := &measuring{b: b, db: db, config: &config.Config, progress: progress}
	if err := m.all(ctx, &figures); err != nil {
		return figures, fmt.Errorf("baselines: %w", err)
	}
	return figures, nil
}

// complete fills the defaults in and reads the URL.
func (b *baselines) complete() (*pgx.ConnConfig, error) {
	b.Duration, b.CopyRows = cmp.Or(b.Duration, 10*time.Second), cmp.Or(b.CopyRows, 100_000)
	b.Users, b.Events, b.wide = cmp.Or(b.Users, 1_000), cmp.Or(b.Events, 1_000), cmp.Or(b.wide, 64)
	config, err := pgx.ParseConfig(b.URL)
	if err != nil {
		return nil, err
	}
	if !b.AllowRemote && !strings.HasPrefix(config.Host, "/") && !onsale.IsLoopback(config.Host) {
		return nil, fmt.Errorf("database host %s is not this machine: allow remote servers explicitly", config.Host)
	}
	if b.PGBench == "" {
		b.PGBench, err = findPGBench()
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
	b        baselines
	db       *pgx.Conn
	config   *pgconn.Config
	progress io.Writer
}

// say writes a line of progress, which is a courtesy: a writer that fails must not fail the run.
func (m *measuring) say(format string, args ...any) {
	_, _ = fmt.Fprintf(m.progress, format+"\n", args...)
}

// all runs them in an order that puts the gentle ones first.
func (m *measuring) all(ctx context.Context, f *baselineFigures) error {
	for _, run := range []struct {
		name    string
		into    *pgbenchResult
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
		m.say("%-40s %8.0f a second, mean %s", run.name, run.into.TPS, onsale.Short(run.into.Mean))
	}
	return m.copyRows(ctx, f)
}

// logged runs pgbench and weighs what it wrote to the server's log.
func (m *measuring) logged(ctx context.Context, p pgbench) (pgbenchResult, error) {
	var before, after int64
	if err := m.db.QueryRow(ctx, sqlWALPosition).Scan(&before); err != nil {
		return pgbenchResult{}, err
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
func (m *measuring) copyRows(ctx context.Context, f *baselineFigures) error {
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
	m.say("%-40s %8.0f rows a second", "COPY (B4)", f.CopyPerSecond)
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
