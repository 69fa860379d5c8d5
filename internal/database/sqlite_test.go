package database

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"quantix/migrations"
)

func openSQLite(t *testing.T, dir string) *SQLite {
	t.Helper()
	db, err := OpenSQLite(SQLiteOptions{Dir: dir})
	if err != nil {
		t.Fatalf("opening %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return db
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestADataDirectoryHasOneWriter(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "data")
	db := openSQLite(t, dir)
	_, err := OpenSQLite(SQLiteOptions{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "pid "+strconv.Itoa(os.Getpid())) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second opening gave %v; want an error that names the directory and this process", err)
	}
	beside, err := OpenSQLite(SQLiteOptions{Dir: dir, ReadOnly: true})
	if err != nil {
		t.Fatalf("opening for reading beside the writer: %v", err)
	}
	if _, err := beside.Writer(t.Context()); err == nil {
		t.Error("a database opened for reading gave a connection that writes")
	}
	if _, err := OpenSQLiteMigrator(t.Context(), beside, silent()); err == nil {
		t.Error("a database opened for reading gave a migrator")
	}
	if err := beside.Close(); err != nil {
		t.Errorf("closing the reading side: %v", err)
	}
	small, err := OpenSQLite(SQLiteOptions{Dir: dir, Beside: true})
	if err != nil {
		t.Fatalf("opening for small changes beside the writer: %v", err)
	}
	if _, err := OpenSQLiteMigrator(t.Context(), small, silent()); err == nil {
		t.Error("a database opened for small changes gave a migrator")
	}
	if err := small.Close(); err != nil {
		t.Errorf("closing the side of small changes: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	openSQLite(t, dir) // free again
}

func TestOnlyTheOwnerMayReadTheData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	db := openSQLite(t, dir)
	if err := MigrateSQLite(t.Context(), db, silent()); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	conn, err := db.Writer(t.Context())
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	defer conn.Close()
	for path, want := range map[string]os.FileMode{dir: 0o700, db.Path(): 0o600, filepath.Join(dir, sqliteLockFile): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v (%v); want %v", path, info.Mode().Perm(), err, want)
		}
	}
}

func TestOpeningSaysWhatToDo(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	occupied := t.TempDir()
	if err := os.Mkdir(filepath.Join(occupied, sqliteFile), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		options SQLiteOptions
		want    string
	}{
		"nothing to read":         {SQLiteOptions{Dir: empty, ReadOnly: true}, "quantix migrate up"},
		"nothing to change":       {SQLiteOptions{Dir: empty, Beside: true}, "quantix migrate up"},
		"below a file":            {SQLiteOptions{Dir: filepath.Join(file, "data")}, "DATA_DIR"},
		"a directory in the way":  {SQLiteOptions{Dir: occupied}, "DATA_DIR"},
		"reading what is no file": {SQLiteOptions{Dir: filepath.Join(file, "data"), ReadOnly: true}, "cannot be read"},
	} {
		if _, err := OpenSQLite(c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want an error that says %q", name, err, c.want)
		}
	}
}

// A directory whose name means something in a URI is opened as it is named.
func TestAStrangeDirectoryName(t *testing.T) {
	t.Parallel()
	db := openSQLite(t, filepath.Join(t.TempDir(), "100% ?mode=memory&x=#1"))
	if err := MigrateSQLite(t.Context(), db, silent()); err != nil {
		t.Fatalf("migrating: %v", err)
	}
	if info, err := os.Stat(db.Path()); err != nil || info.Size() == 0 {
		t.Errorf("the database is not where it was asked for: %v", err)
	}
}

func TestMigratingSQLite(t *testing.T) {
	t.Parallel()
	db := openSQLite(t, t.TempDir())
	m, err := OpenSQLiteMigrator(t.Context(), db, silent())
	if err != nil {
		t.Fatalf("opening the migrator: %v", err)
	}
	defer m.Close()
	newest, err := RequiredVersion(migrations.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	standsAt := func(want uint) {
		t.Helper()
		schema, err := m.Status(context.Background())
		if err != nil || schema.Version != want || schema.Dirty || schema.Migrations[0].Applied != (want > 0) {
			t.Errorf("the schema stands at %+v (%v); want version %d", schema, err, want)
		}
	}
	standsAt(0)
	migrated, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		do   func() error
		want uint
	}{
		{func() error { return m.Up(t.Context()) }, newest},
		{func() error { return m.Up(t.Context()) }, newest},
		{func() error { return m.Down(t.Context(), len(migrated.Migrations)) }, 0},
		{func() error { return m.Up(t.Context()) }, newest},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("migrating: %v", err)
		}
		standsAt(step.want)
	}
}

func TestAFailedMigrationIsToldWithoutTheFile(t *testing.T) {
	t.Parallel()
	m, err := OpenSQLiteMigrator(t.Context(), openSQLite(t, t.TempDir()), silent())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.db.Exec("CREATE TABLE events (in_the_way INTEGER)"); err != nil {
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "already exists") || strings.Contains(err.Error(), "CREATE TABLE") {
		t.Errorf("a migration over a foreign table: %v; want its reason without the whole file", err)
	}
}
