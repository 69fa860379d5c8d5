package shop

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"quantix/internal/database"
	"quantix/internal/repository/sqlite"
)

// openStore opens an embedded store on a database of the test's own.
func openStore(tb testing.TB, clock func() time.Time) Store {
	tb.Helper()
	empty, err := template()
	if err != nil {
		tb.Fatalf("migrate an empty database: %v", err)
	}
	dir := tb.TempDir()
	if err := os.WriteFile(filepath.Join(dir, empty.name), empty.content, 0o600); err != nil {
		tb.Fatal(err)
	}
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		tb.Fatalf("open the database: %v", err)
	}
	store, err := sqlite.New(context.Background(), db, sqlite.Options{Clock: clock})
	if err != nil {
		tb.Fatalf("open the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("close the store: %v", err)
		}
		if err := db.Close(); err != nil {
			tb.Errorf("close the database: %v", err)
		}
	})
	return store
}

// template is a migrated, empty database, made once in a process: to copy its file is much faster than to migrate.
var template = sync.OnceValues(migrated)

type file struct {
	name    string
	content []byte
}

func migrated() (file, error) {
	dir, err := os.MkdirTemp("", "quantix-template-")
	if err != nil {
		return file{}, err
	}
	defer os.RemoveAll(dir)
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		return file{}, err
	}
	err = database.MigrateSQLite(context.Background(), db, slog.New(slog.DiscardHandler))
	path := db.Path()
	if closed := db.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return file{}, err
	}
	content, err := os.ReadFile(path)
	return file{filepath.Base(path), content}, err
}
