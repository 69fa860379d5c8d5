package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// The statuses of charges as the domain has them. A partial index serves isOpen: it names the same in the same order.
var (
	isOpen = `status IN ` + repository.OneOf(models.OpenChargeStatuses)
	ended  = repository.OneOf(models.EndedChargeStatuses)
	trying = repository.OneOf(models.TryingChargeStatuses)
)

// What is due is looked for without a lock, and then taken event by event, in one order, by statements of one event
// each: those skip what somebody else has locked, so that one row in a long transaction never holds up the others; and
// look again at a row's status (told by what it is not, see insertCharges) and time, so that each goes to one caller.
var (
	// The rows' places in claims are those of the look; whoever has changed one since has moved it on.
	dueCharges = `
		SELECT ctid, event_id FROM payments
		WHERE ` + isOpen + `
			AND next_attempt_at >= ` + aroundMark + ` AND next_attempt_at <= coalesce($1::timestamptz, now())
		ORDER BY next_attempt_at LIMIT $3 OFFSET $4`
	claimCharges = `
		WITH free AS MATERIALIZED (
			SELECT ctid FROM payments WHERE ctid = ANY($2::tid[]) AND event_id = $4
				AND status NOT IN ` + ended + ` AND next_attempt_at <= coalesce($1::timestamptz, now())
			FOR NO KEY UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE payments p SET next_attempt_at = coalesce($1::timestamptz, now()) + $3::interval,
				attempts = p.attempts + CASE WHEN p.status IN ` + trying + ` THEN 1 ELSE 0 END,
				updated_at = coalesce($1::timestamptz, now())
			FROM free WHERE p.ctid = free.ctid AND p.event_id = $4
			RETURNING p.*
		)
		SELECT ` + bookingColumns + `, ` + chargeColumns + `,
			(SELECT e.cancelled_at FROM events e WHERE e.id = b.event_id)
		FROM claimed p CROSS JOIN LATERAL
			(SELECT * FROM bookings WHERE event_id = p.event_id AND id = p.booking_id OFFSET 0) b
		ORDER BY p.booking_id, p.n`
	dueRefunds = `
		SELECT ctid, event_id FROM refunds
		WHERE status = 'pending' AND next_attempt_at <= coalesce($1::timestamptz, now())
		ORDER BY next_attempt_at LIMIT $2 OFFSET $3`
	claimRefunds = `
		WITH free AS MATERIALIZED (
			SELECT ctid FROM refunds WHERE ctid = ANY($2::tid[]) AND event_id = $4
				AND status NOT IN ('succeeded', 'failed') AND next_attempt_at <= coalesce($1::timestamptz, now())
			FOR NO KEY UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE refunds r SET next_attempt_at = coalesce($1::timestamptz, now()) + $3::interval,
				attempts = r.attempts + 1, updated_at = coalesce($1::timestamptz, now())
			FROM free WHERE r.ctid = free.ctid AND r.event_id = $4
			RETURNING r.*
		)
		SELECT ` + bookingColumns + `, ` + refundColumns + `
		FROM claimed r CROSS JOIN LATERAL
			(SELECT * FROM bookings WHERE event_id = r.event_id AND id = r.booking_id OFFSET 0) b
		ORDER BY r.booking_id, r.n, r.part`
)

var (
	// firstDue finds the first charge that is still due, and gives the time when there is none: what is before it is
	// taken, but for what comes late. It does not look further, where those are that have just been started and made.
	firstDue = `
		SELECT coalesce((SELECT next_attempt_at FROM payments
			WHERE ` + isOpen + `
				AND next_attempt_at >= ` + aroundMark + ` AND next_attempt_at <= coalesce($1::timestamptz, now())
			ORDER BY next_attempt_at LIMIT 1), $1, now())`
	// Two seconds are more than a transaction takes from its reading of the clock, by which it makes a charge due at
	// once, to its end. When the clock was set back, the mark is of no use.
	aroundMark = `least($2::timestamptz, coalesce($1::timestamptz, now())) - interval '2 seconds'`
)

