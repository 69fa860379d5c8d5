package bench

import (
	"context"
	"testing"
	"time"

	"quantix/internal/testkit/shop"

	"github.com/jackc/pgx/v5"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close(context.Background()) }) // the test's own context has ended by then
	return db
}

func ask[T any](t *testing.T, db *pgx.Conn, sql string) (v T) {
	t.Helper()
	if err := db.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSlowCommits(t *testing.T) {
	t.Parallel()
	const by = 150 * time.Millisecond
	url := shop.Postgres(t)
	db := connect(t, url)
	took := func(sql string) time.Duration {
		t.Helper()
		begun := time.Now()
		if _, err := db.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
		return time.Since(begun)
	}
	took(`INSERT INTO events (id, name, description, date_time, ticket_price, currency, total_tickets, version, created_at, updated_at)
			VALUES (gen_random_uuid(), 'Concert', '', now(), 1, 'USD', 5, 1, now(), now());
		INSERT INTO event_stock (event_id, total_tickets, available, journal_seq) SELECT id, 5, 5, 1 FROM events`)
	if err := slowCommits(t.Context(), url, by); err != nil {
		t.Fatal(err)
	}
	took("BEGIN")
	took("UPDATE event_stock SET available = 4, held = 1, pending_count = 1")
	if have := took("COMMIT"); have < by {
		t.Errorf("the commit took %s, want %s and more", have, by)
	}
}

// sqlHolders counts the snapshots of other sessions that keep dead rows of this database.
const sqlHolders = `SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_xmin IS NOT NULL AND state = 'idle in transaction'`

func TestHoldSnapshot(t *testing.T) {
	t.Parallel()
	url := shop.Postgres(t)
	db := connect(t, url)
	held, err := holdSnapshot(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if n := ask[int](t, db, sqlHolders); n != 1 {
		t.Errorf("%d snapshots are held, want 1", n)
	}
	if err := held.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if n := ask[int](t, db, sqlHolders); n != 0 {
		t.Errorf("%d snapshots are held after the release", n)
	}
}

func TestASnapshotThatWasLostIsNoSnapshot(t *testing.T) {
	t.Parallel()
	url := shop.Postgres(t)
	held, err := holdSnapshot(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	ask[bool](t, connect(t, url), `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`)
	if err := held.Release(t.Context()); err == nil {
		t.Error("a snapshot whose connection was ended was released without an error")
	}
}
