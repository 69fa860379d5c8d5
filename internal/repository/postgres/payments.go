package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// A booking's first charge stands in the booking's row as long as all goes well, and else apart, in payments (see
// migration 10). The column charge says where; NULL: no charge was started.
const (
	inRowStarted, inRowSucceeded, apart = "started", "succeeded", "apart"

	inRowColumns = `b.charge, b.gateway, b.provider_reference, b.charged_at, b.prepared_at, b.next_attempt_at`
)

// inRow is what a row of inRowColumns is scanned into.
type inRow struct {
	charge, gateway, reference  zeronull.Text
	chargedAt, preparedAt, next time.Time
}

func (r *inRow) targets() []any {
	return []any{&r.charge, &r.gateway, &r.reference, intoTime(&r.chargedAt), intoTime(&r.preparedAt), intoTime(&r.next)}
}

// chargeOf returns the charge that stands in the row of a booking; nil for none.
func (r *inRow) chargeOf(b *models.Booking) *models.Charge {
	if r.charge == "" || r.charge == apart {
		return nil
	}
	c := &models.Charge{
		ChargeKey: models.FirstCharge(b.Ref()), Gateway: string(r.gateway), Amount: b.TotalAmount,
		Status: models.ChargeStatus(r.charge), Attempts: 1, ProviderReference: string(r.reference),
		NextAttemptAt: r.next, CreatedAt: r.chargedAt, UpdatedAt: r.chargedAt,
	}
	switch {
	case r.charge == inRowSucceeded:
		c.UpdatedAt = b.ConfirmedAt
	case !r.preparedAt.IsZero():
		c.UpdatedAt = r.preparedAt
	}
	utc(&c.NextAttemptAt, &c.CreatedAt, &c.UpdatedAt)
	return c
}

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
	// Whoever else starts the same booking at the same time waits at its row, and then finds it started. The status
	// is told by what it is not, so that rows are looked up by their keys and not in the partial index of all that is
	// PENDING.
	startCharges = `
		UPDATE bookings b SET charge = 'started', gateway = $4, provider_reference = '', charged_at = now,
			next_attempt_at = now + $5::interval
		FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
			CROSS JOIN unnest($2::uuid[], $3::uuid[]) AS r (event_id, id)
			CROSS JOIN LATERAL (SELECT ctid FROM bookings WHERE event_id = r.event_id AND id = r.id OFFSET 0) place
		WHERE b.ctid = place.ctid AND b.charge IS NULL AND b.status NOT IN ('CONFIRMED', 'CANCELLED')
			AND b.total_amount > 0 AND b.payment_deadline > now AND b.event_id <> ALL (` + calledOff + `)
		RETURNING ` + bookingColumns + `, ` + inRowColumns
	selectRefs = `SELECT ` + bookingColumns + `, coalesce($1::timestamptz, now()), b.event_id = ANY (` + calledOff + `)
		FROM unnest($2::uuid[], $3::uuid[]) AS r (event_id, id)
		CROSS JOIN LATERAL (SELECT * FROM bookings WHERE event_id = r.event_id AND id = r.id OFFSET 0) b`
	// Which of the events are cancelled: looked up once, in the small index of those that are.
	calledOff = `ARRAY(SELECT id FROM events WHERE cancelled_at IS NOT NULL AND id = ANY ($2::uuid[]))`
)

