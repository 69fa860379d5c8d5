package database

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PostgresOptions say how a pool of connections is to be. Zero durations and numbers take the defaults.
type PostgresOptions struct {
	// URL is a postgres:// URL or a "host=… dbname=…" string.
	URL string
	// MaxConns bounds the pool; default 16.
	MaxConns int
	// LockTimeout is how long a statement waits for a row lock; default 2 s.
	LockTimeout time.Duration
	// StatementTimeout ends a statement that takes longer; default 10 s.
	StatementTimeout time.Duration
	// IdleInTransactionTimeout ends a session that forgets its transaction, and frees its locks; default 10 s.
	IdleInTransactionTimeout time.Duration
	// ConnectTimeout bounds the making of one connection; default 5 s.
	ConnectTimeout time.Duration
	// AppName is what pg_stat_activity shows; default quantix.
	AppName string
	// ShortStatements is for a pool of the desk: statements that each touch a few rows by an index. Their plans are
	// made once, and always use the index, even when the tables were empty at that moment and are filled before the
	// next ANALYZE. Not for lists and audits.
	ShortStatements bool
	// Create makes the database where it does not exist and the role may. Without it nothing is ever created: for what
	// only reads.
	Create bool
	// Logger gets warnings about settings of the server that break a promise; default none.
	Logger *slog.Logger
}

// OpenPostgres opens a pool and checks that the database answers. A database that does not exist is created if
// Create says so and the role may; otherwise the error names the command that does.
func OpenPostgres(ctx context.Context, o PostgresOptions) (*pgxpool.Pool, error) {
	config, err := poolConfig(o)
	if err != nil {
		return nil, err
	}
	if err := ensurePostgres(ctx, config.ConnConfig, o.Create); err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open the pool of PostgreSQL connections: %w", err)
	}
	if err := warnOfDurability(ctx, pool, o.Logger); err != nil {
		pool.Close()
		return nil, fmt.Errorf("ask PostgreSQL for its settings: %w", err)
	}
	if o.Logger != nil {
		if err := checkTexts(ctx, pool); err != nil {
			o.Logger.Warn("search tells capitals from small letters beyond ASCII; see docs/operations.md", "reason", err)
		}
	}
	return pool, nil
}

func poolConfig(o PostgresOptions) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, wrongURL(err)
	}
	config.MaxConns = int32(cmp.Or(o.MaxConns, 16))
	config.MaxConnLifetimeJitter = config.MaxConnLifetime / 10
	config.ConnConfig.ConnectTimeout = cmp.Or(o.ConnectTimeout, 5*time.Second)
	settings := config.ConnConfig.RuntimeParams
	settings["application_name"] = cmp.Or(o.AppName, "quantix")
	settings["timezone"] = "UTC"
	settings["lock_timeout"] = milliseconds(cmp.Or(o.LockTimeout, 2*time.Second))
	settings["statement_timeout"] = milliseconds(cmp.Or(o.StatementTimeout, 10*time.Second))
	settings["idle_in_transaction_session_timeout"] = milliseconds(cmp.Or(o.IdleInTransactionTimeout, 10*time.Second))
	settings["jit"] = "off" // no query of ours takes as long as compiling it
	if o.ShortStatements {
		planForIndexes(settings)
	}
	return config, nil
}

// planForIndexes makes the planner keep one plan for each statement, and that plan a nested loop over an index. A plan
// made while a table is still small would otherwise read all of it, and stay so until the next ANALYZE, a minute into
// the on-sale; planning anew each time costs more than the statements themselves.
func planForIndexes(settings map[string]string) {
	settings["plan_cache_mode"] = "force_generic_plan"
	settings["enable_hashjoin"] = "off"
	settings["enable_mergejoin"] = "off"
	settings["enable_material"] = "off"
	settings["enable_memoize"] = "off"
	settings["random_page_cost"] = "1.1"
	settings["seq_page_cost"] = "20"
	// a table of one page, or none, is read by its index as well: it may not stay so small
	settings["enable_seqscan"] = "off"
}

// warnOfDurability says it when the server may forget what it has committed.
func warnOfDurability(ctx context.Context, pool *pgxpool.Pool, logger *slog.Logger) error {
	const query = `SELECT name, setting FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name`
	rows, err := pool.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, setting string
		if err := rows.Scan(&name, &setting); err != nil {
			return err
		}
		if logger != nil {
			logger.Warn("PostgreSQL may lose answered bookings in a crash; switch this setting on", "setting", name)
		}
	}
	return rows.Err()
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
