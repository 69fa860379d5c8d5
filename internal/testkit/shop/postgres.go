package shop

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"quantix/internal/database"
	"quantix/internal/repository/postgres"
	"quantix/internal/testkit"
)

// Postgres returns the address of a migrated database of the test's own on the shared PostgreSQL.
func Postgres(tb testing.TB) (url string) {
	tb.Helper()
	return testkit.Database(tb, migratePostgres)
}

func migratePostgres(url string) error {
	return database.MigratePostgres(context.Background(), url, slog.New(slog.DiscardHandler))
}

// patience is how long a wait for a lock, a statement or a connection may last: no test of a shop is about that, and on
// a busy machine whoever has a lock may not run for a while.
const patience = time.Minute

// OpenPostgres opens a store on a PostgreSQL database, on another clock than its own if one is given.
func OpenPostgres(tb testing.TB, url string, clock func() time.Time) Store {
	tb.Helper()
	pool, err := database.OpenPostgres(tb.Context(), database.PostgresOptions{
		URL: url, MaxConns: 10, ShortStatements: true, LockTimeout: patience, StatementTimeout: patience,
		IdleInTransactionTimeout: patience, ConnectTimeout: patience,
	})
	if err != nil {
		tb.Fatalf("open the database: %v", err)
	}
	store := postgres.New(postgres.Pools{Desk: pool}, postgres.Options{
		Clock: clock, AcquireTimeout: patience, CommitTimeout: 2 * patience,
	})
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return store
}
