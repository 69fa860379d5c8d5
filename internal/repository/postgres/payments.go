package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	chargeColumns = `p.event_id, p.booking_id, p.n, p.gateway, p.amount::text, p.currency, p.status, p.attempts,
		p.last_error, p.provider_reference, p.next_attempt_at, p.created_at, p.updated_at, p.refunded::text`
	refundColumns = `r.event_id, r.booking_id, r.n, r.gateway, r.amount::text, r.currency, r.status, r.attempts,
		r.last_error, r.provider_reference, r.next_attempt_at, r.created_at, r.updated_at, r.charge_reference,
		r.part, coalesce(r.reason, '')`
)

// chargeTargets are where a row of chargeColumns goes.
func chargeTargets(c *models.Charge, sums *chargeSums) []any {
	return []any{(*[16]byte)(&c.Event), (*[16]byte)(&c.Booking), &c.N, &c.Gateway, &sums.amount, &sums.currency,
		(*string)(&c.Status),
		&c.Attempts, &c.LastError, &c.ProviderReference, intoTime(&c.NextAttemptAt), &c.CreatedAt, &c.UpdatedAt,
		&sums.refunded}
}

// chargeSums are a charge's amounts as they are read.
type chargeSums struct {
	amount, refunded amount
	currency         string
}

// into completes a charge whose row was read.
func (s *chargeSums) into(c *models.Charge) error {
	utc(&c.NextAttemptAt, &c.CreatedAt, &c.UpdatedAt)
	c.Amount.Currency = models.Currency(s.currency)
	return minors(c.Amount.Currency, minorPair{&c.Amount.Minor, s.amount}, minorPair{&c.Refunded, s.refunded})
}

// scanCharge reads a row of chargeColumns and, behind them, what more the statement gives.
func scanCharge(row pgx.Row, c *models.Charge, more ...any) error {
	var sums chargeSums
	if err := row.Scan(append(chargeTargets(c, &sums), more...)...); err != nil {
		return err
	}
	return sums.into(c)
}

func scanChargeOnly(row pgx.Row, c *models.Charge) error { return scanCharge(row, c) }

// refundTargets are where a row of refundColumns goes.
func refundTargets(r *models.Refund, sum *amount, currency *string) []any {
	return []any{(*[16]byte)(&r.Event), (*[16]byte)(&r.Booking), &r.N, &r.Gateway, sum, currency, (*string)(&r.Status),
		&r.Attempts, &r.LastError, &r.ProviderReference, intoTime(&r.NextAttemptAt), &r.CreatedAt, &r.UpdatedAt,
		&r.ChargeReference,
		&r.Part, (*string)(&r.Reason)}
}

func scanRefund(row pgx.Row, r *models.Refund, more ...any) error {
	var sum amount
	var currency string
	if err := row.Scan(append(refundTargets(r, &sum, &currency), more...)...); err != nil {
		return err
	}
	utc(&r.NextAttemptAt, &r.CreatedAt, &r.UpdatedAt)
	return money(&r.Amount, sum, currency)
}

func scanRefundOnly(row pgx.Row, r *models.Refund) error { return scanRefund(row, r) }

const (
	// Whoever starts the same booking at the same time waits at the key of the other's charge and is then undone
	// (ErrConflict); a repeat finds the charge. That hardly ever happens, and ON CONFLICT would look at the key twice
	// for every row. What is known of a charge beforehand is not read back. The status is told by what it is not, so
	// that rows are looked up by their keys and not in the partial index of all that is PENDING.
	insertCharges = `
		INSERT INTO payments AS p (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at,
			created_at, updated_at)
		SELECT b.event_id, b.id, 1, $4, b.total_amount, b.currency, 'started', 1, now + $5::interval, now, now
		FROM unnest($2::uuid[], $3::uuid[]) AS r (event_id, id)
		CROSS JOIN (SELECT coalesce($1::timestamptz, now()) AS now) clock
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE event_id = r.event_id AND id = r.id OFFSET 0) b
		WHERE b.status NOT IN ('CONFIRMED', 'CANCELLED') AND b.total_amount > 0 AND b.payment_deadline > now
			AND (SELECT o.n FROM payments o WHERE o.event_id = b.event_id AND o.booking_id = b.id LIMIT 1) IS NULL
			AND b.event_id <> ALL (` + calledOff + `)
		RETURNING p.event_id, p.booking_id, p.created_at`
	selectRefs = `SELECT ` + bookingColumns + `, coalesce($1::timestamptz, now()), b.event_id = ANY (` + calledOff + `)
		FROM unnest($2::uuid[], $3::uuid[]) AS r (event_id, id)
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE event_id = r.event_id AND id = r.id OFFSET 0) b`
	// Which of the events are cancelled: looked up once, in the small index of those that are.
	calledOff = `ARRAY(SELECT id FROM events WHERE cancelled_at IS NOT NULL AND id = ANY ($2::uuid[]))`
)

