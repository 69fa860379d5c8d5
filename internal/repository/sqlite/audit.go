package sqlite

import (
	"context"

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
	// paid: for each booking that was ever charged, how many successful charges were not given back.
	auditMoney = `
		WITH succeeded AS MATERIALIZED (
			SELECT p.booking_id, p.amount, r.n IS NOT NULL AS refunded, r.amount AS refund
			FROM payments p LEFT JOIN refunds r ON r.event_id = p.event_id AND r.booking_id = p.booking_id AND r.n = p.n
			WHERE p.event_id = ?1 AND p.status = 'succeeded'
		), paid AS MATERIALIZED (
			SELECT booking_id, count(*) FILTER (WHERE NOT refunded) AS kept FROM succeeded GROUP BY booking_id
		)
		SELECT (SELECT coalesce(sum(amount), 0) FROM succeeded),
			(SELECT coalesce(sum(refund), 0) FROM succeeded),
			(SELECT count(*) FROM bookings b WHERE b.event_id = ?1 AND b.status = 'CONFIRMED' AND b.total_amount > 0
				AND b.id NOT IN (SELECT booking_id FROM paid WHERE kept > 0)),
			(SELECT count(*) FROM paid WHERE kept > 1),
			(SELECT coalesce(sum(paid.kept), 0) FROM paid CROSS JOIN bookings b ON b.id = paid.booking_id
				WHERE b.event_id = ?1 AND b.status <> 'CONFIRMED'),
			(SELECT count(*) FROM refunds r LEFT JOIN payments p
					ON p.event_id = r.event_id AND p.booking_id = r.booking_id AND p.n = r.n
				WHERE r.event_id = ?1 AND p.status IS NOT 'succeeded')`
)

// AuditFacts gives an event's counters and the same recomputed, all in one snapshot and without a lock.
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
	return c.query(ctx, auditMoney, args{id[:]}, func(r *row) error {
		facts.Charged, facts.Refunded = r.int(), r.int()
		facts.UnpaidConfirmed, facts.OverpaidBookings, facts.UnendedCharges, facts.RefundsWithoutCharge =
			r.int(), r.int(), r.int(), r.int()
		return nil
	})
}
