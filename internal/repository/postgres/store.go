// Package postgres keeps the program's data in PostgreSQL: the adapter of the repository's ports.
//
// Statements stand as constants next to the methods that run them. Everything that a booking needs is sent in two
// round trips, set-based: what is read under the event's lock, then what is written, ending in COMMIT.
package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
)

var (
	_ repository.Store = (*Store)(nil)
	_ simulator.Ledger = (*Store)(nil)
)

// Pools are the connections of a store. The desk's own pool (see database.PostgresOptions.ShortStatements) keeps lists
// and audits from taking the connections that sell tickets, and that of Health from keeping the question whether the
// database answers. Those that are nil are served by the one before.
type Pools struct {
	Desk   *pgxpool.Pool
	Read   *pgxpool.Pool
	Health *pgxpool.Pool
}

// Options are a store's settings; the zero value is for production.
type Options struct {
	// Clock replaces the database's clock, in tests.
	Clock func() time.Time
	// AcquireTimeout bounds the wait for a free connection; default 5 s.
	AcquireTimeout time.Duration
	// CommitTimeout bounds the second round trip, which goes on when the caller has gone; default 15 s. It should
	// exceed the pool's statement timeout: what it cuts off has an unknown outcome.
	CommitTimeout time.Duration
	// SharedLanes is how many transactions that several events share are under way at once; default 2.
	SharedLanes int
}

// Store implements repository.Store. Make one with New.
type Store struct {
	desk, read, health *pgxpool.Pool

	options Options
	sharing *sharing
	polls   polls
	memory  memory
}

// New makes a store of open pools, which it owns from then on.
func New(pools Pools, options Options) *Store {
	if pools.Read == nil {
		pools.Read = pools.Desk
	}
	if pools.Health == nil {
		pools.Health = pools.Read
	}
	if options.SharedLanes == 0 {
		options.SharedLanes = 2
	}
	if options.AcquireTimeout == 0 {
		options.AcquireTimeout = 5 * time.Second
	}
	if options.CommitTimeout == 0 {
		options.CommitTimeout = 15 * time.Second
	}
	s := &Store{desk: pools.Desk, read: pools.Read, health: pools.Health, options: options}
	s.sharing = newSharing(s, options.SharedLanes)
	return s
}

// Close waits for what is in hand and closes the pools.
func (s *Store) Close() error {
	for _, pool := range []*pgxpool.Pool{s.desk, s.read, s.health} { // closed twice, a pool minds it not
		pool.Close()
	}
	return nil
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return wrap("ping PostgreSQL", s.health.Ping(ctx))
}

const selectSchemaVersion = `SELECT version, dirty FROM schema_migrations LIMIT 1`

// SchemaVersion returns the number of the newest migration in force, and whether one failed half-way. A database that
// was never migrated has version 0.
func (s *Store) SchemaVersion(ctx context.Context) (version uint, dirty bool, err error) {
	var number int64
	err = s.health.QueryRow(ctx, selectSchemaVersion).Scan(&number, &dirty)
	if noRows(err) || sqlState(err) == undefinedTable {
		return 0, false, nil
	}
	return uint(max(number, 0)), dirty, wrap("read the schema's version", err)
}

// now is the parameter that a set clock gives; NULL lets a statement take the database's.
func (s *Store) now() pgtype.Timestamptz {
	if s.options.Clock == nil {
		return pgtype.Timestamptz{}
	}
	return pgtype.Timestamptz{Time: instant(s.options.Clock()), Valid: true}
}

// acquire takes a connection of the desk's pool, waiting for a free one only so long.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	return s.acquireFrom(ctx, s.desk)
}

func (s *Store) acquireFrom(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, s.options.AcquireTimeout)
	defer cancel()
	conn, err := pool.Acquire(limited)
	if err != nil {
		return nil, fmt.Errorf("%w: get a connection: %w", repository.ErrUnavailable, err)
	}
	return conn, nil
}

// finish returns the context of a transaction's last round trip: it must not be torn half-way because a caller left.
func (s *Store) finish(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), s.options.CommitTimeout)
}

// rollback ends a transaction that is to leave nothing. Should that fail, the pool throws the connection away.
func (s *Store) rollback(ctx context.Context, conn *pgxpool.Conn) {
	if conn.Conn().PgConn().TxStatus() == 'I' || conn.Conn().IsClosed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, "ROLLBACK")
}

// commit sends a batch whose last statement is COMMIT. From the moment it is sent, only the database's own word is
// believed: anything else means that the outcome is unknown.
func (s *Store) commit(ctx context.Context, conn *pgxpool.Conn, batch *pgx.Batch, what string) error {
	batch.Queue("COMMIT")
	ctx, cancel := s.finish(ctx)
	defer cancel()
	results := conn.SendBatch(ctx, batch)
	defer results.Close()
	for range batch.Len() - 1 {
		if _, err := results.Exec(); err != nil {
			return wrapCommit(what, err, false)
		}
	}
	tag, err := results.Exec()
	if err != nil {
		return wrapCommit(what, err, true)
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("%s: %w: COMMIT was answered by %s", what, repository.ErrRejected, tag)
	}
	return nil
}
