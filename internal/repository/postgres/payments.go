package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	chargeColumns = `p.event_id, p.booking_id, p.n, p.gateway, p.amount::text, p.currency, p.status, p.attempts,
		p.last_error, p.provider_reference, p.next_attempt_at, p.created_at, p.updated_at`
	refundColumns = `r.event_id, r.booking_id, r.n, r.gateway, r.amount::text, r.currency, r.status, r.attempts,
		r.last_error, r.provider_reference, r.next_attempt_at, r.created_at, r.updated_at, r.charge_reference`
)

// chargeTargets are where a row of chargeColumns goes.
func chargeTargets(c *models.Charge, sum *amount, currency *string) []any {
	return []any{(*[16]byte)(&c.Event), (*[16]byte)(&c.Booking), &c.N, &c.Gateway, sum, currency, (*string)(&c.Status),
		&c.Attempts, &c.LastError, &c.ProviderReference, intoTime(&c.NextAttemptAt), &c.CreatedAt, &c.UpdatedAt}
}

// scanCharge reads a row of chargeColumns and, behind them, what more the statement gives.
func scanCharge(row pgx.Row, c *models.Charge, more ...any) error {
	var sum amount
	var currency string
	if err := row.Scan(append(chargeTargets(c, &sum, &currency), more...)...); err != nil {
		return err
	}
	utc(&c.NextAttemptAt, &c.CreatedAt, &c.UpdatedAt)
	return money(&c.Amount, sum, currency)
}

func scanChargeOnly(row pgx.Row, c *models.Charge) error { return scanCharge(row, c) }

