package database_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	migratedb "github.com/golang-migrate/migrate/v4/database"
	"github.com/jackc/pgx/v5"

	"quantix/internal/database"
	"quantix/internal/testkit"
)

// While a migration waits, for another process that migrates or for one that reads a table, the end of its context is
// heard; nothing is left half-done, and the next one finds its way.
func TestAMigrationThatWaitsEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, hold := range map[string]string{
		"for another that migrates": "SELECT pg_advisory_xact_lock($1::text::bigint)",
		"for one that reads":        "SELECT count(*) FROM users WHERE $1 <> ''",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := testkit.Database(t, nil)
			m := migrator(t, address)
			if err := m.Up(t.Context()); err != nil {
				t.Fatal(err)
			}
			backBefore(t, m, 10) // the last one that changes a table that others read
			before, err := m.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			release := held(t, address, hold)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- database.MigratePostgres(ctx, address, silent) }()
			testkit.Eventually(t, 20*time.Second, func() error { return waits(t.Context(), address) })
			cancel()
			select {
			case err := <-ended:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("it ended with %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it waits on")
			}
			release()
			if now, err := m.Status(t.Context()); err != nil || now.Version != before.Version || now.Dirty {
				t.Errorf("the schema is at %d (dirty: %v), %v; want %d", now.Version, now.Dirty, err, before.Version)
			}
			if err := m.Up(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// held runs a statement in a transaction that stays open until release.
func held(t *testing.T, address, statement string) (release func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := migratedb.GenerateAdvisoryLockId(conn.Config().Database, "public", "schema_migrations")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), statement, lock); err != nil {
		t.Fatal(err)
	}
	release = func() { _ = conn.Close(context.Background()) }
	t.Cleanup(release)
	return release
}

// waits returns nil once somebody waits for a lock.
func waits(ctx context.Context, address string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	var waiting []string
	rows, err := conn.Query(ctx, `SELECT application_name FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`)
	if err != nil {
		return err
	}
	waiting, err = pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && !strings.HasPrefix(strings.Join(waiting, " "), "quantix migrate") {
		err = errors.New("nobody waits yet")
	}
	return err
}