// StartCharges commits a first charge for every booking that may be charged now, and returns those and the free ones.
// One that was cancelled in this very moment is given as it stands, with its charge.
func (s *Store) StartCharges(
	ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration,
) ([]repository.Start, error) {
	const what = "start charges"
	refs := orderedRefs(bookings) // two callers with the same bookings wait for each other in one order
	events, ids := refColumns(refs)
	lease = lease.Truncate(time.Microsecond)
	charges := make(map[models.BookingRef]*models.Charge, len(refs))
	found := make(map[models.BookingRef]*models.Booking, len(refs))
	batch := &pgx.Batch{}
	batch.Queue(insertCharges, s.now(), events, ids, gateway, lease).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			c := &models.Charge{Gateway: gateway, Status: models.ChargeStarted, Attempts: 1}
			if err := scanStarted(rows, c, lease); err != nil {
				return err
			}
			charges[c.BookingRef] = c
		}
		return rows.Err()
	})
	var at time.Time
	var calledOff bool
	cancelled := map[models.EventID]bool{}
	batch.Queue(selectRefs, s.now(), events, ids).Query(func(rows pgx.Rows) error {
		return eachBooking(rows, func(b *models.Booking) {
			found[b.Ref()] = b
			if calledOff {
				cancelled[b.EventID] = true
			}
		}, &at, &calledOff)
	})
	if err := s.inBatch(ctx, s.desk, batch, what); err != nil {
		return nil, err
	}
	return starts(bookings, found, charges, cancelled, at.UTC()), nil
}

// scanStarted completes a first charge by what was not known of it before it was written.
func scanStarted(row pgx.Row, c *models.Charge, lease time.Duration) error {
	c.N = 1
	if err := row.Scan((*[16]byte)(&c.Event), (*[16]byte)(&c.Booking), &c.CreatedAt); err != nil {
		return err
	}
	utc(&c.CreatedAt)
	c.UpdatedAt, c.NextAttemptAt = c.CreatedAt, c.CreatedAt.Add(lease)
	return nil
}

// starts joins bookings with the charges that were written for them, in the order they were asked for.
func starts(
	asked []models.BookingRef, found map[models.BookingRef]*models.Booking, charges map[models.BookingRef]*models.Charge,
	cancelled map[models.EventID]bool, at time.Time,
) []repository.Start {
	list := []repository.Start{}
	for _, ref := range distinct(asked) {
		b, charge := found[ref], charges[ref]
		switch {
		case b == nil:
			list = append(list, repository.Start{
				Booking: models.Booking{ID: ref.Booking, EventID: ref.Event}, Unknown: true, At: at,
			})
		case charge != nil:
			charge.Amount = b.TotalAmount
			list = append(list, repository.Start{Booking: *b, Charge: charge, At: at})
		case b.Status == models.StatusPending && b.TotalAmount.Minor == 0 && !cancelled[ref.Event]:
			list = append(list, repository.Start{Booking: *b, At: at})
		}
	}
	return list
}

const (
	selectCharges = `SELECT ` + chargeColumns + ` FROM payments p WHERE p.event_id = $1 AND p.booking_id = $2 ORDER BY p.n`
	selectRefunds = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.event_id = $1 AND r.booking_id = $2 ORDER BY r.n, r.part`
)

// PaymentsOf returns a booking's charges and refunds, by N, in one snapshot.
func (s *Store) PaymentsOf(
	ctx context.Context, booking models.BookingRef,
) (charges []models.Charge, refunds []models.Refund, err error) {
	event, id := uuid(booking.Event), uuid(booking.Booking)
	err = s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(selectCharges, event, id).Query(func(rows pgx.Rows) (err error) {
			charges, err = collect(rows, nil, scanChargeOnly)
			return err
		})
		batch.Queue(selectRefunds, event, id).Query(func(rows pgx.Rows) (err error) {
			refunds, err = collect(rows, nil, scanRefundOnly)
			return err
		})
	})
	return charges, refunds, wrap("read a booking's payments", err)
}

// snapshot runs queued reads on one state of the database, without any lock, in one round trip.
func (s *Store) snapshot(ctx context.Context, queue func(*pgx.Batch)) error {
	conn, err := s.read.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	batch := &pgx.Batch{}
	batch.Queue("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
	queue(batch)
	batch.Queue("COMMIT")
	err = conn.SendBatch(ctx, batch).Close()
	s.rollback(ctx, conn)
	return err
}
