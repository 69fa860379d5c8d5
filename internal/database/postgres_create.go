package database

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SQLSTATEs that opening a database meets.
const (
	noSuchDatabase    = "3D000"
	duplicateDatabase = "42P04"
	uniqueViolation   = "23505" // of pg_database, when two replicas create it at once
)

// ensurePostgres checks that the database answers. When it does not exist, it creates it, or says which command does.
func ensurePostgres(ctx context.Context, config *pgx.ConnConfig, create bool) error {
	conn, err := pgx.ConnectConfig(ctx, config)
	switch {
	case err == nil:
		return conn.Close(ctx)
	case !hasState(err, noSuchDatabase):
		return fmt.Errorf("connect to PostgreSQL at %s:%d: %w; check DATABASE_URL or DB_HOST, DB_PORT, DB_USER, DB_PASSWORD and DB_NAME, "+
			"and that PostgreSQL runs there", config.Host, config.Port, rootCause(err))
	case !create:
		return fmt.Errorf("the database %q does not exist at %s:%d; create it with: quantix migrate up",
			config.Database, config.Host, config.Port)
	}
	if err := createPostgres(ctx, config); err != nil {
		return fmt.Errorf("the database %q does not exist, and creating it as %s did not work (%w); create it with: "+
			"createdb --host=%s --port=%d --owner=%s %s", config.Database, config.User, rootCause(err),
			config.Host, config.Port, config.User, config.Database)
	}
	return nil
}

// createPostgres creates the database from the maintenance database, which every installation has.
func createPostgres(ctx context.Context, config *pgx.ConnConfig) error {
	maintenance := config.Copy()
	maintenance.Database = "postgres"
	delete(maintenance.RuntimeParams, "statement_timeout") // copying the template may take its time
	conn, err := pgx.ConnectConfig(ctx, maintenance)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{config.Database}.Sanitize())
	if hasState(err, duplicateDatabase) || hasState(err, uniqueViolation) {
		err = nil // another replica was faster
	}
	return errors.Join(err, conn.Close(ctx))
}

// rootCause finds the one reason among those of several attempts, with TLS and without it, at every address of a name: what
// the server said, else what the system said, else how the last attempt ended.
func rootCause(err error) error {
	if said, ok := errors.AsType[*pgconn.PgError](err); ok {
		return said
	}
	if failed, ok := errors.AsType[*net.OpError](err); ok {
		return failed.Err
	}
	attempts, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return err
	}
	all := attempts.Unwrap()
	return all[len(all)-1]
}

func hasState(err error, state string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pgErr.Code == state
}
