package bench

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/onsale"
)

// scratchURL names a database of that name on the server that address names. It does not create it.
func scratchURL(address, name string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read the database's address: %w", err)
	}
	if host := u.Hostname(); host != "" && !onsale.IsLoopback(host) && !strings.HasPrefix(host, "/") {
		return "", fmt.Errorf("database host %s is not this machine: bench makes and drops databases on its own servers only", host)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// dropScratch drops the database that address names, whoever is connected, if it exists.
func dropScratch(ctx context.Context, address string) error {
	config, err := pgx.ParseConfig(address)
	if err != nil {
		return err
	}
	name := config.Database
	config.Database = "postgres"
	db, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	if _, err = db.Exec(ctx, "DROP DATABASE IF EXISTS "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop %s: %w", name, err)
	}
	return nil
}

// sqlSlowCommits has a deferred trigger sleep: commit_delay would do, but for no longer than 100 ms.
const sqlSlowCommits = `
	CREATE FUNCTION quantix_bench_slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(%f);
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER quantix_bench_slow_commit AFTER UPDATE ON event_stock DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION quantix_bench_slow_commit()`

// slowCommits makes each commit that changes an event's stock take so much longer, with the row locked, as a far
// synchronous replica or a slow disk would. The tables must be there; it is for databases that are dropped after use.
func slowCommits(ctx context.Context, address string, by time.Duration) error {
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("slow commits down: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	if _, err := db.Exec(ctx, fmt.Sprintf(sqlSlowCommits, by.Seconds())); err != nil {
		return fmt.Errorf("slow commits down: %w", err)
	}
	return nil
}

// postgresCounters are what PostgreSQL has counted so far. WALBytes and Syncs are the whole server's.
type postgresCounters struct {
	Bookings, WALBytes, Syncs int64
}

const (
	sqlBookings = `SELECT count(*) FROM bookings`
	// PostgreSQL 18 moved the counter.
	sqlSyncs18 = `SELECT coalesce(sum(fsyncs), 0)::bigint FROM pg_stat_io WHERE object = 'wal'`
	sqlSyncs   = `SELECT wal_sync FROM pg_stat_wal`
)

// statsDelay is how long PostgreSQL's processes may sit on what they have counted.
const statsDelay = 1100 * time.Millisecond

// countPostgres reads the counters of the database that address names.
func countPostgres(ctx context.Context, address string) (c postgresCounters, err error) {
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		return c, fmt.Errorf("count: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	if err := pause(ctx, statsDelay); err != nil {
		return c, err
	}
	var major int
	if err := db.QueryRow(ctx, `SELECT current_setting('server_version_num')::int / 10000`).Scan(&major); err != nil {
		return c, fmt.Errorf("count: %w", err)
	}
	syncs := sqlSyncs
	if major >= 18 {
		syncs = sqlSyncs18
	}
	for _, q := range []struct {
		sql  string
		into *int64
	}{{sqlWALPosition, &c.WALBytes}, {syncs, &c.Syncs}, {sqlBookings, &c.Bookings}} {
		if err := db.QueryRow(ctx, q.sql).Scan(q.into); err != nil {
			return c, fmt.Errorf("count: %w", err)
		}
	}
	return c, nil
}

// Minus returns what was counted since.
func (c postgresCounters) Minus(before postgresCounters) postgresCounters {
	return postgresCounters{c.Bookings - before.Bookings, c.WALBytes - before.WALBytes, c.Syncs - before.Syncs}
}
