package handlers

import (
	"context"
	"log/slog"
	"testing"

	"quantix/internal/database"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/testkit"
)

func newStore(tb testing.TB, clock *testkit.Clock) repository.Store {
	tb.Helper()
	url := testkit.Database(tb, func(url string) error {
		return database.MigratePostgres(context.Background(), url, slog.New(slog.DiscardHandler))
	})
	pool, err := database.OpenPostgres(tb.Context(), database.PostgresOptions{URL: url, MaxConns: 4, ShortStatements: true})
	if err != nil {
		tb.Fatal(err)
	}
	options := postgres.Options{}
	if clock != nil {
		options.Clock = clock.Now
	}
	store := postgres.New(postgres.Pools{Desk: pool}, options)
	tb.Cleanup(func() { _ = store.Close() })
	return store
}
