package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"quantix/internal/repository"
)

var countOpenPayments = `
	SELECT gateway, sum(charges)::bigint, sum(refunds)::bigint FROM (
		SELECT gateway, count(*) AS charges, 0 AS refunds FROM payments
			WHERE ` + isOpen + ` GROUP BY gateway
		UNION ALL SELECT gateway, count(*), 0 FROM bookings WHERE status = 'PENDING' AND charge = 'started' GROUP BY gateway
		UNION ALL SELECT gateway, 0, count(*) FROM refunds WHERE status = 'pending' GROUP BY gateway) o
	GROUP BY gateway ORDER BY gateway`

// OpenPayments counts what waits for each gateway.
func (s *Store) OpenPayments(ctx context.Context) ([]repository.OpenPayments, error) {
	rows, err := s.read.Query(ctx, countOpenPayments)
	list, err := collect(rows, err, func(row pgx.Row, o *repository.OpenPayments) error {
		return row.Scan(&o.Gateway, &o.Charges, &o.Refunds)
	})
	return list, wrap("count open payments", err)
}
