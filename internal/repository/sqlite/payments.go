package sqlite

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	chargeColumns = `p.event_id, p.booking_id, p.n, p.gateway, p.amount, p.currency, p.status, p.attempts, p.last_error,
		p.provider_reference, p.next_attempt_at, p.created_at, p.updated_at, p.refunded`
	refundColumns = `r.event_id, r.booking_id, r.n, r.gateway, r.amount, r.currency, r.status, r.attempts, r.last_error,
		r.provider_reference, r.next_attempt_at, r.created_at, r.updated_at, r.charge_reference,
		r.part, r.reason`
)

func readCharge(r *row) models.Charge {
	c := models.Charge{ChargeKey: readChargeKey(r), Gateway: r.text(), Amount: readMoneyColumns(r)}
	c.Status, c.Attempts, c.LastError = models.ChargeStatus(r.text()), int(r.int()), r.text()
	c.ProviderReference, c.NextAttemptAt, c.CreatedAt, c.UpdatedAt = r.text(), r.time(), r.time(), r.time()
	c.Refunded = r.int()
	return c
}

func readRefund(r *row) models.Refund {
	f := models.Refund{ChargeKey: readChargeKey(r), Gateway: r.text(), Amount: readMoneyColumns(r)}
	f.Status, f.Attempts, f.LastError = models.RefundStatus(r.text()), int(r.int()), r.text()
	f.ProviderReference, f.NextAttemptAt, f.CreatedAt, f.UpdatedAt = r.text(), r.time(), r.time(), r.time()
	f.ChargeReference, f.Part, f.Reason = r.text(), int(r.int()), models.RefundReason(r.text())
	return f
}

func readChargeKey(r *row) models.ChargeKey {
	return models.ChargeKey{BookingRef: readRef(r), N: int(r.int())}
}

func readMoneyColumns(r *row) models.Money {
	return models.Money{Minor: r.int(), Currency: models.Currency(r.text())}
}

