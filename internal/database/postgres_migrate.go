package database

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	pgxmigrate "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"quantix/migrations"
)

// OpenPostgresMigrator makes a migrator for a PostgreSQL database. One that does not exist is created if create says
// so; without create the error names the command that does.
func OpenPostgresMigrator(ctx context.Context, url string, create bool, logger *slog.Logger) (*Migrator, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, wrongURL(err)
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, 5*time.Second)
	config.RuntimeParams["application_name"] = "quantix migrate " + rand.Text() // which session is ours, see interrupt
	if err := ensurePostgres(ctx, config, create); err != nil {
		return nil, err
	}
	defer interrupt(ctx, config)()
	db := stdlib.OpenDB(*config)
	driver, err := pgxmigrate.WithInstance(db, &pgxmigrate.Config{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare to migrate PostgreSQL: %w", orEnded(ctx, err)), db.Close())
	}
	m, err := NewMigrator("PostgreSQL", migrations.Postgres, db, driver, logger)
	if err == nil {
		m.interrupt = func(ctx context.Context) (end func()) { return interrupt(ctx, config) }
	}
	return m, err
}

// MigratePostgres applies what is pending; safe with several replicas at once.
func MigratePostgres(ctx context.Context, url string, logger *slog.Logger) error {
	m, err := OpenPostgresMigrator(ctx, url, true, logger)
	if err != nil {
		return err
	}
	return errors.Join(m.Up(ctx), m.Close())
}
