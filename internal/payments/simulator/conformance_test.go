package simulator_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"quantix/internal/database"
	"quantix/internal/models"
	"quantix/internal/payments/paymentstest"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository/sqlite"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	paymentstest.Run(t, func(tb testing.TB) paymentstest.Bench {
		db, err := database.OpenSQLite(database.SQLiteOptions{Dir: tb.TempDir()})
		if err != nil {
			tb.Fatal(err)
		}
		ctx := context.Background()
		if err := database.MigrateSQLite(ctx, db, slog.New(slog.DiscardHandler)); err != nil {
			tb.Fatal(err)
		}
		store, err := sqlite.New(ctx, db, sqlite.Options{})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { store.Close(); db.Close() })
		of := func(reference string) (c simulator.Record) {
			_ = store.SimCharges(ctx, []string{reference}, func(_ time.Time, r map[string]*simulator.Record) {
				if r[reference] != nil {
					c = *r[reference]
				}
			})
			return c
		}
		return paymentstest.Bench{
			Gateway: simulator.New(store, simulator.Options{}),
			Method: func(s paymentstest.Script) models.PaymentMethod {
				return map[paymentstest.Script]models.PaymentMethod{
					paymentstest.Takes: simulator.OK, paymentstest.Declines: simulator.Decline,
					paymentstest.StaysOpen: simulator.Slow, paymentstest.LosesAnswer: simulator.Lost,
				}[s]
			},
			Taken: func(r string) int { return of(r).Charges },
			Given: func(r string) int {
				if of(r).RefundKey != "" {
					return 1
				}
				return 0
			},
		}
	})
}