// refundTargets are where a row of refundColumns goes.
func refundTargets(r *models.Refund, sum *amount, currency *string) []any {
	return []any{(*[16]byte)(&r.Event), (*[16]byte)(&r.Booking), &r.N, &r.Gateway, sum, currency, (*string)(&r.Status),
		&r.Attempts, &r.LastError, &r.ProviderReference, intoTime(&r.NextAttemptAt), &r.CreatedAt, &r.UpdatedAt, &r.ChargeReference}
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
	// (ErrConflict); a repeat finds the charge. That hardly ever happens, and ON CONFLICT would look at the key twice for
	// every row. What is known of a charge beforehand is not read back. The status is told by what it is not, so that rows are looked up by their keys and not in the partial index of all
	// that is PENDING.
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

// StartCharges commits a first charge for every booking that may be charged now, and gives those and the free ones. One
// that was cancelled in this very moment is given as it stands, with its charge.
func (s *Store) StartCharges(ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration) ([]repository.Start, error) {
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
func starts(asked []models.BookingRef, found map[models.BookingRef]*models.Booking, charges map[models.BookingRef]*models.Charge, cancelled map[models.EventID]bool, at time.Time) []repository.Start {
	list := []repository.Start{}
	for _, ref := range distinct(asked) {
		b, charge := found[ref], charges[ref]
		switch {
		case b == nil:
			list = append(list, repository.Start{Booking: models.Booking{ID: ref.Booking, EventID: ref.Event}, Unknown: true, At: at})
		case charge != nil:
			charge.Amount = b.TotalAmount
			list = append(list, repository.Start{Booking: *b, Charge: charge, At: at})
		case b.Status == models.Pending && b.TotalAmount.Minor == 0 && !cancelled[ref.Event]:
			list = append(list, repository.Start{Booking: *b, At: at})
		}
	}
	return list
}

// What is due is looked for without a lock. The UPDATE, which knows the rows' places, waits for whoever is at one of them
// and then looks again at its status (told by what it is not, see insertCharges) and its time, so that each goes to one
// caller.
const (
	claimCharges = `
		WITH due AS MATERIALIZED (
			SELECT ctid, event_id, booking_id, n FROM payments
			WHERE status IN ('started', 'doubtful', 'pending', 'unknown')
				AND next_attempt_at >= ` + aroundMark + ` AND next_attempt_at <= coalesce($1::timestamptz, now())
			ORDER BY next_attempt_at LIMIT $4
		), sorted AS MATERIALIZED (SELECT * FROM due ORDER BY event_id, booking_id, n
		), claimed AS (
			UPDATE payments p SET next_attempt_at = coalesce($1::timestamptz, now()) + $3::interval,
				attempts = p.attempts + CASE WHEN p.status IN ('started', 'doubtful') THEN 1 ELSE 0 END,
				updated_at = coalesce($1::timestamptz, now())
			FROM sorted d WHERE p.ctid = d.ctid
				AND p.status NOT IN ('succeeded', 'declined', 'failed', 'voided') AND p.next_attempt_at <= coalesce($1::timestamptz, now())
			RETURNING p.*
		)
		SELECT ` + bookingColumns + `, ` + chargeColumns + `,
			b.status = 'PENDING' AND b.payment_deadline > coalesce($1::timestamptz, now())
				AND (SELECT e.cancelled_at FROM events e WHERE e.id = b.event_id) IS NULL
		FROM claimed p CROSS JOIN LATERAL
			(SELECT * FROM bookings WHERE event_id = p.event_id AND id = p.booking_id OFFSET 0) b
		ORDER BY p.event_id, p.booking_id, p.n`
	claimRefunds = `
		WITH due AS MATERIALIZED (
			SELECT ctid, event_id, booking_id, n FROM refunds
			WHERE status = 'pending' AND next_attempt_at <= coalesce($1::timestamptz, now())
			ORDER BY next_attempt_at LIMIT $2
		), sorted AS MATERIALIZED (SELECT * FROM due ORDER BY event_id, booking_id, n
		), claimed AS (
			UPDATE refunds r SET next_attempt_at = coalesce($1::timestamptz, now()) + $3::interval,
				attempts = r.attempts + 1, updated_at = coalesce($1::timestamptz, now())
			FROM sorted d WHERE r.ctid = d.ctid
				AND r.status <> 'succeeded' AND r.next_attempt_at <= coalesce($1::timestamptz, now())
			RETURNING r.*
		)
		SELECT ` + bookingColumns + `, ` + refundColumns + `
		FROM claimed r CROSS JOIN LATERAL
			(SELECT * FROM bookings WHERE event_id = r.event_id AND id = r.booking_id OFFSET 0) b
		ORDER BY r.event_id, r.booking_id, r.n`
)

const (
	// firstDue finds the first charge that is still due, and gives the time when there is none: what is before it is
	// taken, but for what comes late. It does not look further, where those are that have just been started and made.
	firstDue = `
		SELECT coalesce((SELECT next_attempt_at FROM payments
			WHERE status IN ('started', 'doubtful', 'pending', 'unknown')
				AND next_attempt_at >= ` + aroundMark + ` AND next_attempt_at <= coalesce($1::timestamptz, now())
			ORDER BY next_attempt_at LIMIT 1), $1, now())`
	// Two seconds are more than a transaction takes from its reading of the clock, by which it makes a charge due at once,
	// to its end. When the clock was set back, the mark is of no use.
	aroundMark = `least($2::timestamptz, coalesce($1::timestamptz, now())) - interval '2 seconds'`
)

// DueCharges takes up to limit open charges whose next_attempt_at has come; each goes to one caller only.
func (s *Store) DueCharges(ctx context.Context, limit int, lease time.Duration) (list []repository.Due, err error) {
	from := s.polls.charges.from(timeOr(time.Time{}, pgtype.NegativeInfinity))
	var first time.Time
	batch := &pgx.Batch{}
	batch.Queue(claimCharges, s.now(), from, lease, limit).Query(func(rows pgx.Rows) (err error) {
		list, err = collect(rows, nil, scanDue)
		return err
	})
	batch.Queue(firstDue, s.now(), from).QueryRow(func(row pgx.Row) error { return row.Scan(&first) })
	if err := s.inBatch(ctx, s.desk, batch, "take up due charges"); err != nil {
		return nil, err
	}
	s.polls.charges.set(pgtype.Timestamptz{Time: first, Valid: true})
	return list, nil
}

func scanDue(row pgx.Row, d *repository.Due) error {
	var sum amount
	var currency string
	c := &d.Charge
	if err := scanBooking(row, &d.Booking, append(chargeTargets(c, &sum, &currency), &d.Chargeable)...); err != nil {
		return err
	}
	utc(&c.NextAttemptAt, &c.CreatedAt, &c.UpdatedAt)
	return money(&c.Amount, sum, currency)
}

// DueRefunds takes up to limit pending refunds whose next_attempt_at has come; each goes to one caller only.
func (s *Store) DueRefunds(ctx context.Context, limit int, lease time.Duration) (list []repository.DueRefund, err error) {
	batch := &pgx.Batch{}
	batch.Queue(claimRefunds, s.now(), limit, lease).Query(func(rows pgx.Rows) (err error) {
		list, err = collect(rows, nil, scanDueRefund)
		return err
	})
	if err := s.inBatch(ctx, s.desk, batch, "take up due refunds"); err != nil {
		return nil, err
	}
	return list, nil
}

func scanDueRefund(row pgx.Row, d *repository.DueRefund) error {
	var sum amount
	var currency string
	r := &d.Refund
	if err := scanBooking(row, &d.Booking, refundTargets(r, &sum, &currency)...); err != nil {
		return err
	}
	utc(&r.NextAttemptAt, &r.CreatedAt, &r.UpdatedAt)
	return money(&r.Amount, sum, currency)
}

const (
	selectCharges = `SELECT ` + chargeColumns + ` FROM payments p WHERE p.event_id = $1 AND p.booking_id = $2 ORDER BY p.n`
	selectRefunds = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.event_id = $1 AND r.booking_id = $2 ORDER BY r.n`
)

// PaymentsOf gives a booking's charges and refunds, by N, in one snapshot.
func (s *Store) PaymentsOf(ctx context.Context, booking models.BookingRef) (charges []models.Charge, refunds []models.Refund, err error) {
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

const letterColumns = `id, kind, event_id, booking_id, n, amount::text, currency, attempts, last_error, payload, failed_at`

func scanLetter(row pgx.Row, l *models.DeadLetter) error {
	var sum amount
	var currency zeronull.Text
	var n zeronull.Int4
	var event, booking pgtype.UUID
	err := row.Scan((*[16]byte)(&l.ID), (*string)(&l.Kind), &event, &booking, &n, &sum, &currency, &l.Attempts,
		&l.LastError, &l.Payload, &l.FailedAt)
	if err != nil {
		return err
	}
	l.Event, l.Booking, l.N = event.Bytes, booking.Bytes, int(n)
	utc(&l.FailedAt)
	return money(&l.Amount, sum, string(currency))
}

// allLetters are those of charges, refunds and messages, and the strays that have become letters.
const allLetters = `(SELECT id, kind, event_id, booking_id, n, amount, currency, attempts, last_error, payload, failed_at FROM dead_letters
	UNION ALL SELECT id, 'stray', event_id, booking_id, n, amount, currency, 0, last_error, provider_reference, failed_at
	FROM strays WHERE failed_at IS NOT NULL) l`

const (
	selectLetters = `SELECT ` + letterColumns + ` FROM ` + allLetters + ` WHERE (failed_at, id) > ($1, $2) ORDER BY failed_at, id LIMIT $3`
	selectLetter  = `SELECT ` + letterColumns + ` FROM ` + allLetters + ` WHERE id = $1`
	countLetters  = `SELECT (SELECT count(*) FROM dead_letters) + (SELECT count(*) FROM strays WHERE failed_at IS NOT NULL)`
)

// DeadLetters lists dead letters by failed_at and id, oldest first.
func (s *Store) DeadLetters(ctx context.Context, page models.Page) ([]models.DeadLetter, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	rows, err := s.read.Query(ctx, selectLetters, timeOr(after.Time, pgtype.NegativeInfinity), uuid(after.ID), page.Limit)
	list, err := collect(rows, err, scanLetter)
	return list, wrap("list dead letters", err)
}

// CountDeadLetters tells how many dead letters there are.
func (s *Store) CountDeadLetters(ctx context.Context) (n int64, err error) {
	err = s.read.QueryRow(ctx, countLetters).Scan(&n)
	return n, wrap("count dead letters", err)
}

// DeadLetter gives one. Error: models.ErrLetterNotFound.
func (s *Store) DeadLetter(ctx context.Context, id models.LetterID) (models.DeadLetter, error) {
	var letter models.DeadLetter
	err := scanLetter(s.read.QueryRow(ctx, selectLetter, uuid(id)), &letter)
	if noRows(err) {
		return models.DeadLetter{}, models.ErrLetterNotFound
	}
	return letter, wrap("read a dead letter", err)
}

const (
	insertMessageLetter = `
		INSERT INTO dead_letters (id, kind, attempts, last_error, payload, failed_at)
		VALUES ($2, 'message', $3, $4, $5, coalesce($1::timestamptz, now())) ON CONFLICT (id) DO NOTHING`
	deleteMessageLetter = `DELETE FROM dead_letters WHERE id = $1 AND kind = 'message'`
)

// AddMessageLetter keeps a queue message that cannot be read. A letter with its id that is there already stays.
func (s *Store) AddMessageLetter(ctx context.Context, l models.DeadLetter) error {
	batch := &pgx.Batch{}
	batch.Queue(insertMessageLetter, s.now(), uuid(l.ID), l.Attempts, clean(l.LastError), clean(l.Payload))
	return s.inBatch(ctx, s.desk, batch, "keep an unreadable message")
}

// DropMessageLetter discards a letter of kind message. Error: models.ErrLetterNotFound.
func (s *Store) DropMessageLetter(ctx context.Context, id models.LetterID) error {
	batch, found := &pgx.Batch{}, false
	batch.Queue(deleteMessageLetter, uuid(id)).Exec(func(tag pgconn.CommandTag) error {
		found = tag.RowsAffected() > 0
		return nil
	})
	err := s.inBatch(ctx, s.read, batch, "discard an unreadable message")
	if err == nil && !found {
		return models.ErrLetterNotFound
	}
	return err
}