// What was started in a booking's row and not ended in time moves into payments, where it is due. No index holds the
// time, which changes with each booking: so the rows of all that is PENDING are looked at in turn, some at each call.
const (
	pageOfPending = `
		WITH page AS MATERIALIZED (
			SELECT payment_deadline, id, ctid, charge = 'started' AND next_attempt_at <= coalesce($1::timestamptz, now()) AS lapsed
			FROM bookings WHERE status = 'PENDING' AND (payment_deadline, id) > ($2, $3) ORDER BY payment_deadline, id LIMIT $4
		)
		SELECT payment_deadline, id, (SELECT count(*) FROM page), ARRAY(SELECT ctid FROM page WHERE lapsed)
		FROM page ORDER BY payment_deadline DESC, id DESC LIMIT 1`
	moveLapsed = `
		WITH lapsed AS MATERIALIZED (
			SELECT ctid, event_id, id, gateway, total_amount, currency, provider_reference, next_attempt_at, charged_at,
				coalesce(prepared_at, charged_at) AS updated_at
			FROM bookings WHERE ctid = ANY($2::tid[]) AND charge = 'started' AND next_attempt_at <= coalesce($1::timestamptz, now())
			FOR NO KEY UPDATE SKIP LOCKED
		), moved AS (
			UPDATE bookings b SET charge = 'apart', gateway = NULL, provider_reference = NULL, charged_at = NULL, prepared_at = NULL,
				next_attempt_at = NULL
			FROM lapsed l WHERE b.ctid = l.ctid AND b.id = l.id
		)
		INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, provider_reference,
			next_attempt_at, created_at, updated_at)
		SELECT event_id, id, 1, gateway, total_amount, currency, 'started', 1, provider_reference, next_attempt_at, charged_at, updated_at
		FROM lapsed`
)

// pendingPage is how many PENDING bookings are looked at in one go.
const pendingPage = 1000

// moveLapsed looks at a page of what is PENDING, from where the last one ended.
func (s *Store) moveLapsed(ctx context.Context) error {
	s.polls.pending.Lock()
	defer s.polls.pending.Unlock()
	from := &s.polls.pending.after
	var next models.Position
	var seen int
	var places []pgtype.TID
	row := s.desk.QueryRow(ctx, pageOfPending, s.now(), timeOr(from.Time, pgtype.NegativeInfinity), uuid(from.ID),
		pendingPage)
	err := row.Scan(&next.Time, &next.ID, &seen, &places)
	if err != nil && !noRows(err) {
		return wrap("look for charges that were not ended", err)
	}
	*from = next
	if seen < pendingPage {
		*from = models.Position{}
	}
	if len(places) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	batch.Queue(moveLapsed, s.now(), places)
	return s.inBatch(ctx, s.desk, batch, "take up charges that were not ended")
}

// DueCharges takes up to limit open charges whose next_attempt_at has come; each goes to one caller only.
func (s *Store) DueCharges(ctx context.Context, limit int, lease time.Duration) (list []repository.Due, err error) {
	if err := s.moveLapsed(ctx); err != nil {
		return nil, err
	}
	from := s.polls.charges.from(timeOr(time.Time{}, pgtype.NegativeInfinity))
	var first time.Time
	mark := func(batch *pgx.Batch) {
		batch.Queue(firstDue, s.now(), from).QueryRow(func(row pgx.Row) error { return row.Scan(&first) })
	}
	err = s.claim(ctx, "take up due charges", limit, claims{
		look: func(batch *pgx.Batch, skip int) *pgx.QueuedQuery {
			defer mark(batch)
			return batch.Queue(dueCharges, s.now(), from, limit, skip)
		},
		take: func(batch *pgx.Batch, event pgtype.UUID, places []pgtype.TID) {
			batch.Queue(claimCharges, s.now(), places, lease, event).Query(func(rows pgx.Rows) error {
				taken, err := collect(rows, nil, scanDue)
				list = append(list, taken...)
				return err
			})
		},
		then: mark,
		had:  func() int { return len(list) },
	})
	if err != nil {
		return nil, err
	}
	s.polls.charges.set(pgtype.Timestamptz{Time: first, Valid: true})
	return list, nil
}

func scanDue(row pgx.Row, d *repository.Due) error {
	var sums chargeSums
	var calledOff *time.Time
	if err := scanBooking(row, &d.Booking, append(chargeTargets(&d.Charge, &sums), &calledOff)...); err != nil {
		return err
	}
	d.Chargeable = calledOff == nil && d.Booking.Payable(d.Charge.UpdatedAt) // which is when it was taken up
	return sums.into(&d.Charge)
}

// DueRefunds takes up to limit pending refunds whose next_attempt_at has come; each goes to one caller only.
func (s *Store) DueRefunds(
	ctx context.Context, limit int, lease time.Duration,
) (list []repository.DueRefund, err error) {
	err = s.claim(ctx, "take up due refunds", limit, claims{
		look: func(batch *pgx.Batch, skip int) *pgx.QueuedQuery {
			return batch.Queue(dueRefunds, s.now(), limit, skip)
		},
		take: func(batch *pgx.Batch, event pgtype.UUID, places []pgtype.TID) {
			batch.Queue(claimRefunds, s.now(), places, lease, event).Query(func(rows pgx.Rows) error {
				taken, err := collect(rows, nil, scanDueRefund)
				list = append(list, taken...)
				return err
			})
		},
		then: func(*pgx.Batch) {},
		had:  func() int { return len(list) },
	})
	if err != nil {
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
