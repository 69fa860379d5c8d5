package shop

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"quantix/internal/database"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/testkit"
)

// Postgres gives the address of a migrated database of the test's own on the shared PostgreSQL.
func Postgres(tb testing.TB) (url string) {
	tb.Helper()
	return testkit.Database(tb, migratePostgres)
}

func migratePostgres(url string) error {
	return database.MigratePostgres(context.Background(), url, slog.New(slog.DiscardHandler))
}

// OpenPostgres opens a store on a PostgreSQL database, on another clock than its own if one is given.
func OpenPostgres(tb testing.TB, url string, clock func() time.Time) repository.Store {
	tb.Helper()
	pool, err := database.OpenPostgres(tb.Context(), database.PostgresOptions{URL: url, MaxConns: 10, LockTimeout: 3 * time.Second, ShortStatements: true})
	if err != nil {
		tb.Fatalf("open the database: %v", err)
	}
	store := postgres.New(postgres.Pools{Desk: pool}, postgres.Options{Clock: clock})
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	})
	return store
}
