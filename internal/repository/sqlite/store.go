// Package sqlite keeps the program's data in an embedded SQLite database: the adapter of the repository's ports for the
// mode that needs nothing installed.
//
// SQLite lets one connection write at a time and makes each commit wait for the disk. So one goroutine (the writer)
// does all writing: it takes whatever waits, from however many desks and loops, and commits it as one transaction.
// Readers have connections of their own, which never wait for it.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quantix/internal/database"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
)

var (
	_ repository.Store = (*Store)(nil)
	_ simulator.Ledger = (*Store)(nil)
)

// Options are a store's settings; the zero value is for production.
type Options struct {
	// Clock replaces the system's clock, in tests.
	Clock func() time.Time
	// Readers is how many connections read at once; default 4.
	Readers int
}

// Store implements repository.Store. Make one with New.
type Store struct {
	clock   func() time.Time
	readers *readers
	loops   *readers // the background loops' own: a flood of lists must not delay payments and expiry
	health  *readers // its own, for the same reason: whether the database answers
	writer  *writer  // nil: the database was opened for reading only
}

// New opens the connections of a store on a database, which stays its caller's to close, after the store.
func New(ctx context.Context, db *database.SQLite, o Options) (*Store, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	s := &Store{clock: o.Clock, readers: newReaders(db, o.Readers), loops: newReaders(db, 2), health: newReaders(db, 1)}
	if db.ReadOnly() {
		return s, nil
	}
	writer, err := startWriter(ctx, db)
	if err != nil {
		return nil, wrap("open the store", err)
	}
	s.writer = writer
	return s, nil
}

// Close waits for what is in hand and closes the connections.
func (s *Store) Close() error {
	err := errors.Join(s.readers.close(), s.loops.close(), s.health.close())
	if s.writer != nil {
		err = errors.Join(err, s.writer.close())
	}
	return err
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return wrap("ping the database", s.health.do(ctx, func(c *conn) error {
		_, err := c.number(ctx, `SELECT count(*) FROM sqlite_schema`)
		return err
	}))
}

const (
	selectIsMigrated    = `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations'`
	selectSchemaVersion = `SELECT version, dirty FROM schema_migrations LIMIT 1`
)

// SchemaVersion returns the number of the newest migration in force, and whether one failed half-way. A database that
// was never migrated has version 0.
func (s *Store) SchemaVersion(ctx context.Context) (version uint, dirty bool, err error) {
	err = s.health.do(ctx, func(c *conn) error {
		migrated, err := c.number(ctx, selectIsMigrated)
		if err != nil || migrated == 0 {
			return err
		}
		return c.query(ctx, selectSchemaVersion, nil, func(r *row) error {
			version, dirty = uint(max(r.int(), 0)), r.bool()
			return nil
		})
	})
	return version, dirty, wrap("read the schema's version", err)
}

// now is the time as the database keeps it. The writer asks for it inside a transaction, so that times follow the order
// of the commits.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// write runs a piece of work in a transaction of the writer.
func (s *Store) write(ctx context.Context, what string, work func(*conn) error) error {
	if s.writer == nil {
		return fmt.Errorf("%s: %w: the database was opened for reading only", what, repository.ErrUnavailable)
	}
	return wrap(what, s.writer.do(ctx, work))
}

// snapshot runs several reads that see the same state.
func (s *Store) snapshot(ctx context.Context, what string, work func(*conn) error) error {
	return wrap(what, s.readers.do(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		err := work(c)
		_, endErr := c.exec("ROLLBACK")
		return errors.Join(err, endErr)
	}))
}
