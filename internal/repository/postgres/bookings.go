package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

const bookingColumns = `b.id, b.user_id, b.event_id, b.quantity, b.status, b.unit_price::text, b.total_amount::text,
	b.currency, b.payment_method, b.payment_deadline, b.cancel_reason, b.confirmed_at, b.cancelled_at,
	b.idempotency_key, b.request_hash, b.created_at, b.updated_at`

// bookingRow is what a row of bookings is scanned into, before amounts and times are put right.
type bookingRow struct {
	b           *models.Booking
	unit, total amount
	currency    string
	hash        []byte
}

func (r *bookingRow) targets() []any {
	b := r.b
	return []any{(*[16]byte)(&b.ID), (*[16]byte)(&b.UserID), (*[16]byte)(&b.EventID), &b.Quantity, (*string)(&b.Status),
		&r.unit, &r.total, &r.currency, (*string)(&b.PaymentMethod), &b.PaymentDeadline, (*zeronull.Text)(&b.CancelReason),
		intoTime(&b.ConfirmedAt), intoTime(&b.CancelledAt), (*zeronull.Text)(&b.IdempotencyKey), &r.hash,
		&b.CreatedAt, &b.UpdatedAt}
}

func (r *bookingRow) finish() error {
	b := r.b
	copy(b.RequestHash[:], r.hash)
	utc(&b.PaymentDeadline, &b.ConfirmedAt, &b.CancelledAt, &b.CreatedAt, &b.UpdatedAt)
	if err := money(&b.UnitPrice, r.unit, r.currency); err != nil {
		return err
	}
	return money(&b.TotalAmount, r.total, r.currency)
}

// scanBooking reads a row of bookingColumns and, behind them, what more the statement gives.
func scanBooking(row pgx.Row, b *models.Booking, more ...any) error {
	r := bookingRow{b: b}
	if err := row.Scan(append(r.targets(), more...)...); err != nil {
		return err
	}
	return r.finish()
}

func scanBookingOnly(row pgx.Row, b *models.Booking) error { return scanBooking(row, b) }

const (
	selectBooking      = `SELECT ` + bookingColumns + ` FROM bookings b WHERE b.id = $1`
	selectBookingByKey = `SELECT ` + bookingColumns + ` FROM bookings b
		WHERE b.user_id = $1 AND b.idempotency_key = $2 ORDER BY b.event_id <> $3, b.id LIMIT 1`
)

// Booking returns one booking. Error: models.ErrBookingNotFound.
func (s *Store) Booking(ctx context.Context, scope models.Scope, id models.BookingID) (models.Booking, error) {
	condition, values := bookingsIn(scope, 1)
	return s.oneBooking(ctx, selectBooking+condition, append([]any{uuid(id)}, values...)...)
}

// BookingByKey returns the booking that the user made under an Idempotency-Key: the event's, otherwise one of any
// event. Error: models.ErrBookingNotFound.
func (s *Store) BookingByKey(ctx context.Context, event models.EventID, key models.ReplayKey) (models.Booking, error) {
	return s.oneBooking(ctx, selectBookingByKey, uuid(key.User), key.Key, uuid(event))
}

func (s *Store) oneBooking(ctx context.Context, query string, args ...any) (models.Booking, error) {
	var b models.Booking
	err := scanBooking(s.read.QueryRow(ctx, query, args...), &b)
	if noRows(err) {
		return models.Booking{}, models.ErrBookingNotFound
	}
	return b, wrap("read a booking", err)
}

const (
	bookingsOfUser = `SELECT ` + bookingColumns + ` FROM bookings b
		WHERE b.user_id = $1 AND b.id < $2 AND ($3 = '' OR b.status = $3)`
	newestBookings       = ` ORDER BY b.id DESC LIMIT $4`
	selectBookingsOfUser = bookingsOfUser + newestBookings
)

// BookingsOfUser lists a user's bookings, newest first.
func (s *Store) BookingsOfUser(
	ctx context.Context, scope models.Scope, user models.UserID, filter models.BookingFilter, page models.Page,
) ([]models.Booking, error) {
	before := lastUUID
	if page.After != nil {
		before = page.After.ID
	}
	condition, values := listedIn(scope, 4)
	rows, err := s.read.Query(ctx, bookingsOfUser+condition+newestBookings,
		append([]any{uuid(user), uuid(before), string(filter.Status), page.Limit}, values...)...)
	list, err := collect(rows, err, scanBookingOnly)
	return list, wrap("list a user's bookings", err)
}

const selectLiveBookings = `SELECT id FROM bookings
	WHERE event_id = $1 AND id > $2 AND status IN ('PENDING', 'CONFIRMED') ORDER BY id LIMIT $3`

// LiveBookings lists an event's PENDING and CONFIRMED bookings by id, after the given one.
func (s *Store) LiveBookings(
	ctx context.Context, event models.EventID, after models.BookingID, limit int,
) ([]models.BookingID, error) {
	rows, err := s.desk.Query(ctx, selectLiveBookings, uuid(event), uuid(after), limit)
	list, err := collect[models.BookingID](rows, err, scanID)
	return list, wrap("list an event's live bookings", err)
}

const selectExpiredBookings = `SELECT event_id, id FROM bookings
	WHERE status = 'PENDING' AND payment_deadline <= coalesce($1::timestamptz, now())
		AND event_id <> ALL ($3)
	ORDER BY payment_deadline, id LIMIT $2`

// ExpiredBookings lists PENDING bookings whose payment_deadline has come, oldest deadline first.
func (s *Store) ExpiredBookings(ctx context.Context, limit int, except []models.EventID) ([]models.BookingRef, error) {
	rows, err := s.desk.Query(ctx, selectExpiredBookings, s.now(), limit, uuids(except))
	list, err := collect(rows, err, scanRef)
	return list, wrap("list expired bookings", err)
}

func scanRef(row pgx.Row, r *models.BookingRef) error {
	return row.Scan((*[16]byte)(&r.Event), (*[16]byte)(&r.Booking))
}

const (
	unpaidBookings = `SELECT ` + bookingColumns + ` FROM bookings b
		WHERE b.status = 'PENDING' AND b.payment_deadline > coalesce($1::timestamptz, now())
			AND (b.payment_deadline, b.id) > ($2, $3) AND b.charge IS NULL`
	byDeadline           = ` ORDER BY b.payment_deadline, b.id LIMIT $4`
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
	if after == nil {
		after = &models.Position{}
	}
	rows, err := s.desk.Query(ctx, query, s.now(), timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID), limit)
	list, err := collect(rows, err, scanBookingOnly)
	return list, wrap("list unpaid bookings", err)
}
