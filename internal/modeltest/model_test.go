// Package modeltest holds a random test: one step at a time, on a clock that stands still in between, the program lives
// through bookings, payments, faults and crashes, and after each step it must agree with a naive model of itself. The
// model knows nothing of models.EventState: it is the promises of docs/states.md, written down a second time.
package modeltest

import (
	"time"

	"quantix/internal/models"
)

// The program's settings in this test. Tests move the clock by more than maxBackoff or by almost nothing, so that the
// jitter of a backoff never decides anything.
const (
	paymentDeadline = 15 * time.Minute
	lease           = 40 * time.Second
	firstBackoff    = time.Second
	maxBackoff      = 16 * time.Second
	refundWindow    = 20 * time.Minute
	maxLate         = time.Hour // after its deadline nobody waits for an undecided payment any more
)

// charge is the one charge that is asked for a booking; due is when it may be taken up (again), if it is open.
type charge struct {
	status   string
	amount   int64     // what is asked for, or was taken
	known    reference // of the money that was taken for it
	attempts int
	due      time.Time
	created  time.Time
	letter   bool
}

func (c *charge) open() bool {
	return c != nil && (c.trying() || c.status == "pending" || c.status == "unknown")
}

// trying reports whether taking the charge up counts as another try. Doubtful: an earlier one had no answer.
func (c *charge) trying() bool { return c.status == "started" || c.status == "doubtful" }

// A reference is what the gateway calls money that it took: its one payment's, or that of a second one, which nobody
// has asked for.
type reference string

const (
	own   reference = "own"
	other reference = "other"
)

type refund struct {
	done     bool
	attempts int
	due      time.Time
	letter   bool
}

type booking struct {
	buyer            models.UserID
	quantity, amount int64
	method           models.PaymentMethod
	deadline         time.Time
	status, reason   string
	charge           *charge
	refund           *refund
	second           *refund // of money that was taken besides, which makes a second charge
	moved            int64   // what somebody gave back at the gateway
	back             bool    // and it came back
}

// gone is how much of the booking's money is not here, and was not given back by the program.
func (b *booking) gone() int64 {
	if b.back {
		return 0
	}
	return b.moved
}

func (r *refund) owed() bool { return r != nil && !r.done }

// refundOf returns the refund of the booking's first or second charge.
func (b *booking) refundOf(n int) *refund {
	if n == 2 {
		return b.second
	}
	return b.refund
}

func (b *booking) live() bool { return b.status != "CANCELLED" }

// model is one event with its bookings.
type model struct {
	now              time.Time
	total, price     int64
	date             time.Time
	cancelled, erase bool // erase: deleted
	version          int64
	bookings         map[models.BookingID]*booking
}

// taken is how many tickets live bookings hold; counted, not kept.
func (m *model) taken() (n int64) {
	for _, b := range m.bookings {
		if b.live() {
			n += b.quantity
		}
	}
	return n
}

func (m *model) count(status string) (n int) {
	for _, b := range m.bookings {
		if b.status == status {
			n++
		}
	}
	return n
}

func (m *model) begun() bool { return !m.now.Before(m.date) }

// settled reports whether the event is over for so long that nothing can be refunded any more.
func (m *model) settled() bool { return m.now.Sub(m.date) >= refundWindow }

// live reports whether tickets are out that somebody may still come with, and refundable, whether anybody's money may
// still have to be given back with the whole event.
func (m *model) live() bool {
	return m.count("PENDING") > 0 || m.count("CONFIRMED") > 0 && !m.begun()
}

func (m *model) refundable() bool {
	for _, b := range m.bookings {
		if b.status == "CONFIRMED" && b.amount > b.gone() && !m.settled() {
			return true
		}
	}
	return false
}

// heldBy is how many tickets a buyer's live bookings hold; counted, not kept.
func (m *model) heldBy(buyer models.UserID) (n int64) {
	for _, b := range m.bookings {
		if b.live() && b.buyer == buyer {
			n += b.quantity
		}
	}
	return n
}

// book returns the code of the refusal, or nothing and the booking is made. limit is what its buyer may hold; 0: as
// many as there are.
func (m *model) book(
	id models.BookingID, buyer models.UserID, quantity int64, method models.PaymentMethod, limit int64,
) string {
	if code := m.refusesBooking(buyer, quantity, limit); code != "" {
		return code
	}
	m.bookings[id] = &booking{
		buyer: buyer, quantity: quantity, amount: quantity * m.price, method: method,
		deadline: m.now.Add(paymentDeadline), status: "PENDING",
	}
	return ""
}

