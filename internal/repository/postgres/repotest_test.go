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
		return repotest.Store{Port: b.Store, Exec: exec, Stock: "event_stock", Migrate: b.migrate}
	})
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
