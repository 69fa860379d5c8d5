package boxoffice

import (
	"context"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// doubted is a store in which a booking was cancelled since its charge was started; its tickets are back.
type doubted struct {
	*scripted
	seen sale.Seen
	asks []sale.Reads
}

func (d *doubted) AtDesk(
	_ context.Context, _ models.EventID, _ models.BatchID, need sale.Reads, decide func(*sale.State),
) error {
	d.asks = append(d.asks, need)
	event, b, c := d.event, *d.seen.Booking, *d.seen.Charge
	if len(need.Seen) == 0 {
		b.Status, b.CancelReason, b.CancelledAt = models.StatusCancelled, models.ReasonUser, time.Now()
	}
	decide(&sale.State{
		Now: time.Now(), Event: &event, Bookings: map[models.BookingID]*models.Booking{b.ID: &b},
		Charges: map[models.ChargeKey]*models.Charge{c.ChargeKey: &c}, Refunds: map[models.RefundKey]*models.Refund{},
	})
	return nil
}

// TestSettle_of_what_was_seen_and_is_no_more: that a rule breaks on what was seen is nobody's fault; the booking is
// read.
func TestSettle_of_what_was_seen_and_is_no_more(t *testing.T) {
	t.Parallel()
	d := &doubted{scripted: newScripted(10)}
	b := &models.Booking{
		ID: models.NewID[models.BookingID](), EventID: d.id, Quantity: 1, Status: models.StatusPending,
		UnitPrice: d.event.TicketPrice, TotalAmount: d.event.TicketPrice,
	}
	c := &models.Charge{
		ChargeKey: models.FirstCharge(b.Ref()), Amount: b.TotalAmount, Status: models.ChargeStarted, Attempts: 1,
	}
	d.seen = sale.Seen{Booking: b, Charge: c}
	office := New(d, Options{})
	verdict, err := office.Tell(t.Context(), d.id, &sale.Settle{
		Charge: c.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded}, Seen: &d.seen,
	})
	if err != nil || verdict.Err != nil || verdict.Booking.Status != models.StatusCancelled {
		t.Errorf("the settlement: %+v, %v", verdict, err)
	}
	if len(d.asks) != 2 || len(d.asks[0].Seen) != 1 || len(d.asks[1].Seen) != 0 || len(d.asks[1].Money) != 1 {
		t.Errorf("asked for %+v", d.asks)
	}
}

var _ repository.Desk = (*doubted)(nil)
