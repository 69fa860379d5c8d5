package onsale

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/database"
	"quantix/internal/handlers"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// realQuantix serves Quantix's own handlers, box office and PostgreSQL store, without the payment workers.
func realQuantix(tb testing.TB, url string) string {
	tb.Helper()
	store := postgres.New(postgres.Pools{Desk: pool(tb, url, true), Read: pool(tb, url, false)}, postgres.Options{})
	office := boxoffice.New(store, boxoffice.Options{Rules: sale.Rules{PaymentDeadline: 15 * time.Minute}})
	tb.Cleanup(func() {
		if err := office.Close(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	handler, err := handlers.New(handlers.Deps{
		Events: services.NewEvents(store, office), Users: services.NewUsers(store),
		Bookings: services.NewBookings(store, office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith}), Letters: services.NewLetters(store, office),
	})
	if err != nil {
		tb.Fatal(err)
	}
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	return server.URL
}

func pool(tb testing.TB, url string, short bool) *pgxpool.Pool {
	tb.Helper()
	p, err := database.OpenPostgres(tb.Context(), database.PostgresOptions{URL: url, MaxConns: 8, LockTimeout: 5 * time.Second, AppName: "onsale", ShortStatements: short})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// The generator and the real server understand each other: every ticket is sold once, the refusals carry their codes,
// and the audit says so.
func TestOnTheRealServer(t *testing.T) {
	t.Parallel()
	s := quick(realQuantix(t, shop.Postgres(t)))
	s.Model, s.Burst, s.Duration, s.Connections = Open, 3_000, 500*time.Millisecond, 100
	s.Events, s.TicketsPerEvent, s.Quantity, s.Split = 5, 200, Quantity{1, 7}, SplitZipf
	s.IdempotencyKeys, s.PaymentMethod = true, "sim_ok"
	res := play1(t, s)
	if !res.Valid() || len(res.Audits) != 5 || res.Attempts[Failed]+res.Attempts[Overloaded] != 0 || res.Buyers[Accepted]+res.Buyers[Refused] != 3_000 {
		t.Fatalf("violations %v, answers %v", res.Violations, res.Answers)
	}
	for _, a := range res.Answers {
		if a.Class == Refused && a.Code != "sold_out" && a.Code != "insufficient_tickets" {
			t.Errorf("refused with %+v", a)
		}
	}
	// The last event of five gets about a ninth of 3,000 buyers with 4 tickets each: all sell out.
	if !res.SoldOut {
		t.Errorf("sold %d tickets of 1000: %v", res.TicketsSold, res.Answers)
	}
}
