package sqlite

import (
	"context"

	"quantix/internal/journal"
	"quantix/internal/models"
)

const (
	auditBookings = `
		SELECT coalesce(sum(quantity) FILTER (WHERE status = 'PENDING'), 0),
			coalesce(sum(quantity) FILTER (WHERE status = 'CONFIRMED'), 0),
			coalesce(sum(total_amount) FILTER (WHERE status = 'PENDING'), 0),
			coalesce(sum(total_amount) FILTER (WHERE status = 'CONFIRMED'), 0),
			count(*) FILTER (WHERE status = 'PENDING'), count(*) FILTER (WHERE status = 'CONFIRMED'),
			count(*) FILTER (WHERE status = 'CANCELLED')
		FROM bookings WHERE event_id = ?`
	// kept: for each charge that succeeded, whether it pays for its booking (nothing of it is owed back), and how much
	// went back in the event's currency, by whosever will.
	auditMoney = `
		WITH back AS MATERIALIZED (
			SELECT booking_id, n, sum(amount) AS amount, max(reason IS NULL) AS owed
			FROM refunds WHERE event_id = ?1 AND status <> 'failed' AND currency = (SELECT currency FROM events WHERE id = ?1)
			GROUP BY booking_id, n
		), succeeded AS MATERIALIZED (
			SELECT p.booking_id, p.amount, coalesce(r.amount, 0) AS back, coalesce(r.owed, 0) AS owed
			FROM payments p LEFT JOIN back r ON r.booking_id = p.booking_id AND r.n = p.n
			WHERE p.event_id = ?1 AND p.status = 'succeeded'
		), paid AS MATERIALIZED (
			SELECT booking_id, count(*) FILTER (WHERE NOT owed) AS kept, count(*) FILTER (WHERE back < amount) AS unended,
				coalesce(sum(back) FILTER (WHERE NOT owed), 0) AS moved
			FROM succeeded GROUP BY booking_id
		)
		SELECT (SELECT coalesce(sum(amount), 0) FROM succeeded),
			(SELECT coalesce(sum(back), 0) FROM succeeded),
			(SELECT coalesce(sum(paid.moved), 0) FROM paid CROSS JOIN bookings b ON b.id = paid.booking_id
				WHERE b.event_id = ?1 AND b.status = 'CONFIRMED'),
			(SELECT count(*) FROM bookings b WHERE b.event_id = ?1 AND b.status = 'CONFIRMED' AND b.total_amount > 0
				AND b.id NOT IN (SELECT booking_id FROM paid WHERE kept > 0)),
			(SELECT count(*) FROM paid WHERE kept > 1),
			(SELECT coalesce(sum(paid.unended), 0) FROM paid CROSS JOIN bookings b ON b.id = paid.booking_id
				WHERE b.event_id = ?1 AND b.status <> 'CONFIRMED'),
			(SELECT count(*) FROM back LEFT JOIN payments p
					ON p.event_id = ?1 AND p.booking_id = back.booking_id AND p.n = back.n
				WHERE p.status IS NOT 'succeeded'),
			(SELECT count(*) FROM payments p LEFT JOIN back r ON r.booking_id = p.booking_id AND r.n = p.n
				WHERE p.event_id = ?1 AND p.refunded <> coalesce(r.amount, 0)),
			(SELECT coalesce(sum(amount), 0) FROM refunds WHERE event_id = ?1 AND status = 'pending'
				AND currency = (SELECT currency FROM events WHERE id = ?1))`
	// The event's bookings are read again only where somebody is counted.
	auditCustomers = `
		WITH kept AS MATERIALIZED (
			SELECT user_id, live FROM customer_stock WHERE event_id = ?1 AND type_no = -1 AND ?2
		), held AS MATERIALIZED (
			SELECT user_id, sum(quantity) AS live FROM bookings
			WHERE event_id = ?1 AND status IN ('PENDING', 'CONFIRMED') AND EXISTS (SELECT 1 FROM kept)
			GROUP BY user_id
		)
		SELECT count(*) FROM kept LEFT JOIN held ON held.user_id = kept.user_id
		WHERE kept.live <> coalesce(held.live, 0)`
	auditJournal = `SELECT seq, facts FROM journal WHERE event_id = ? ORDER BY seq`
)

// AuditFacts returns an event's counters and the same recomputed, all in one snapshot and without a lock.
func (s *Store) AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error) {
	var facts models.AuditFacts
	err := s.snapshot(ctx, "audit an event", func(c *conn) (err error) {
		facts.Event, err = maybe(ctx, c, selectAnyEvent, args{id[:]}, readEvent)
		if err != nil {
			return err
		}
		if facts.Event == nil {
			return models.ErrEventNotFound
		}
		return recompute(ctx, c, id, &facts)
	})
	if err != nil {
		return models.AuditFacts{}, err
	}
	return facts, nil
}

func recompute(ctx context.Context, c *conn, id models.EventID, facts *models.AuditFacts) error {
	sums := &facts.Recomputed
	err := c.query(ctx, auditBookings, args{id[:]}, func(r *row) error {
		*sums = models.Stock{Held: r.int(), Sold: r.int(), HeldAmount: r.int(), SoldAmount: r.int(), Pending: r.int(),
			Confirmed: r.int(), Cancelled: r.int()}
		return nil
	})
	if err != nil {
		return err
	}
	sums.Total = facts.Event.Stock.Total
	sums.Available = sums.Total - sums.Taken()
	err = c.query(ctx, auditJournal, args{id[:]}, func(r *row) error {
		return journal.Fold(&facts.Journal, r.int(), r.bytes())
	})
	if err != nil {
		return err
	}
	facts.WrongCustomers, err = c.number(ctx, auditCustomers, id[:], facts.Event.CountsUsers)
	if err != nil {
		return err
	}
	return c.query(ctx, auditMoney, args{id[:]}, func(r *row) error {
		facts.Charged, facts.Refunded, facts.Moved = r.int(), r.int(), r.int()
		sums.SoldAmount -= facts.Moved
		facts.UnpaidConfirmed, facts.OverpaidBookings, facts.UnendedCharges, facts.RefundsWithoutCharge =
			r.int(), r.int(), r.int(), r.int()
		facts.WrongRefunded, facts.Owed = r.int(), r.int()
		return nil
	})
}
