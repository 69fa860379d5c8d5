package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
)

// The files of an embedded database. SQLite adds those of its write-ahead log beside the first.
const (
	sqliteFile     = "quantix.db"
	sqliteLockFile = "quantix.lock"
)

// SQLiteOptions say where an embedded database is and what it is opened for.
type SQLiteOptions struct {
	// Dir is the data directory. Opening it for writing creates it.
	Dir string
	// ReadOnly opens a database beside the process that writes it: nothing is locked, created or changed.
	ReadOnly bool
	// Beside opens a database for small changes beside the process that holds the directory, or that may come to hold
	// it: nothing is locked, created or migrated. What such a change may be, is what no other process keeps in memory.
	Beside bool
}

// SQLite is an embedded database: a data directory that this process holds, and the making of connections to the
// database in it. One process at a time sells; others may read beside it, and make small changes.
type SQLite struct {
	dir      string
	readOnly bool
	beside   bool
	lock     *os.File
}

// OpenSQLite takes hold of a data directory. For writing it makes what is missing and locks the directory, so that no
// second process sells the same tickets from its own memory.
func OpenSQLite(o SQLiteOptions) (*SQLite, error) {
	db := &SQLite{dir: o.Dir, readOnly: o.ReadOnly, beside: o.Beside}
	if o.ReadOnly || o.Beside {
		return db, db.checkPresent()
	}
	if err := makeDir(o.Dir); err != nil {
		return nil, fmt.Errorf("the data directory %s cannot be made (%w); set DATA_DIR to a directory that this user may write to", o.Dir, reason(err))
	}
	lock, err := lockFile(filepath.Join(o.Dir, sqliteLockFile))
	if err != nil {
		return nil, db.explainLock(err)
	}
	db.lock = lock
	if err := db.prepareFile(); err != nil {
		return nil, errors.Join(err, unlockFile(lock))
	}
	if err := syncDir(o.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("flush the data directory %s: %w", o.Dir, reason(err)), unlockFile(lock))
	}
	return db, nil
}

// Path is the database's file.
func (db *SQLite) Path() string { return filepath.Join(db.dir, sqliteFile) }

// ReadOnly reports whether the database was opened for reading only.
func (db *SQLite) ReadOnly() bool { return db.readOnly }

// Beside reports whether the database was opened for small changes beside the process that sells. Its Writer waits for
// nobody: who sells begins its next transaction at once behind the last, so that somebody who waits as SQLite has one
// wait, looking ten times a second, may look for long before it is between two.
func (db *SQLite) Beside() bool { return db.beside }

// Close lets go of the data directory. Connections are closed by those who opened them, before.
func (db *SQLite) Close() error {
	if db.lock == nil {
		return nil
	}
	lock := db.lock
	db.lock = nil
	if err := lock.Truncate(0); err != nil { // nobody holds it any more
		return errors.Join(fmt.Errorf("clear the lock of the data directory: %w", err), unlockFile(lock))
	}
	return unlockFile(lock)
}

func (db *SQLite) checkPresent() error {
	file, err := os.Open(db.Path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no database in %s yet; `quantix serve` or `quantix migrate up` makes one", db.dir)
	case err != nil:
		return fmt.Errorf("the database in %s cannot be read (%w); set DATA_DIR to a directory that this user may read", db.dir, reason(err))
	}
	return errors.Join(db.checkFormat(file), file.Close())
}

// checkFormat refuses a file that something else has written, or ruined; SQLite would say so only at the first
// statement.
func (db *SQLite) checkFormat(file *os.File) error {
	const magic = "SQLite format 3\x00"
	head, err := io.ReadAll(io.LimitReader(file, int64(len(magic))))
	if err != nil {
		return fmt.Errorf("the database %s cannot be read: %w", db.Path(), reason(err))
	}
	if len(head) > 0 && string(head) != magic { // an empty file is a new database
		return fmt.Errorf("the file %s is no database of Quantix: restore it from a backup, or move it away to begin with an empty one", db.Path())
	}
	return nil
}

