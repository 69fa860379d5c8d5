package postgres_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

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
		return repotest.Store{Port: b.Store, Exec: exec, Stock: "event_stock"}
	})
}
