package jobs

import (
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/testkit/shop"
)

// A queue that outlived its database has messages of bookings that are not there: they are done with, and what the
// gateway has charged becomes a letter in an hour.
func TestStrays_of_the_queue(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		h := newHouse(t, q, simulator.Options{})
		event := h.Event(10).ID
		charged := models.BookingRef{Event: event, Booking: models.NewID[models.BookingID]()}
		never := models.BookingRef{Event: event, Booking: models.NewID[models.BookingID]()}
		result := h.gateway.Charge(t.Context(), payments.ChargeRequest{
			Reference: models.FirstCharge(charged).Reference(), Booking: charged.Booking, Method: simulator.OK,
			Amount: models.Money{Minor: 7550, Currency: "USD"}, Deadline: shop.Opening.Add(shop.Deadline),
		})
		if result.Outcome != models.OutcomeSucceeded {
			t.Fatalf("charge: %+v", result)
		}
		if _, err := q.Publish(t.Context(), []models.BookingRef{charged, never}); err != nil {
			t.Fatal(err)
		}
		h.start(h.loops())
		h.until("the messages are not done with", func() bool { n, err := q.Depth(t.Context()); return n == 0 && err == nil })
		if letters := h.Letters(); len(letters) != 0 {
			t.Errorf("letters before the hour is over: %+v", letters)
		}
		h.clock.skip(models.StrayFor + time.Minute)
		h.until("there is no letter", func() bool { return len(h.Letters()) == 1 })
		if l := h.Letters()[0]; l.Kind != models.LetterStray || l.BookingRef != charged || l.Payload != result.ProviderReference {
			t.Errorf("the letter is %+v", l)
		}
	})
}
