package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"quantix/internal/database"
	"quantix/internal/repository/repotest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	repotest.Run(t, func(t *testing.T, clock func() time.Time) repotest.Store {
		store, db := newStore(t, Options{Clock: clock})
		exec := func(ctx context.Context, text string) error { return meddle(ctx, db, text) }
		number := func(ctx context.Context, text string) (n int64, err error) {
			err = store.readers.do(ctx, func(c *conn) error {
				n, err = c.number(ctx, text)
				return err
			})
			return n, err
		}
		goes := func(steps int) error { return migrate(db, steps) }
		beside := func(clock func() time.Time) (repotest.Port, error) {
			files, err := database.OpenSQLite(database.SQLiteOptions{Dir: filepath.Dir(db.Path()), Beside: true})
			if err != nil {
				return nil, err
			}
			return New(context.Background(), files, Options{Clock: clock})
		}
		return repotest.Store{Port: store, Exec: exec, Number: number, Stock: "events", Migrate: goes, Beside: beside}
	})
}

// migrate goes on to the newest migration, or so many back when below 0.
func migrate(db *database.SQLite, steps int) error {
	ctx := context.Background()
	m, err := database.OpenSQLiteMigrator(ctx, db, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if steps < 0 {
		err = m.Down(ctx, -steps)
	} else {
		err = m.Up(ctx)
	}
	return errors.Join(err, m.Close())
}

// meddle runs a statement on a connection of its own, past the store.
func meddle(ctx context.Context, db *database.SQLite, text string) error {
	raw, err := db.Writer(ctx)
	if err != nil {
		return err
	}
	c := newConn(raw)
	defer c.close()
	_, err = c.exec(text)
	return err
}

// newStore returns a store on an empty, migrated database of its own.
func newStore(tb testing.TB, o Options) (*Store, *database.SQLite) {
	tb.Helper()
	dir := tb.TempDir()
	copyTemplate(tb, dir)
	return openStore(tb, dir, o)
}

// openStore opens a store on a data directory until the test ends.
func openStore(tb testing.TB, dir string, o Options) (*Store, *database.SQLite) {
	tb.Helper()
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		tb.Fatalf("opening the database: %v", err)
	}
	store, err := New(context.Background(), db, o)
	if err != nil {
		tb.Fatalf("opening the store: %v", err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
		if err := db.Close(); err != nil {
			tb.Errorf("closing the database: %v", err)
		}
	})
	return store, db
}

// template is a migrated, empty database, made once: copying its file is much faster than migrating.
var template = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "quantix-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	db, err := database.OpenSQLite(database.SQLiteOptions{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := database.MigrateSQLite(context.Background(), db, slog.New(slog.DiscardHandler)); err != nil {
		return nil, err
	}
	return os.ReadFile(db.Path())
})

func copyTemplate(tb testing.TB, dir string) {
	tb.Helper()
	content, err := template()
	if err != nil {
		tb.Fatalf("making the template: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "quantix.db"), content, 0o600); err != nil {
		tb.Fatalf("copying the template: %v", err)
	}
}

// Whoever reads for long must not keep a server from asking for revocations: it would refuse all keys.
func TestIdentityVersion_waits_for_no_reader(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	var reading, done sync.WaitGroup
	release := make(chan struct{})
	for range cap(store.readers.slots) {
		reading.Add(1)
		done.Go(func() {
			_ = store.readers.do(t.Context(), func(*conn) error {
				reading.Done()
				<-release
				return nil
			})
		})
	}
	reading.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := store.IdentityVersion(ctx); err != nil {
		t.Error(err)
	}
	close(release)
	done.Wait()
}