// StartCharges commits a first charge for every booking that may be charged now, and returns those and the free ones.
func (s *Store) StartCharges(
	ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration,
) ([]repository.Start, error) {
	refs := orderedRefs(bookings) // two callers with the same bookings wait for each other in one order
	found := make(map[models.BookingRef]repository.Start, len(refs))
	events, ids := refColumns(refs)
	batch := &pgx.Batch{}
	lease = lease.Truncate(time.Microsecond)
	batch.Queue(startCharges, s.now(), events, ids, gateway, lease).Query(func(rows pgx.Rows) error {
		var row inRow
		return eachBooking(rows, func(b *models.Booking) {
			c := row.chargeOf(b)
			found[b.Ref()] = repository.Start{Booking: *b, Charge: c, At: c.CreatedAt}
		}, row.targets()...)
	})
	if err := s.inBatch(ctx, s.desk, batch, "start charges"); err != nil {
		return nil, err
	}
	if err := s.lookAtUnstarted(ctx, refs, found); err != nil {
		return nil, err
	}
	list := make([]repository.Start, 0, len(found))
	for _, ref := range distinct(bookings) {
		if start, is := found[ref]; is {
			list = append(list, start)
		}
	}
	return list, nil
}

// lookAtUnstarted adds what else is told of bookings that no charge was started for: those that are free, and those
// that are not here.
func (s *Store) lookAtUnstarted(
	ctx context.Context, refs []models.BookingRef, found map[models.BookingRef]repository.Start,
) error {
	refs = slices.DeleteFunc(refs, func(ref models.BookingRef) bool {
		_, started := found[ref]
		return started
	})
	if len(refs) == 0 {
		return nil
	}
	var at time.Time
	var cancelled bool
	seen := map[models.BookingRef]bool{}
	events, ids := refColumns(refs)
	batch := &pgx.Batch{}
	batch.Queue(selectRefs, s.now(), events, ids).Query(func(rows pgx.Rows) error {
		return eachBooking(rows, func(b *models.Booking) {
			seen[b.Ref()] = true
			if b.Status == models.StatusPending && b.TotalAmount.Minor == 0 && !cancelled {
				found[b.Ref()] = repository.Start{Booking: *b, At: at.UTC()}
			}
		}, &at, &cancelled)
	})
	batch.Queue(selectClock).QueryRow(func(row pgx.Row) error { return row.Scan(&at) })
	if err := s.inBatch(ctx, s.desk, batch, "look at bookings that are to be charged"); err != nil {
		return err
	}
	if now := s.options.Clock; now != nil {
		at = now()
	}
	for _, ref := range refs {
		if !seen[ref] {
			found[ref] = repository.Start{
				Booking: models.Booking{ID: ref.Booking, EventID: ref.Event}, Unknown: true, At: at.UTC(),
			}
		}
	}
	return nil
}

const (
	selectCharges = `SELECT ` + chargeColumns + ` FROM charges p WHERE p.event_id = $1 AND p.booking_id = $2 ORDER BY p.n`
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

// These read what hangs on each of some bookings by itself (see lockCharges).
const (
	eachRef          = ` FROM unnest($1::uuid[], $2::uuid[]) AS k (event_id, id) CROSS JOIN LATERAL `
	selectAllCharges = `SELECT ` + chargeColumns + eachRef + `
		(SELECT * FROM charges WHERE event_id = k.event_id AND booking_id = k.id OFFSET 0) p ORDER BY p.booking_id, p.n`
	selectAllRefunds = `SELECT ` + refundColumns + eachRef + `
		(SELECT * FROM refunds WHERE event_id = k.event_id AND booking_id = k.id OFFSET 0) r ORDER BY r.booking_id, r.n, r.part`
)

// PaymentsOfAll returns the charges and refunds of several bookings, by booking and N, in one snapshot.
func (s *Store) PaymentsOfAll(
	ctx context.Context, bookings []models.BookingRef,
) (charges []models.Charge, refunds []models.Refund, err error) {
	events, ids := refColumns(orderedRefs(bookings))
	err = s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(selectAllCharges, events, ids).Query(func(rows pgx.Rows) (err error) {
			charges, err = collect(rows, nil, scanChargeOnly)
			return err
		})
		batch.Queue(selectAllRefunds, events, ids).Query(func(rows pgx.Rows) (err error) {
			refunds, err = collect(rows, nil, scanRefundOnly)
			return err
		})
	})
	return charges, refunds, wrap("read the payments of several bookings", err)
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
