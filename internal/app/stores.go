package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"quantix/internal/config"
	"quantix/internal/database"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/repository/sqlite"
	"quantix/migrations"
)

// Access says what a command does to the store.
type Access int

// The ways to open a store.
const (
	Reading Access = iota // beside a running server
	Writing               // migrates what is pending, or refuses an old schema (AUTO_MIGRATE)
	Beside                // small changes beside a running server, of what none keeps in memory: no migrations
)

// Store is what every adapter gives.
type Store = simulator.Store

// OpenStore opens the store that the settings ask for, with its schema as this binary needs it.
func OpenStore(ctx context.Context, c config.Config, logger *slog.Logger, access Access) (Store, error) {
	store, err := Connect(ctx, c, logger, access)
	if err != nil {
		return nil, err
	}
	if err := CheckSchema(ctx, c, store); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// Connect opens the store and, for writing, applies what is pending if it may (AUTO_MIGRATE).
func Connect(ctx context.Context, c config.Config, logger *slog.Logger, access Access) (Store, error) {
	if c.Store() == config.SQLite {
		return connectSQLite(ctx, c, logger, access)
	}
	if access == Writing && c.AutoMigrate {
		if err := database.MigratePostgres(ctx, c.PostgresURL(), logger); err != nil {
			return nil, err
		}
	}
	return connectPostgres(ctx, c, logger, access == Writing && c.AutoMigrate)
}

// embedded is a SQLite store together with the hold on its data directory.
type embedded struct {
	*sqlite.Store
	files *database.SQLite
}

// Close closes the store, then lets go of the directory.
func (e embedded) Close() error { return errors.Join(e.Store.Close(), e.files.Close()) }

func connectSQLite(ctx context.Context, c config.Config, logger *slog.Logger, access Access) (Store, error) {
	files, err := database.OpenSQLite(database.SQLiteOptions{
		Dir: c.DataDir, ReadOnly: access == Reading, Beside: access == Beside,
	})
	if err != nil {
		return nil, err
	}
	if access == Writing && c.AutoMigrate {
		if err := database.MigrateSQLite(ctx, files, logger); err != nil {
			return nil, errors.Join(err, files.Close())
		}
	}
	store, err := sqlite.New(ctx, files, sqlite.Options{})
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	return embedded{store, files}, nil
}

// connectPostgres opens pools apart: a flood of lists must not take the connections that sell tickets, nor the one that
// tells whether the database answers. Only with create does it make a database that does not exist.
func connectPostgres(ctx context.Context, c config.Config, logger *slog.Logger, create bool) (Store, error) {
	options := database.PostgresOptions{
		URL: c.PostgresURL(), MaxConns: max(c.DBMaxConns/2, 1), LockTimeout: c.DBLockTimeout,
		AppName: "quantix desks", ShortStatements: true, Create: create, Logger: logger,
	}
	desk, err := database.OpenPostgres(ctx, options)
	if err != nil {
		return nil, err
	}
	// The warnings about the server's settings were said once.
	options.MaxConns, options.AppName, options.ShortStatements, options.Logger = c.DBMaxConns-options.MaxConns, "quantix",
		false, nil
	read, err := database.OpenPostgres(ctx, options)
	if err != nil {
		desk.Close()
		return nil, err
	}
	options.MaxConns, options.AppName = 1, "quantix health"
	health, err := database.OpenPostgres(ctx, options)
	if err != nil {
		desk.Close()
		read.Close()
		return nil, err
	}
	return postgres.New(postgres.Pools{Desk: desk, Read: read, Health: health}, postgres.Options{}), nil
}

// WithMigrator opens the migrations of the store that the settings ask for, and closes them after use. Only with create
// does it make a database that does not exist.
func WithMigrator(
	ctx context.Context, c config.Config, create bool, logger *slog.Logger, use func(*database.Migrator) error,
) error {
	if c.Store() == config.Postgres {
		m, err := database.OpenPostgresMigrator(ctx, c.PostgresURL(), create, logger)
		if err != nil {
			return err
		}
		return errors.Join(use(m), m.Close())
	}
	files, err := openFiles(c, create)
	if err != nil {
		return err
	}
	m, err := database.OpenSQLiteMigrator(ctx, files, logger)
	if err != nil {
		return errors.Join(err, files.Close())
	}
	return errors.Join(use(m), m.Close(), files.Close())
}

// openFiles takes hold of the embedded database; without create, of one that is there.
func openFiles(c config.Config, create bool) (*database.SQLite, error) {
	if !create {
		present, err := database.OpenSQLite(database.SQLiteOptions{Dir: c.DataDir, ReadOnly: true})
		if err != nil {
			return nil, err
		}
		if err := present.Close(); err != nil {
			return nil, err
		}
	}
	return database.OpenSQLite(database.SQLiteOptions{Dir: c.DataDir})
}

// requiredVersion is the newest migration that this binary knows for the store in use.
func requiredVersion(c config.Config) (uint, error) {
	files := migrations.Postgres
	if c.Store() == config.SQLite {
		files = migrations.SQLite
	}
	return database.RequiredVersion(files)
}

// CheckSchema refuses a schema that is older than this binary needs, or half-changed. A newer one is fine.
func CheckSchema(ctx context.Context, c config.Config, store repository.Store) error {
	required, err := requiredVersion(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	version, dirty, err := store.SchemaVersion(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read the schema's version: %w", err)
	case dirty:
		return fmt.Errorf("migration %d failed half-way: mend its cause, then run quantix migrate repair and quantix migrate up", version)
	case version < required:
		return fmt.Errorf("the schema is at version %d and this program needs %d: run quantix migrate up", version, required)
	}
	return nil
}