const (
	// The unary plus keeps SQLite from the partial index of all that is PENDING: rows are looked up by their keys.
	selectStartable = `SELECT ` + bookingColumns + ` FROM bookings b
		WHERE b.id = ?1 AND b.event_id = ?2 AND +b.status = 'PENDING' AND (b.total_amount = 0 OR b.payment_deadline > ?3)
			AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.event_id = b.event_id AND p.booking_id = b.id)
			AND (SELECT e.cancelled_at FROM events e WHERE e.id = b.event_id) IS NULL`
	countBooking = `SELECT count(*) FROM bookings WHERE id = ? AND event_id = ?`
	insertCharge = `INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts,
		next_attempt_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// StartCharges commits a first charge for every booking that may be charged now, and returns those and the free ones.
func (s *Store) StartCharges(
	ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration,
) ([]repository.Start, error) {
	started := []repository.Start{}
	err := s.write(ctx, "start charges", func(c *conn) error {
		now := s.now()
		seen := make(map[models.BookingRef]bool, len(bookings))
		for _, ref := range bookings {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			start, err := startCharge(c, gateway, ref, now, lease)
			if err != nil {
				return err
			}
			if start != nil {
				started = append(started, *start)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return started, nil
}

// startCharge returns nil for a booking that is not to be charged, or not again, or not any more.
func startCharge(
	c *conn, gateway string, ref models.BookingRef, now time.Time, lease time.Duration,
) (*repository.Start, error) {
	b, err := maybe(context.Background(), c, selectStartable, args{ref.Booking[:], ref.Event[:], micros(now)}, readBooking)
	if err != nil {
		return nil, err
	}
	if b == nil {
		return unknownStart(c, ref, now)
	}
	start := &repository.Start{Booking: *b, At: now}
	if b.TotalAmount.Minor == 0 {
		return start, nil
	}
	charge := &models.Charge{
		ChargeKey: models.FirstCharge(ref), Gateway: gateway, Amount: b.TotalAmount, Status: models.ChargeStarted,
		Attempts: 1, NextAttemptAt: leaseEnd(now, lease), CreatedAt: now, UpdatedAt: now,
	}
	start.Charge = charge
	return start, c.one(insertCharge, ref.Event[:], ref.Booking[:], int64(charge.N), gateway, charge.Amount.Minor,
		string(charge.Amount.Currency), string(charge.Status), int64(charge.Attempts), micros(charge.NextAttemptAt),
		micros(now), micros(now))
}

// unknownStart tells of a booking that is not here; nil when it is.
func unknownStart(c *conn, ref models.BookingRef, now time.Time) (*repository.Start, error) {
	n, err := c.number(context.Background(), countBooking, ref.Booking[:], ref.Event[:])
	if err != nil || n > 0 {
		return nil, err
	}
	return &repository.Start{Booking: models.Booking{ID: ref.Booking, EventID: ref.Event}, Unknown: true, At: now}, nil
}

func leaseEnd(now time.Time, lease time.Duration) time.Time {
	return now.Add(lease).Truncate(time.Microsecond)
}

// isOpen is of charges that have no outcome yet. A partial index serves it: it names the same in the same order.
var isOpen = `status IN ` + repository.OneOf(models.OpenChargeStatuses)

var (
	selectDueCharges = `
		WITH due AS MATERIALIZED (SELECT event_id, booking_id, n FROM payments
			WHERE ` + isOpen + ` AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?)
		SELECT ` + bookingColumns + `, ` + chargeColumns + `, (SELECT e.cancelled_at FROM events e WHERE e.id = b.event_id) FROM due d
		CROSS JOIN payments p ON p.event_id = d.event_id AND p.booking_id = d.booking_id AND p.n = d.n
		CROSS JOIN bookings b ON b.id = d.booking_id
		ORDER BY p.event_id, p.booking_id, p.n`
	selectDueRefunds = `
		WITH due AS MATERIALIZED (SELECT event_id, booking_id, n, part FROM refunds
			WHERE status = 'pending' AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?)
		SELECT ` + bookingColumns + `, ` + refundColumns + ` FROM due d
		CROSS JOIN refunds r ON r.event_id = d.event_id AND r.booking_id = d.booking_id AND r.n = d.n AND r.part = d.part
		CROSS JOIN bookings b ON b.id = d.booking_id
		ORDER BY r.event_id, r.booking_id, r.n, r.part`
	leaseCharge = `UPDATE payments SET next_attempt_at = ?, attempts = ?, updated_at = ?
		WHERE event_id = ? AND booking_id = ? AND n = ?`
	leaseRefund = `UPDATE refunds SET next_attempt_at = ?, attempts = ?, updated_at = ?
		WHERE event_id = ? AND booking_id = ? AND n = ? AND part = ?`
)

// DueCharges takes up to limit open charges whose next_attempt_at has come; each goes to one caller only.
func (s *Store) DueCharges(ctx context.Context, limit int, lease time.Duration) (due []repository.Due, err error) {
	err = s.write(ctx, "take up due charges", func(c *conn) error {
		now := s.now()
		due, err = collect(context.Background(), c, selectDueCharges, args{micros(now), int64(limit)}, readDue)
		if err != nil {
			return err
		}
		for i := range due {
			d := &due[i]
			d.Chargeable = d.Chargeable && d.Booking.Payable(now)
			if d.Charge.Status.Trying() {
				d.Charge.Attempts++
			}
			d.Charge.NextAttemptAt, d.Charge.UpdatedAt = leaseEnd(now, lease), now
			if err := takeUp(c, leaseCharge, d.Charge.ChargeKey, d.Charge.Attempts, now, lease); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

func readDue(r *row) repository.Due {
	// the event's cancelled_at
	return repository.Due{Booking: readBooking(r), Charge: readCharge(r), Chargeable: r.time().IsZero()}
}

func takeUp(
	c *conn, text string, key models.ChargeKey, attempts int, now time.Time, lease time.Duration, part ...any,
) error {
	values := args{micros(leaseEnd(now, lease)), int64(attempts), micros(now), key.Event[:], key.Booking[:], int64(key.N)}
	return c.one(text, append(values, part...)...)
}

// DueRefunds takes up to limit pending refunds whose next_attempt_at has come; each goes to one caller only.
func (s *Store) DueRefunds(
	ctx context.Context, limit int, lease time.Duration,
) (due []repository.DueRefund, err error) {
	err = s.write(ctx, "take up due refunds", func(c *conn) error {
		now := s.now()
		due, err = collect(context.Background(), c, selectDueRefunds, args{micros(now), int64(limit)}, readDueRefund)
		if err != nil {
			return err
		}
		for i := range due {
			r := &due[i].Refund
			r.Attempts++
			r.NextAttemptAt, r.UpdatedAt = leaseEnd(now, lease), now
			if err := takeUp(c, leaseRefund, r.ChargeKey, r.Attempts, now, lease, int64(r.Part)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

func readDueRefund(r *row) repository.DueRefund {
	return repository.DueRefund{Booking: readBooking(r), Refund: readRefund(r)}
}

const (
	selectCharges = `SELECT ` + chargeColumns + ` FROM payments p WHERE p.event_id = ? AND p.booking_id = ? ORDER BY p.n`
	selectRefunds = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.event_id = ? AND r.booking_id = ? ORDER BY r.n, r.part`
)

// PaymentsOf returns a booking's charges and refunds, by N, in one snapshot.
func (s *Store) PaymentsOf(
	ctx context.Context, booking models.BookingRef,
) (charges []models.Charge, refunds []models.Refund, err error) {
	values := args{booking.Event[:], booking.Booking[:]}
	err = s.snapshot(ctx, "read a booking's payments", func(c *conn) error {
		if charges, err = collect(ctx, c, selectCharges, values, readCharge); err != nil {
			return err
		}
		refunds, err = collect(ctx, c, selectRefunds, values, readRefund)
		return err
	})
	return charges, refunds, err
}

const (
	eachRef          = ` FROM json_each(?1) k CROSS JOIN `
	selectAllCharges = `SELECT ` + chargeColumns + eachRef + `payments p
		ON p.event_id = unhex(k.value ->> 0) AND p.booking_id = unhex(k.value ->> 1) ORDER BY p.booking_id, p.n`
	selectAllRefunds = `SELECT ` + refundColumns + eachRef + `refunds r
		ON r.event_id = unhex(k.value ->> 0) AND r.booking_id = unhex(k.value ->> 1) ORDER BY r.booking_id, r.n, r.part`
)

// PaymentsOfAll returns the charges and refunds of several bookings, by booking and N, in one snapshot.
func (s *Store) PaymentsOfAll(
	ctx context.Context, bookings []models.BookingRef,
) (charges []models.Charge, refunds []models.Refund, err error) {
	values := args{refSet(bookings)}
	err = s.snapshot(ctx, "read the payments of several bookings", func(c *conn) error {
		if charges, err = collect(ctx, c, selectAllCharges, values, readCharge); err != nil {
			return err
		}
		refunds, err = collect(ctx, c, selectAllRefunds, values, readRefund)
		return err
	})
	return charges, refunds, err
}
