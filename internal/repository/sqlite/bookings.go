package sqlite

import (
	"context"

	"quantix/internal/models"
)

const bookingColumns = `b.id, b.user_id, b.event_id, b.quantity, b.status, b.unit_price, b.total_amount, b.currency,
	b.payment_method, b.payment_deadline, b.cancel_reason, b.confirmed_at, b.cancelled_at, b.idempotency_key,
	b.request_hash, b.created_at, b.updated_at`

func readBooking(r *row) models.Booking {
	b := models.Booking{ID: r.id(), UserID: r.id(), EventID: r.id(), Quantity: r.int(), Status: models.Status(r.text())}
	b.UnitPrice.Minor, b.TotalAmount.Minor = r.int(), r.int()
	b.UnitPrice.Currency = models.Currency(r.text())
	b.TotalAmount.Currency = b.UnitPrice.Currency
	b.PaymentMethod, b.PaymentDeadline = models.PaymentMethod(r.text()), r.time()
	b.CancelReason = models.CancelReason(r.text())
	b.ConfirmedAt, b.CancelledAt, b.IdempotencyKey = r.time(), r.time(), r.text()
	copy(b.RequestHash[:], r.bytes())
	b.CreatedAt, b.UpdatedAt = r.time(), r.time()
	return b
}

const selectBooking = `SELECT ` + bookingColumns + ` FROM bookings b WHERE b.id = ?`

// Booking returns one booking. Error: models.ErrBookingNotFound.
func (s *Store) Booking(ctx context.Context, scope models.Scope, id models.BookingID) (models.Booking, error) {
	condition, values := bookingsIn(scope, 1)
	return single(ctx, s, "read a booking", models.ErrBookingNotFound, selectBooking+condition,
		with(args{id[:]}, values), readBooking)
}

const selectBookingByKey = `SELECT ` + bookingColumns + ` FROM bookings b
	WHERE b.user_id = ? AND b.idempotency_key = ? ORDER BY b.event_id <> ?, b.id LIMIT 1`

// BookingByKey returns the booking that the user made under an Idempotency-Key: the event's, otherwise one of
// any event. Error: models.ErrBookingNotFound.
func (s *Store) BookingByKey(ctx context.Context, event models.EventID, key models.ReplayKey) (models.Booking, error) {
	return single(ctx, s, "look up an Idempotency-Key", models.ErrBookingNotFound, selectBookingByKey,
		args{key.User[:], key.Key, event[:]}, readBooking)
}

const (
	bookingsOfUser = `SELECT ` + bookingColumns + ` FROM bookings b
		WHERE b.user_id = ?1 AND b.id < ?2 AND (?3 = '' OR b.status = ?3)`
	newestBookings       = ` ORDER BY b.id DESC LIMIT ?4`
	selectBookingsOfUser = bookingsOfUser + newestBookings
)

// BookingsOfUser lists a user's bookings, newest first.
func (s *Store) BookingsOfUser(
	ctx context.Context, scope models.Scope, user models.UserID, filter models.BookingFilter, page models.Page,
) ([]models.Booking, error) {
	before := lastID
	if page.After != nil {
		before = page.After.ID
	}
	condition, values := listedIn(scope, 4)
	return list(ctx, s, "list a user's bookings", bookingsOfUser+condition+newestBookings,
		with(args{user[:], before[:], string(filter.Status), int64(page.Limit)}, values), readBooking)
}

const selectLiveBookings = `SELECT id FROM bookings
	WHERE event_id = ? AND id > ? AND status IN ('PENDING', 'CONFIRMED') ORDER BY id LIMIT ?`

// LiveBookings lists an event's PENDING and CONFIRMED bookings by id, after the given one.
func (s *Store) LiveBookings(
	ctx context.Context, event models.EventID, after models.BookingID, limit int,
) ([]models.BookingID, error) {
	return listForLoops(ctx, s, "list an event's live bookings", selectLiveBookings,
		args{event[:], after[:], int64(limit)}, readID[models.BookingID])
}

const selectExpiredBookings = `SELECT event_id, id FROM bookings
	WHERE status = 'PENDING' AND payment_deadline <= ?1
		AND NOT EXISTS (SELECT 1 FROM json_each(?3) k WHERE unhex(k.value) = event_id)
	ORDER BY payment_deadline, id LIMIT ?2`

// ExpiredBookings lists PENDING bookings whose payment_deadline has come, oldest deadline first.
func (s *Store) ExpiredBookings(ctx context.Context, limit int, except []models.EventID) ([]models.BookingRef, error) {
	return listForLoops(ctx, s, "list expired bookings", selectExpiredBookings,
		args{micros(s.now()), int64(limit), idSet(except)}, readRef)
}

func readRef(r *row) models.BookingRef { return models.BookingRef{Event: r.id(), Booking: r.id()} }

const (
	unpaidBookings = `SELECT ` + bookingColumns + ` FROM bookings b
		WHERE b.status = 'PENDING' AND b.payment_deadline > ? AND (b.payment_deadline, b.id) > (?, ?)
			AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.event_id = b.event_id AND p.booking_id = b.id)`
	byDeadline           = ` ORDER BY b.payment_deadline, b.id LIMIT ?`
	selectUnpaidBookings = unpaidBookings + byDeadline
	selectFreeBookings   = unpaidBookings + ` AND b.total_amount = 0` + byDeadline
)

// UnpaidBookings lists PENDING bookings before their deadline that no charge was started for, by deadline and id.
func (s *Store) UnpaidBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error) {
	return s.bookingsFrom(ctx, selectUnpaidBookings, after, limit)
}

// FreeBookings lists those of them that cost nothing.
func (s *Store) FreeBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error) {
	return s.bookingsFrom(ctx, selectFreeBookings, after, limit)
}

func (s *Store) bookingsFrom(
	ctx context.Context, query string, after *models.Position, limit int,
) ([]models.Booking, error) {
	from := position(models.Page{After: after})
	return listForLoops(ctx, s, "list unpaid bookings", query,
		args{micros(s.now()), microsOr(from.Time, first), from.ID[:], int64(limit)}, readBooking)
}
