package postgres_test

import (
	"fmt"
	"testing"

	"quantix/internal/models"
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
			commands := make([]models.Command, size)
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
