package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
)

const (
	// An audit reads all of an event's bookings and may take longer than a statement that sells one. During an on-sale the
	// tables grow faster than their statistics: planned for the few rows of the last ANALYZE, an audit of 15,000 bookings
	// would compare each with each. What that forbids counts as cost, for which PostgreSQL would compile a query that takes
	// a millisecond.
	planForMany = `SELECT set_config('statement_timeout', '10min', true), set_config('enable_nestloop', 'off', true),
		set_config('jit', 'off', true)`
	selectAnyEvent = wholeEvents + ` WHERE e.id = $1`
	auditBookings  = `
		SELECT coalesce(sum(quantity) FILTER (WHERE status = 'PENDING'), 0),
			coalesce(sum(quantity) FILTER (WHERE status = 'CONFIRMED'), 0),
			coalesce(sum(total_amount) FILTER (WHERE status = 'PENDING'), 0)::text,
			coalesce(sum(total_amount) FILTER (WHERE status = 'CONFIRMED'), 0)::text,
			count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'CONFIRMED'),
			count(*) FILTER (WHERE status = 'CANCELLED')
		FROM bookings WHERE event_id = $1`
	// kept: for each charge that succeeded, whether it pays for its booking (nothing of it is owed back), and how much went
	// back in the event's currency, by whosever will.
	auditMoney = `
		WITH back AS (
			SELECT booking_id, n, sum(amount) AS amount, bool_or(reason IS NULL) AS owed
			FROM refunds WHERE event_id = $1 AND status <> 'failed' AND currency = (SELECT currency FROM events WHERE id = $1)
			GROUP BY booking_id, n
		), succeeded AS (
			SELECT p.booking_id, p.amount, coalesce(r.amount, 0) AS back, coalesce(r.owed, false) AS owed
			FROM payments p LEFT JOIN back r ON r.booking_id = p.booking_id AND r.n = p.n
			WHERE p.event_id = $1 AND p.status = 'succeeded'
		), paid AS (
			SELECT booking_id, count(*) FILTER (WHERE NOT owed) AS kept, count(*) FILTER (WHERE back < amount) AS unended,
				coalesce(sum(back) FILTER (WHERE NOT owed), 0) AS moved
			FROM succeeded GROUP BY booking_id
		)
		SELECT (SELECT coalesce(sum(amount), 0)::text FROM succeeded),
			(SELECT coalesce(sum(back), 0)::text FROM succeeded),
			(SELECT coalesce(sum(paid.moved), 0)::text FROM paid JOIN bookings b ON b.event_id = $1 AND b.id = paid.booking_id
				WHERE b.status = 'CONFIRMED'),
			(SELECT count(*) FROM bookings b LEFT JOIN paid ON paid.booking_id = b.id
				WHERE b.event_id = $1 AND b.status = 'CONFIRMED' AND b.total_amount > 0 AND coalesce(paid.kept, 0) = 0),
			(SELECT count(*) FROM paid WHERE kept > 1),
			(SELECT coalesce(sum(paid.unended), 0)::bigint FROM paid JOIN bookings b ON b.event_id = $1 AND b.id = paid.booking_id
				WHERE b.status <> 'CONFIRMED'),
			(SELECT count(*) FROM back r LEFT JOIN payments p
					ON p.event_id = $1 AND p.booking_id = r.booking_id AND p.n = r.n
				WHERE p.status IS DISTINCT FROM 'succeeded'),
			(SELECT count(*) FROM payments p LEFT JOIN back r ON r.booking_id = p.booking_id AND r.n = p.n
				WHERE p.event_id = $1 AND p.refunded <> coalesce(r.amount, 0))`
)

// AuditFacts gives an event's counters and the same recomputed, all in one snapshot and without a lock.
func (s *Store) AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error) {
	var facts models.AuditFacts
	var event models.Event
	var held, sold, charged, refunded, moved amount
	sums := &facts.Recomputed
	err := s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(planForMany)
		batch.Queue(selectAnyEvent, uuid(id)).QueryRow(func(row pgx.Row) error { return scanEvent(row, &event) })
		batch.Queue(auditBookings, uuid(id)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&sums.Held, &sums.Sold, &held, &sold, &sums.Pending, &sums.Confirmed, &sums.Cancelled)
		})
		batch.Queue(auditMoney, uuid(id)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&charged, &refunded, &moved, &facts.UnpaidConfirmed, &facts.OverpaidBookings, &facts.UnendedCharges,
				&facts.RefundsWithoutCharge, &facts.WrongRefunded)
		})
	})
	if noRows(err) {
		return models.AuditFacts{}, models.ErrEventNotFound
	} else if err != nil {
		return models.AuditFacts{}, wrap("audit an event", err)
	}
	sums.Total = event.Stock.Total
	sums.Available = sums.Total - sums.Taken()
	facts.Event = &event
	err = minors(event.TicketPrice.Currency, minorPair{&sums.HeldAmount, held}, minorPair{&sums.SoldAmount, sold},
		minorPair{&facts.Charged, charged}, minorPair{&facts.Refunded, refunded}, minorPair{&facts.Moved, moved})
	sums.SoldAmount -= facts.Moved
	return facts, wrap("audit an event", err)
}
