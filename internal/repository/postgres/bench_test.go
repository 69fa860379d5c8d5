package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// BenchmarkAtDesk measures the engine's heart, one event, one connection, durable: bookings a second for batches of
// several sizes.
func BenchmarkAtDesk(b *testing.B) {
	server := testkit.NewPostgres(b, testkit.Options{Durable: true})
	for _, size := range []int{1, 32, 128, 512} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			store := open(b, server.Database(b, migrate))
			event := store.event(b, models.MaxTotalTickets)
			users := make([]models.UserID, 1000)
			for i := range users {
				users[i] = store.user(b).ID
			}
			commands := make([]sale.Command, size)
			next := 0
			for b.Loop() {
				for i := range commands {
					commands[i] = reserve(users[next%len(users)], 2)
					next++
				}
				store.must(b, event.ID, commands...)
			}
			b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "bookings/s")
			store.audit(b, event.ID)
		})
	}
}

// BenchmarkConfirm measures a booking's whole way through the store: reserved, its charge started, made by the
// simulated gateway, settled.
func BenchmarkConfirm(b *testing.B) {
	const size = 128
	store := open(b, testkit.NewPostgres(b, testkit.Options{Durable: true}).Database(b, migrate))
	event, user := store.event(b, models.MaxTotalTickets), store.user(b)
	var reserving, starting, charging, settling time.Duration
	step := func(spent *time.Duration, work func()) {
		begun := time.Now()
		work()
		*spent += time.Since(begun)
	}
	for b.Loop() {
		var commands, settles []sale.Command
		var refs []models.BookingRef
		for range size {
			r := reserve(user.ID, 2)
			commands, refs = append(commands, r), append(refs, models.BookingRef{Event: event.ID, Booking: r.Booking})
			settles = append(settles, &sale.Settle{Charge: models.FirstCharge(refs[len(refs)-1]), Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "ch_1"}})
		}
		step(&reserving, func() { store.must(b, event.ID, commands...) })
		step(&starting, func() {
			if starts, err := store.StartCharges(b.Context(), "sim", refs, rules.RetryLease); err != nil || len(starts) != size {
				b.Fatalf("%d started: %v", len(starts), err)
			}
		})
		step(&charging, func() {
			if err := store.SimCharges(b.Context(), referencesOf(refs), simulate(refs)); err != nil {
				b.Fatal(err)
			}
		})
		step(&settling, func() { store.must(b, event.ID, settles...) })
	}
	b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "bookings/s")
	for name, spent := range map[string]time.Duration{"reserve": reserving, "start": starting, "charge": charging, "settle": settling} {
		b.ReportMetric(float64(spent.Microseconds())/float64(b.N*size), name+"-µs")
	}
	store.audit(b, event.ID)
}

func referencesOf(refs []models.BookingRef) (references []string) {
	for _, ref := range refs {
		references = append(references, models.FirstCharge(ref).Reference())
	}
	return references
}

// simulate makes the records of bookings' first charges, as the simulated gateway does.
func simulate(refs []models.BookingRef) func(time.Time, map[string]*simulator.Record) {
	return func(now time.Time, records map[string]*simulator.Record) {
		for i, reference := range referencesOf(refs) {
			records[reference] = &simulator.Record{
				Reference: reference, Booking: refs[i].Booking, Amount: models.Money{Minor: 15100, Currency: "USD"},
				Method: simulator.OK, Status: "charged", Calls: 1, Charges: 1, CreatedAt: now, UpdatedAt: now,
			}
		}
	}
}