func (m *model) refusesBooking(buyer models.UserID, quantity, limit int64) string {
	switch free := m.total - m.taken(); {
	case m.erase:
		return "event_not_found"
	case m.cancelled:
		return "event_cancelled"
	case m.begun():
		return "event_started"
	case limit > 0 && m.heldBy(buyer)+quantity > limit:
		return "user_limit_reached"
	case free == 0:
		return "sold_out"
	case quantity > free:
		return "insufficient_tickets"
	}
	return ""
}

// end cancels a live booking; what was paid is owed back.
func (m *model) end(b *booking, reason string) {
	b.status, b.reason = "CANCELLED", reason
	if b.charge != nil && b.charge.status == "succeeded" {
		m.owe(b)
	}
}

func (m *model) owe(b *booking) {
	if b.refund == nil && b.gone() < b.charge.amount {
		b.refund = &refund{due: m.now}
	}
}

// cancel is the user's wish.
func (m *model) cancel(b *booking) string {
	switch {
	case !b.live():
		return "already_cancelled"
	case m.begun():
		return "event_over"
	}
	m.end(b, "user")
	return ""
}

// sweep expires what is past its deadline.
func (m *model) sweep() {
	for _, b := range m.bookings {
		if b.status == "PENDING" && !m.now.Before(b.deadline) {
			m.end(b, "expired")
		}
	}
}

// cancelBookings ends the bookings of a cancelled event.
func (m *model) cancelBookings() {
	for _, b := range m.bookings {
		if m.cancelled && b.live() {
			m.end(b, "event_cancelled")
		}
	}
}

func (m *model) cancelEvent() string {
	switch {
	case m.erase:
		return "event_not_found"
	case m.cancelled:
		return ""
	case m.settled():
		return "event_over"
	}
	m.cancelled = true
	m.version++
	return ""
}

func (m *model) deleteEvent() string {
	switch {
	case m.erase:
		return "event_not_found"
	case m.live():
		return "event_has_live_bookings"
	case m.refundable():
		return "event_has_refundable_bookings"
	}
	m.erase = true
	return ""
}

// deleteUser: who has a ticket that is still good for something cannot leave.
func (m *model) deleteUser(user models.UserID) string {
	for _, b := range m.bookings {
		good := !m.begun() || b.amount > 0 && !m.settled()
		if b.buyer == user && (b.status == "PENDING" || b.status == "CONFIRMED" && good) {
			return "user_has_live_bookings"
		}
	}
	return ""
}

// edit changes what is given: 0 tickets, a negative price and the zero date mean no change.
func (m *model) edit(total, price int64, date time.Time, version *int64) string {
	switch {
	case m.erase:
		return "event_not_found"
	case version != nil && *version != m.version:
		return "version_mismatch"
	case total > 0 && total < m.taken():
		return "capacity_below_taken"
	case m.historic(date) && (m.live() || m.refundable()):
		return "date_in_past"
	}
	before := [3]any{m.total, m.price, m.date}
	if total > 0 {
		m.total = total
	}
	if price >= 0 {
		m.price = price
	}
	if !date.IsZero() {
		m.date = date
	}
	if before != [3]any{m.total, m.price, m.date} {
		m.version++
	}
	return ""
}

// historic reports whether a date would make the event one of the past, or of a longer ago past.
func (m *model) historic(date time.Time) bool {
	return !date.IsZero() && !date.After(m.now) && date.Before(m.date)
}

// startsCharge reports whether a worker that receives the booking may do something for it, and does it.
func (m *model) startsCharge(b *booking) (charged, confirmed bool) {
	switch {
	case b == nil || b.status != "PENDING" || b.charge != nil || m.cancelled:
		return false, false
	case b.amount == 0:
		return false, true
	case !m.now.Before(b.deadline):
		return false, false
	}
	b.charge = &charge{status: "started", amount: b.amount, attempts: 1, due: m.now.Add(lease), created: m.now}
	return true, false
}

// takeUp is a retrier that takes a due charge. It reports whether the booking may still be charged.
func (m *model) takeUp(b *booking) (chargeable bool) {
	if b.charge.trying() {
		b.charge.attempts++
	}
	b.charge.due = m.now.Add(lease)
	return b.status == "PENDING" && m.now.Before(b.deadline) && !m.cancelled
}

// dueCharge reports whether a retrier may take the booking's charge up now.
func (m *model) dueCharge(b *booking) bool { return b.charge.open() && !m.now.Before(b.charge.due) }

func (m *model) dueRefund(r *refund) bool { return r.owed() && !m.now.Before(r.due) }
