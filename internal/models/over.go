package models

import "time"

// DefaultRefundWindow is how long after its end an event may be cancelled unless the settings say otherwise.
const DefaultRefundWindow = 14 * 24 * time.Hour

// EndsAt is when the event has begun and its sale has ended: from then on its bookings are history.
func (e *Event) EndsAt() time.Time {
	if e.SalesEnd.After(e.DateTime) {
		return e.SalesEnd
	}
	return e.DateTime
}

// Over reports whether the event has ended: then a single booking stays as it is.
func (e *Event) Over(now time.Time) bool { return !now.Before(e.EndsAt()) }

// RefundableUntil is how long the organiser may still cancel the event as a whole, a show that was called off at its
// start say, and so have every ticket refunded.
func (e *Event) RefundableUntil(window time.Duration) time.Time { return e.EndsAt().Add(window) }

// HasLiveBookings reports whether deleting the event would take something from a buyer.
func (e *Event) HasLiveBookings(now time.Time) bool {
	return e.Stock.Pending > 0 || e.Stock.Confirmed > 0 && !e.Over(now)
}

// HasRefundableBookings reports whether the event has tickets that were paid for and may still have to be refunded.
func (e *Event) HasRefundableBookings(now time.Time, window time.Duration) bool {
	return e.Stock.SoldAmount > 0 && now.Before(e.RefundableUntil(window))
}
