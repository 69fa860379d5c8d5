package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/journal"
	"quantix/internal/models"
)

const (
	// An audit reads all of an event's bookings and may take longer than a statement that sells one. No query of ours
	// takes as long as compiling it, whatever the planner thinks that it costs.
	beginAudit     = `SELECT set_config('statement_timeout', '10min', true), set_config('jit', 'off', true)`
	selectAnyEvent = wholeEvents + ` WHERE e.id = $1`
	// Bookings, charges and refunds are read once each, and put together by full joins, for which PostgreSQL has no
	// nested loop: during an on-sale the tables grow faster than their statistics, and planned for the few rows of the
	// last ANALYZE, an audit of 15,000 bookings would compare each with each.
	//
	// kept: how many charges pay for a booking (they succeeded, and nothing of them is owed back); moved: what went
	// back of these all the same, in the event's currency, by whosever will. What no booking has, has no status. Sums
	// of what went back are made only where something did: each costs as much as reading its row.
	auditEvent = `
		WITH back AS (
			SELECT booking_id, n, sum(amount) AS amount, bool_or(reason IS NULL) AS owed
			FROM refunds WHERE event_id = $1 AND status <> 'failed' AND currency = (SELECT currency FROM events WHERE id = $1)
			GROUP BY booking_id, n
		), charges AS (
			SELECT coalesce(p.booking_id, r.booking_id) AS booking_id, coalesce(p.status = 'succeeded', false) AS succeeded,
				p.amount, p.refunded, r.amount AS back, coalesce(r.owed, false) AS owed
			FROM (SELECT booking_id, n, status, amount, refunded FROM payments WHERE event_id = $1) p
				FULL JOIN back r ON r.booking_id = p.booking_id AND r.n = p.n
		), paid AS (
			SELECT booking_id, sum(amount) FILTER (WHERE succeeded) AS charged,
				sum(back) FILTER (WHERE back IS NOT NULL AND succeeded) AS back,
				sum(back) FILTER (WHERE back IS NOT NULL AND succeeded AND NOT owed) AS moved,
				count(*) FILTER (WHERE succeeded AND NOT owed) AS kept,
				count(*) FILTER (WHERE succeeded AND (back IS NULL OR back < amount)) AS unended,
				count(*) FILTER (WHERE back IS NOT NULL AND NOT succeeded) AS baseless,
				count(*) FILTER (WHERE refunded <> coalesce(back, 0)) AS wrong
			FROM charges GROUP BY booking_id
		), states AS (
			SELECT status, sum(quantity) AS quantity, sum(total_amount) AS amount, count(id) AS bookings,
				sum(charged) AS charged, sum(back) AS back, sum(moved) AS moved,
				sum(total_amount) FILTER (WHERE charge = 'succeeded') AS charged_in_row,
				count(*) FILTER (WHERE coalesce(kept, 0) = 0 AND total_amount > 0 AND charge IS DISTINCT FROM 'succeeded') AS unpaid,
				count(*) FILTER (WHERE kept > 1 OR kept = 1 AND charge = 'succeeded') AS overpaid,
				sum(unended) AS unended, sum(baseless) AS baseless, sum(wrong) AS wrong
			FROM (SELECT id, quantity, status, total_amount, charge FROM bookings WHERE event_id = $1) b
				FULL JOIN paid ON paid.booking_id = b.id
			GROUP BY status
		)
		SELECT coalesce(sum(quantity) FILTER (WHERE status = 'PENDING'), 0)::bigint,
			coalesce(sum(quantity) FILTER (WHERE status = 'CONFIRMED'), 0)::bigint,
			coalesce(sum(amount) FILTER (WHERE status = 'PENDING'), 0)::text,
			coalesce(sum(amount) FILTER (WHERE status = 'CONFIRMED'), 0)::text,
			coalesce(sum(bookings) FILTER (WHERE status = 'PENDING'), 0)::bigint,
			coalesce(sum(bookings) FILTER (WHERE status = 'CONFIRMED'), 0)::bigint,
			coalesce(sum(bookings) FILTER (WHERE status = 'CANCELLED'), 0)::bigint,
			(coalesce(sum(charged), 0) + coalesce(sum(charged_in_row), 0))::text, coalesce(sum(back), 0)::text,
			coalesce(sum(moved) FILTER (WHERE status = 'CONFIRMED'), 0)::text,
			coalesce(sum(unpaid) FILTER (WHERE status = 'CONFIRMED'), 0)::bigint, coalesce(sum(overpaid), 0)::bigint,
			coalesce(sum(unended) FILTER (WHERE status <> 'CONFIRMED'), 0)::bigint,
			coalesce(sum(baseless), 0)::bigint, coalesce(sum(wrong), 0)::bigint
		FROM states`
	auditOwed = `
		SELECT coalesce(sum(r.amount), 0)::text FROM refunds r
		WHERE r.event_id = $1 AND r.status = 'pending' AND r.currency = (SELECT currency FROM events WHERE id = $1)`
	// The event's bookings are read again only where somebody is counted.
	auditCustomers = `
		WITH kept AS (
			SELECT user_id, live FROM customer_stock WHERE event_id = $1 AND type_no = -1
				AND EXISTS (SELECT FROM event_stock WHERE event_id = $1 AND counted_seq = journal_seq)
		), held AS (
			SELECT user_id, sum(quantity) AS live FROM bookings
			WHERE event_id = $1 AND status IN ('PENDING', 'CONFIRMED') AND EXISTS (SELECT FROM kept)
			GROUP BY user_id
		)
		SELECT count(*) FILTER (WHERE kept.user_id IS NOT NULL AND kept.live <> coalesce(held.live, 0))
		FROM kept FULL JOIN held ON held.user_id = kept.user_id`
	auditJournal = `SELECT seq, facts FROM journal WHERE event_id = $1 ORDER BY seq`
)

