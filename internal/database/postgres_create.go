package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

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
			"createdb --host=%s --port=%d --owner=%s --encoding=UTF8 --template=template0 %s", config.Database, config.User, rootCause(err),
			config.Host, config.Port, config.User, config.Database)
	}
	return nil
}

// newDatabases are the forms of a new database, the best first: in UTF-8 whatever the server's own is, with a locale
// that knows the letters of all languages, where the server has one. Its order stays that of bytes.
var newDatabases = []string{
	" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
	" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'und'",
	" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
}

// createPostgres creates the database from the maintenance database, which every installation has.
func createPostgres(ctx context.Context, config *pgx.ConnConfig) error {
	maintenance := config.Copy()
	maintenance.Database = "postgres"
	delete(maintenance.RuntimeParams, "statement_timeout") // copying the template may take its time,
	delete(maintenance.RuntimeParams, "lock_timeout")      // and another replica may be at it
	conn, err := pgx.ConnectConfig(ctx, maintenance)
	if err != nil {
		return err
	}
	for _, form := range newDatabases {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{config.Database}.Sanitize()+form)
		if !hasClass(err, "22", "42") || hasState(err, duplicateDatabase) {
			break // what this server does not know, it may know in another form
		}
	}
	if hasState(err, duplicateDatabase) || hasState(err, uniqueViolation) {
		err = nil // another replica was faster
	}
	return errors.Join(err, conn.Close(ctx))
}

// rootCause finds the one reason among those of several attempts, with TLS and without it, at every address of a name:
// what the server said, otherwise what the system said, otherwise how the last attempt ended.
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

// hasClass reports whether an error is of one of some classes of SQLSTATE.
func hasClass(err error, classes ...string) bool {
	pgErr, ok := errors.AsType[*pgconn.PgError](err)
	return ok && len(pgErr.Code) == 5 && slices.Contains(classes, pgErr.Code[:2])
}
