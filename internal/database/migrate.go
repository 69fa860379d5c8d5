// Package database opens the databases and brings their schema up to date. It holds no queries of the program's own:
// those are the repository's.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	"github.com/golang-migrate/migrate/v4/source/iofs"
)

// migrationWait bounds how long one replica waits for another one that is migrating.
const migrationWait = 10 * time.Minute

// Migration is one numbered change of the schema, and whether it is in force.
type Migration struct {
	Version uint
	Name    string
	Applied bool
}

// Schema says where a database's schema stands. Version 0 is an empty database. Dirty means that the last change
// failed half-way. Version may be newer than any of Migrations: then a newer binary was here.
type Schema struct {
	Version    uint
	Dirty      bool
	Migrations []Migration
}

// Migrator changes the schema of one database.
type Migrator struct {
	files  fs.FS
	db     *sql.DB
	driver database.Driver
	engine *migrate.Migrate
	logger *slog.Logger
	// interrupt has a wait for others give up when the context ends, until it is told to stop; nil: nothing waits.
	interrupt func(ctx context.Context) (end func())
}

// NewMigrator makes a migrator of a folder of numbered files and golang-migrate's driver for the database db, whose
// name (dialect) shows in errors. It owns the driver; Close closes it, and db with it.
func NewMigrator(
	dialect string, files fs.FS, db *sql.DB, driver database.Driver, logger *slog.Logger,
) (*Migrator, error) {
	source, err := iofs.New(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read the migrations for %s: %w", dialect, err)
	}
	engine, err := migrate.NewWithInstance("iofs", source, dialect, driver)
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations for %s: %w", dialect, err)
	}
	engine.LockTimeout = migrationWait
	return &Migrator{files: files, db: db, driver: driver, engine: engine, logger: logger}, nil
}

// Close lets go of the database.
func (m *Migrator) Close() error {
	return errors.Join(m.engine.Close())
}

// Up applies what is pending. A schema newer than this binary is left as it is. Several processes may call it at once:
// one does the work, the others wait. When ctx ends, a wait ends as well, and a migration that is at work is finished.
func (m *Migrator) Up(ctx context.Context) error {
	if m.interrupt != nil {
		defer m.interrupt(ctx)()
	}
	required, err := RequiredVersion(m.files)
	if err != nil {
		return err
	}
	version, dirty, err := m.settledVersion()
	switch {
	case err != nil:
		return orEnded(ctx, err)
	case dirty:
		return dirtyError(version)
	case version == required:
		return nil
	case version > required:
		m.logger.Info("the schema is newer than this program, which is fine", "schema", version, "required", required)
		return nil
	}
	if err := m.run(ctx, m.engine.Up); err != nil {
		if ctx.Err() != nil {
			err = errors.Join(orEnded(ctx, err), m.undirty())
		}
		return fmt.Errorf("migrate the schema up from version %d to %d: %w", version, required, err)
	}
	m.logger.Info("migrations applied", "from", version, "to", required)
	return nil
}

// Down takes back the newest steps migrations, and with them the data that they made room for (Losses). More than are
// applied are refused.
func (m *Migrator) Down(ctx context.Context, steps int) error {
	if _, err := m.newest(steps); err != nil {
		return err
	}
	for range steps {
		version, dirty, err := m.settledVersion()
		switch {
		case err != nil:
			return err
		case dirty:
			return dirtyError(version)
		case version == 0:
			return nil
		}
		if err := m.stepDown(ctx, version); err != nil {
			return fmt.Errorf("migrate the schema down from version %d: %w", version, err)
		}
	}
	return nil
}

// orEnded says that a wait was given up, where that is so.
func orEnded(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("stopped while it waited for others (%w)", context.Cause(ctx))
}

// undirty takes back the mark of a migration whose wait was given up: it was rolled back as a whole.
func (m *Migrator) undirty() error {
	version, dirty, err := m.version()
	if err != nil || !dirty {
		return err
	}
	list, err := listMigrations(m.files)
	if err != nil {
		return err
	}
	before := database.NilVersion
	for _, one := range list {
		if one.Version < version {
			before = int(one.Version)
		}
	}
	return m.engine.Force(before)
}

