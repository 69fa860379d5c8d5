package sale

import (
	"testing"
	"time"

	"quantix/internal/models"
)

// BenchmarkDecide decides full batches: what the desk's one goroutine does between its two round trips.
func BenchmarkDecide(b *testing.B) {
	const batch = 512
	state, user := newState()
	state.Event.Stock.Total, state.Event.Stock.Available = 1<<40, 1<<40
	commands := make([]Command, batch)
	for i := range commands {
		commands[i] = &Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 1, Method: card}
	}
	b.ReportAllocs()
	begun := time.Now()
	for b.Loop() {
		for _, c := range commands {
			if v := state.Decide(c); v.Err != nil {
				b.Fatal(v.Err)
			}
		}
		state.writes = Writes{}
		clear(state.Bookings)
	}
	b.ReportMetric(float64(time.Since(begun).Nanoseconds())/float64(b.N*batch), "ns/booking")
}
