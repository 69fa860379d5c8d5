package postgres_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/database"
	"quantix/internal/repository/postgres"
	"quantix/internal/repository/repotest"
)

func TestStore(t *testing.T) {
	repotest.Run(t, func(t *testing.T, clock func() time.Time) repotest.Store {
		b := setup(t, func(_ *pgxpool.Config, o *postgres.Options) { o.Clock = clock })
		exec := func(ctx context.Context, sql string) error {
			_, err := b.pool.Exec(ctx, sql)
			return err
		}
		number := func(ctx context.Context, sql string) (n int64, err error) {
			err = b.pool.QueryRow(ctx, sql).Scan(&n)
			return n, err
		}
		return repotest.Store{
			Beside: func(clock func() time.Time) (repotest.Port, error) {
				return open(t, b.url, func(_ *pgxpool.Config, o *postgres.Options) { o.Clock = clock }).Store, nil
			},
			Port: b.Store, Exec: exec, Number: number, Stock: "event_stock", Migrate: b.migrate,
			Apart: func(ctx context.Context) error { return exec(ctx, moveApart) },
		}
	})
}

// moveApart moves every charge that stands in its booking's row into payments.
const moveApart = `
	WITH moved AS (
		UPDATE bookings SET charge = 'apart', gateway = NULL, provider_reference = NULL, charged_at = NULL,
			prepared_at = NULL, next_attempt_at = NULL
		WHERE charge IN ('started', 'succeeded')
	)
	INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, last_error,
		provider_reference, next_attempt_at, created_at, updated_at, refunded)
	SELECT c.event_id, c.booking_id, c.n, c.gateway, c.amount, c.currency, c.status, c.attempts, c.last_error,
		c.provider_reference, c.next_attempt_at, c.created_at, c.updated_at, c.refunded
	FROM charges c JOIN bookings b ON b.event_id = c.event_id AND b.id = c.booking_id
	WHERE b.charge IN ('started', 'succeeded')`

// apart moves every charge that stands in its booking's row into payments.
func (b *bundle) apart(t *testing.T) {
	t.Helper()
	b.exec(t, moveApart)
}

func (b *bundle) migrate(steps int) error {
	ctx := context.Background()
	m, err := database.OpenPostgresMigrator(ctx, b.url, false, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if steps < 0 {
		err = m.Down(ctx, -steps)
	} else {
		err = m.Up(ctx)
	}
	b.pool.Reset() // what its sessions have prepared is of tables that are gone
	return errors.Join(err, m.Close())
}
