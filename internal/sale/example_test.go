package sale_test

import (
	"fmt"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// Two tickets are left. The second buyer is refused, and the state is as the first one left it.
func ExampleState_Decide() {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	event, _ := models.NewEvent(models.EventDraft{
		Name: "Concert", DateTime: now.Add(24 * time.Hour), TotalTickets: 2,
		TicketPrice: models.Money{Minor: 2500, Currency: "USD"},
	})
	user := models.NewID[models.UserID]()
	state := &sale.State{
		Now: now, Rules: sale.Rules{PaymentDeadline: 15 * time.Minute},
		Event: &event, Users: map[models.UserID]bool{user: true},
	}
	for range 2 {
		verdict := state.Decide(&sale.Reserve{
			Booking: models.NewID[models.BookingID](), User: user, Quantity: 2, Method: "card",
		})
		if verdict.Err != nil {
			fmt.Println("refused:", verdict.Err.Code)
			continue
		}
		fmt.Println(verdict.Booking.Status, verdict.Booking.TotalAmount)
	}
	fmt.Println("to write:", len(state.Writes().NewBookings), "booking;", event.Stock.Available, "tickets left")
	// Output:
	// PENDING 50.00
	// refused: sold_out
	// to write: 1 booking; 0 tickets left
}