// AuditFacts returns an event's counters and the same recomputed, all in one snapshot and without a lock.
func (s *Store) AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error) {
	var facts models.AuditFacts
	var event models.Event
	var held, sold, charged, refunded, moved, owed amount
	sums := &facts.Recomputed
	err := s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(beginAudit)
		batch.Queue(selectAnyEvent, uuid(id)).QueryRow(func(row pgx.Row) error { return scanEvent(row, &event) })
		batch.Queue(auditEvent, uuid(id)).QueryRow(func(row pgx.Row) error {
			return row.Scan(&sums.Held, &sums.Sold, &held, &sold, &sums.Pending, &sums.Confirmed, &sums.Cancelled,
				&charged, &refunded, &moved, &facts.UnpaidConfirmed, &facts.OverpaidBookings, &facts.UnendedCharges,
				&facts.RefundsWithoutCharge, &facts.WrongRefunded)
		})
		batch.Queue(auditCustomers, uuid(id)).QueryRow(func(row pgx.Row) error { return row.Scan(&facts.WrongCustomers) })
		batch.Queue(auditOwed, uuid(id)).QueryRow(func(row pgx.Row) error { return row.Scan(&owed) })
		batch.Queue(auditJournal, uuid(id)).Query(func(rows pgx.Rows) error { return foldEntries(rows, &facts.Journal) })
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
		minorPair{&facts.Charged, charged}, minorPair{&facts.Refunded, refunded}, minorPair{&facts.Moved, moved},
		minorPair{&facts.Owed, owed})
	sums.SoldAmount -= facts.Moved
	return facts, wrap("audit an event", err)
}

// foldEntries adds up an event's journal, one entry at a time.
func foldEntries(rows pgx.Rows, sum *models.JournalSum) error {
	for rows.Next() {
		var seq int64
		var facts pgtype.DriverBytes // valid until the next row
		if err := rows.Scan(&seq, &facts); err != nil {
			return err
		}
		if err := journal.Fold(sum, seq, facts); err != nil {
			return err
		}
	}
	return rows.Err()
}
