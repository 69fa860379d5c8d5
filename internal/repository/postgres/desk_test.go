package postgres_test

import (
	"testing"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// TestLife takes bookings through every way they can go, and reads each step back.
func TestLife(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 100), b.user(t)
	var refs []models.BookingRef
	for _, v := range b.must(t, event.ID, reserve(user.ID, 2), reserve(user.ID, 3), reserve(user.ID, 5)) {
		refs = append(refs, v.Booking.Ref())
		if stored, err := b.Booking(t.Context(), models.Everything, v.Booking.ID); err != nil || stored != *v.Booking {
			t.Errorf("stored %+v (%v), answered %+v", stored, err, *v.Booking)
		}
	}
	starts, err := b.StartCharges(t.Context(), "sim", refs, rules.RetryLease)
	if err != nil || len(starts) != 3 {
		t.Fatalf("started %d charges of 3: %v", len(starts), err)
	}
	paid := models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "ch_1"}
	b.must(t, event.ID,
		&sale.Settle{Charge: starts[0].Charge.ChargeKey, Result: paid},
		&sale.Settle{Charge: starts[1].Charge.ChargeKey, Result: models.Result{Outcome: models.OutcomeDeclined, Reason: "no money"}},
		&sale.Settle{Charge: starts[2].Charge.ChargeKey, Result: paid})
	b.must(t, event.ID, &sale.Cancel{Booking: refs[2].Booking})
	b.audit(t, event.ID)
	due, err := b.DueRefunds(t.Context(), 10, rules.RetryLease)
	if err != nil || len(due) != 1 {
		t.Fatalf("%d refunds are due, want 1: %v", len(due), err)
	}
	b.must(t, event.ID, &sale.SettleRefund{Charge: due[0].Refund.ChargeKey, Result: models.Result{Outcome: models.OutcomeSucceeded}})
	b.audit(t, event.ID)
	after, err := b.Event(t.Context(), models.Everything, event.ID)
	want := models.Stock{Total: 100, Available: 98, Sold: 2, SoldAmount: 2 * 7550, Confirmed: 1, Cancelled: 2}
	if err != nil || after.Stock != want {
		t.Errorf("stock %+v (%v), want %+v", after.Stock, err, want)
	}
}
