package onsale

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ScratchURL names a database of that name on the server that address names. It does not create it.
func ScratchURL(address, name string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read the database's address: %w", err)
	}
	if host := u.Hostname(); host != "" && !isLoopback(host) && !strings.HasPrefix(host, "/") {
		return "", fmt.Errorf("database host %s is not this machine: bench makes and drops databases on its own servers only", host)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// DropScratch drops the database that address names, whoever is connected, if it exists.
func DropScratch(ctx context.Context, address string) error {
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

// SlowCommits makes each commit that changes an event's stock take so much longer, with the row locked, as a far
// synchronous replica or a slow disk would. The tables must be there; it is for databases that are dropped after use.
func SlowCommits(ctx context.Context, address string, by time.Duration) error {
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

// PostgresCounters are what PostgreSQL has counted so far. WALBytes and Syncs are the whole server's.
type PostgresCounters struct {
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

// CountPostgres reads the counters of the database that address names.
func CountPostgres(ctx context.Context, address string) (c PostgresCounters, err error) {
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		return c, fmt.Errorf("count: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	if err := sleep(ctx, statsDelay); err != nil {
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

// Minus gives what was counted since.
func (c PostgresCounters) Minus(before PostgresCounters) PostgresCounters {
	return PostgresCounters{c.Bookings - before.Bookings, c.WALBytes - before.WALBytes, c.Syncs - before.Syncs}
}

// The ids of the bookings that a fill makes are ordered, as the program's own are.
const (
	sqlFillEvent = `
WITH e AS (
  INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
  VALUES ($1::uuid, 'Filled', now() + interval '30 days', $2::int + 1000, 0, 'USD', now(), now())
)
INSERT INTO event_stock (event_id, total_tickets, available, sold, confirmed_count)
VALUES ($1::uuid, $2::int + 1000, 1000, $2::int, $2::int)`

	sqlFillUser = `INSERT INTO users (id, name, email, created_at, updated_at) VALUES ($1::uuid, 'Filler', $1::uuid::text || '@example.test', now(), now())`

	sqlFillBookings = `
INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
  payment_deadline, confirmed_at, created_at, updated_at)
SELECT ('30000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $2, $1, 1, 'CONFIRMED', 0, 0, 'USD', 'sim_ok',
  now(), now(), now(), now()
FROM generate_series(1, $3::bigint) AS n`
)

// Fill makes an event with that many CONFIRMED bookings, free of charge so that no payment is missing, and returns its
// id. It is for one use in a scratch database.
func Fill(ctx context.Context, address string, bookings int) (event string, err error) {
	id, user := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()) // random numbers do not fail
	err = fillAll(ctx, address, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlFillEvent, [16]byte(id), bookings)
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillUser, [16]byte(user))
		}
		if err == nil {
			_, err = tx.Exec(ctx, sqlFillBookings, [16]byte(id), [16]byte(user), bookings)
		}
		return err
	})
	return id.String(), err
}

// AuditEvent asks the server for an event's audit; the error says what differs.
func AuditEvent(ctx context.Context, server, event string) error {
	to, err := parseTarget(server, false)
	if err != nil {
		return err
	}
	a := newAPI(to)
	defer a.close()
	a.timeout = auditTimeout
	if v := audit(ctx, a, event); !v.OK {
		return fmt.Errorf("event %s: audit: %s %s", event, v.Error, v.Differences)
	}
	return nil
}