// stepDown takes one migration back. A failing file is rolled back as a whole, so the version it came from is in force;
// said here, so that whoever finds a dirty schema knows that it failed on the way up.
func (m *Migrator) stepDown(ctx context.Context, from uint) error {
	err := m.run(ctx, func() error { return m.engine.Steps(-1) })
	if _, dirty, look := m.version(); err != nil && look == nil && dirty {
		err = errors.Join(err, m.engine.Force(int(from)))
	}
	return err
}

// Repair declares that the schema stands at a version (0: empty) and that nothing is half-done, after somebody has
// looked. A migration that failed was rolled back as a whole: after a failed one up that is the version before it.
func (m *Migrator) Repair(_ context.Context, version uint) error {
	number := int(version)
	if version == 0 {
		number = database.NilVersion
	}
	if err := m.engine.Force(number); err != nil {
		return fmt.Errorf("declare the schema to be at version %d: %w", version, err)
	}
	m.logger.Warn("the schema was declared to be at a version", "version", version)
	return nil
}

// Status tells where the schema stands.
func (m *Migrator) Status(context.Context) (Schema, error) {
	version, dirty, err := m.version()
	if err != nil {
		return Schema{}, err
	}
	list, err := listMigrations(m.files)
	for i := range list {
		list[i].Applied = list[i].Version < version || list[i].Version == version && !dirty
	}
	return Schema{Version: version, Dirty: dirty, Migrations: list}, err
}

// settledVersion reads the version. One that looks half-way may be in the hands of another process: then it waits for
// that one to finish, and looks again.
func (m *Migrator) settledVersion() (version uint, dirty bool, err error) {
	if version, dirty, err = m.version(); err != nil || !dirty {
		return version, dirty, err
	}
	if err := m.driver.Lock(); err != nil {
		return 0, false, fmt.Errorf("wait for others that migrate: %w", err)
	}
	version, dirty, err = m.version()
	return version, dirty, errors.Join(err, m.driver.Unlock())
}

func (m *Migrator) version() (version uint, dirty bool, err error) {
	number, dirty, err := m.driver.Version()
	if err != nil {
		return 0, false, fmt.Errorf("read the schema's version: %w", err)
	}
	return uint(max(number, 0)), dirty, nil
}

// run lets the engine work until it is done, or stops it between two migrations when ctx ends.
func (m *Migrator) run(ctx context.Context, work func() error) error {
	stop := context.AfterFunc(ctx, func() { m.engine.GracefulStop <- true })
	err := work()
	if !stop() {
		return errors.Join(err, ctx.Err())
	}
	var dirty migrate.ErrDirty
	switch {
	case errors.Is(err, migrate.ErrNoChange):
		return nil
	case errors.As(err, &dirty):
		return dirtyError(uint(dirty.Version))
	case err != nil:
		return fmt.Errorf("%w; see what `quantix migrate status` says", withoutQuery(err))
	}
	return nil
}

// withoutQuery leaves the whole file out, which the driver repeats before its one reason.
func withoutQuery(err error) error {
	if failure, ok := errors.AsType[*database.Error](err); ok {
		return failure.OrigErr
	}
	if failure, ok := errors.AsType[database.Error](err); ok {
		return failure.OrigErr
	}
	return err
}

func dirtyError(version uint) error {
	return fmt.Errorf("migration %d of the schema failed half-way (dirty) and was rolled back: mend its cause, then run "+
		"`quantix migrate repair` and `quantix migrate up`", version)
}

// RequiredVersion returns the number of the newest migration in a folder: what this binary needs.
func RequiredVersion(files fs.FS) (uint, error) {
	list, err := listMigrations(files)
	if err != nil {
		return 0, err
	}
	return list[len(list)-1].Version, nil
}

// listMigrations reads the names ("000001_initial_schema.up.sql"), in the order of their numbers.
func listMigrations(files fs.FS) ([]Migration, error) {
	names, err := fs.Glob(files, "*.up.sql")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("the binary holds no migrations for this database: %w", errors.Join(err, fs.ErrNotExist))
	}
	list := make([]Migration, len(names))
	for i, name := range names {
		if _, err := fmt.Sscanf(name, "%06d_", &list[i].Version); err != nil {
			return nil, fmt.Errorf("read the number of migration %s: %w", name, err)
		}
		list[i].Name = strings.TrimSuffix(name[len("000000_"):], ".up.sql")
	}
	return list, nil
}
