package onsale

import (
	"context"
	"testing"
	"time"

	"quantix/internal/testkit"

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

func TestSlowCommitsHoldForNewConnectionsOfOneDatabase(t *testing.T) {
	t.Parallel()
	url, other := testkit.Database(t, nil), testkit.Database(t, nil)
	if err := SlowCommits(t.Context(), url, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{url: "100000", other: "0"} {
		if got := ask[string](t, connect(t, address), `SHOW commit_delay`); got != want {
			t.Errorf("commits wait %s µs, want %s", got, want)
		}
	}
	if got := ask[string](t, connect(t, url), `SHOW commit_siblings`); got != "0" {
		t.Errorf("commits wait only when %s others are busy", got)
	}
}

// sqlHolders counts the snapshots of other sessions that keep dead rows of this database.
const sqlHolders = `SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_xmin IS NOT NULL AND state = 'idle in transaction'`

func TestHoldSnapshot(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, migrate)
	db := connect(t, url)
	held, err := HoldSnapshot(t.Context(), url)
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
	url := testkit.Database(t, migrate)
	held, err := HoldSnapshot(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	ask[bool](t, connect(t, url), `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE datname = current_database() AND state = 'idle in transaction'`)
	if err := held.Release(t.Context()); err == nil {
		t.Error("a snapshot whose connection was ended was released without an error")
	}
}
