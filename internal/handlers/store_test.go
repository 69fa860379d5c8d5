package handlers

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"quantix/internal/database"
	"quantix/internal/repository/postgres"
	"quantix/internal/repository/sqlite"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

// newStore opens a fresh embedded store: the product's default, and fast.
func newStore(tb testing.TB, clock *testkit.Clock) shop.Store {
	tb.Helper()
	dir := tb.TempDir()
	copyTemplate(tb, dir)
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		tb.Fatal(err)
	}
	options := sqlite.Options{}
	if clock != nil {
		options.Clock = clock.Now
	}
	store, err := sqlite.New(context.Background(), db, options)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = store.Close()
		_ = db.Close()
	})
	return store
}

// template is the files of a migrated, empty store, made once: copying them is much faster than migrating.
var template = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "quantix-handlers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		return nil, err
	}
	if err := database.MigrateSQLite(context.Background(), db, quiet()); err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return files, err
})

func copyTemplate(tb testing.TB, dir string) {
	tb.Helper()
	files, err := template()
	if err != nil {
		tb.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// setupPostgres is setup on a PostgreSQL database of its own.
func setupPostgres(tb testing.TB) *bundle {
	tb.Helper()
	url := testkit.Database(tb, func(url string) error { return database.MigratePostgres(context.Background(), url, quiet()) })
	pool, err := database.OpenPostgres(tb.Context(), database.PostgresOptions{URL: url, MaxConns: 4, LockTimeout: 30 * time.Second, AppName: "handlers"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	clock := testkit.NewClock(today)
	return setupOn(tb, postgres.New(postgres.Pools{Desk: pool}, postgres.Options{Clock: clock.Now}), clock)
}
