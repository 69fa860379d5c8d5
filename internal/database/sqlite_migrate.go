package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	sqlitemigrate "github.com/golang-migrate/migrate/v4/database/sqlite"

	"quantix/migrations"
)

// OpenSQLiteMigrator makes a migrator for an embedded database that is open for writing. It has a connection of its
// own, which it closes.
func OpenSQLiteMigrator(_ context.Context, db *SQLite, logger *slog.Logger) (*Migrator, error) {
	if db.lock == nil {
		return nil, fmt.Errorf("the database in %s was not opened to be migrated", db.dir)
	}
	pool, err := sql.Open("sqlite", db.dsn("rw", writePragmas))
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", db.Path(), err)
	}
	pool.SetMaxOpenConns(1)
	driver, err := sqlitemigrate.WithInstance(pool, &sqlitemigrate.Config{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare to migrate the database %s: %w", db.Path(), err), pool.Close())
	}
	return NewMigrator("SQLite", migrations.SQLite, pool, driver, logger)
}

// MigrateSQLite applies what is pending.
func MigrateSQLite(ctx context.Context, db *SQLite, logger *slog.Logger) error {
	m, err := OpenSQLiteMigrator(ctx, db, logger)
	if err != nil {
		return err
	}
	return errors.Join(m.Up(ctx), m.Close())
}
