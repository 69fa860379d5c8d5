package sqlite

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// BenchmarkAtDesk measures durable bookings: batches of one event one after another, and many events at once.
func BenchmarkAtDesk(b *testing.B) {
	for _, size := range []int{1, 32, 128, 512} {
		b.Run(fmt.Sprintf("one_event/batch=%d", size), func(b *testing.B) { benchmarkDesks(b, 1, size) })
	}
	b.Run("64_events/batch=1", func(b *testing.B) { benchmarkDesks(b, 64, 1) })
}

// benchmarkDesks books at several desks at once until b.N bookings are made.
func benchmarkDesks(b *testing.B, desks, size int) {
	store, _ := newStore(b, Options{})
	users := make([]models.UserID, 1000)
	for i := range users {
		users[i] = newUser(b, store).ID
	}
	events := make([]models.EventID, desks)
	for i := range events {
		events[i] = newEvent(b, store, 100_000_000).ID
	}
	var left, slowest atomic.Int64
	left.Store(int64(b.N))
	var group sync.WaitGroup
	b.ResetTimer()
	for i, event := range events {
		group.Go(func() {
			for n := i; left.Add(int64(-size)) > int64(-size); n++ {
				begun := time.Now()
				reserve(b, store, event, users, n*size, size)
				if took := int64(time.Since(begun)); took > slowest.Load() {
					slowest.Store(took)
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "bookings/s")
	if err := store.Close(); err != nil {
		b.Fatalf("closing the store: %v", err)
	}
	commits := store.writer.checkpoints.commits - len(users) - len(events)
	b.ReportMetric(float64(b.N)/float64(commits), "bookings/commit")
	b.ReportMetric(float64(slowest.Load())/1e6, "worst-ms")
}

// reserve books for as many users in one batch.
func reserve(tb testing.TB, store *Store, event models.EventID, users []models.UserID, from, size int) []models.BookingID {
	commands := make([]sale.Command, size)
	ids := make([]models.BookingID, size)
	for i := range commands {
		ids[i] = models.NewID[models.BookingID]()
		commands[i] = &sale.Reserve{Booking: ids[i], User: users[(from+i)%len(users)], Quantity: 1, Method: simulator.OK}
	}
	for _, v := range decide(tb, store, event, commands...) {
		if v.Err != nil {
			tb.Errorf("a booking was refused: %v", v.Err)
		}
	}
	return ids
}

// decide asks an event's desk.
func decide(tb testing.TB, store *Store, event models.EventID, commands ...sale.Command) (verdicts []sale.Verdict) {
	err := store.AtDesk(context.Background(), event, models.NewID[models.BatchID](), sale.ReadsOf(commands, false, false), func(s *sale.State) {
		s.Rules.PaymentDeadline = 15 * time.Minute
		for _, c := range commands {
			verdicts = append(verdicts, s.Decide(c))
		}
	})
	if err != nil {
		tb.Errorf("the desk failed: %v", err)
	}
	return verdicts
}

func newEvent(tb testing.TB, store *Store, tickets int64) models.Event {
	tb.Helper()
	event, err := models.NewEvent(models.EventDraft{Name: "Concert", DateTime: time.Now().Add(24 * time.Hour),
		TotalTickets: tickets, TicketPrice: models.Money{Minor: 2500, Currency: "USD"}})
	if err == nil {
		event, err = store.CreateEvent(context.Background(), event)
	}
	if err != nil {
		tb.Fatalf("creating an event: %v", err)
	}
	return event
}

func newUser(tb testing.TB, store *Store) models.User {
	tb.Helper()
	user, err := models.NewUser("John Doe", models.NewID[models.UserID]().String()+"@example.com")
	if err == nil {
		user, err = store.CreateUser(context.Background(), user)
	}
	if err != nil {
		tb.Fatalf("creating a user: %v", err)
	}
	return user
}