// prepareFile makes the database's file before SQLite does, so that only its owner may read it.
func (db *SQLite) prepareFile() error {
	file, err := os.OpenFile(db.Path(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("the database %s cannot be written (%w); set DATA_DIR to a directory that this user may write to", db.Path(), reason(err))
	}
	return errors.Join(db.checkFormat(file), file.Close())
}

// CheckWritable reports whether a server could keep its data in a directory, which need not be there yet. Nothing is
// left behind.
func CheckWritable(dir string) error {
	trial, err := os.MkdirTemp(nearest(dir), ".quantix-trial-")
	if err != nil {
		return fmt.Errorf("the data directory %s cannot be written (%w); set DATA_DIR to a directory that this user may write to", dir, reason(err))
	}
	defer func() { _ = os.RemoveAll(trial) }()
	if err := writeTrial(filepath.Join(trial, "room")); err != nil {
		return fmt.Errorf("the data directory %s takes no files (%w); make room on its disk", dir, reason(err))
	}
	return nil
}

// writeTrial writes a small file to the disk.
func writeTrial(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 64<<10))
	return errors.Join(err, file.Sync(), file.Close())
}

// nearest is a directory, or the first above it that is there.
func nearest(dir string) string {
	for _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir; _, err = os.Stat(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// errLocked says that another process holds the lock.
var errLocked = errors.New("locked by another process")

func (db *SQLite) explainLock(err error) error {
	if !errors.Is(err, errLocked) {
		return fmt.Errorf("the data directory %s cannot be written (%w); set DATA_DIR to a directory that this user may write to", db.dir, reason(err))
	}
	holder := "another quantix process"
	if pid, err := os.ReadFile(filepath.Join(db.dir, sqliteLockFile)); err == nil && len(pid) > 0 {
		holder += " (pid " + strings.TrimSpace(string(pid)) + ")"
	}
	return fmt.Errorf("the data directory %s is in use by %s: stop it first, or set DATA_DIR to another directory", db.dir, holder)
}

// reason leaves out the path, which the sentence around it names.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	return err
}

// Pragmas of every connection. busy_timeout comes first, so that the others wait as well. Every commit is on disk
// before it is answered (synchronous).
var (
	commonPragmas = []string{"busy_timeout(5000)", "foreign_keys(1)", "temp_store(2)"}
	// Checkpoints are the store's business: an automatic one would stop the bookings for as long as it takes.
	writePragmas  = []string{"journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(0)", "cache_size(-32768)"}
	besidePragmas = append(slices.Clone(writePragmas), "busy_timeout(0)")
	readPragmas   = []string{"query_only(1)", "cache_size(-4096)"}
)

// Writer opens a connection that writes. A process should have one at a time besides migrations.
func (db *SQLite) Writer(ctx context.Context) (driver.Conn, error) {
	if db.readOnly {
		return nil, fmt.Errorf("the database in %s was opened for reading only", db.dir)
	}
	if db.beside {
		return db.connect(ctx, db.dsn("rw", besidePragmas))
	}
	return db.connect(ctx, db.dsn("rw", writePragmas))
}

// Reader opens a connection that can only read.
func (db *SQLite) Reader(ctx context.Context) (driver.Conn, error) {
	if db.readOnly {
		return db.connect(ctx, db.dsn("ro", readPragmas))
	}
	return db.connect(ctx, db.dsn("rw", readPragmas))
}

func (db *SQLite) connect(ctx context.Context, dsn string) (driver.Conn, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", db.Path(), err)
	}
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", db.Path(), err)
	}
	return conn, nil
}

func (db *SQLite) dsn(mode string, pragmas []string) string {
	query := url.Values{"mode": {mode}, "_txlock": {"immediate"}}
	query["_pragma"] = append(append([]string{}, commonPragmas...), pragmas...)
	path := (&url.URL{Path: filepath.ToSlash(db.Path())}).EscapedPath()
	return "file:" + path + "?" + query.Encode()
}
