package sqlite

import (
	"context"

	"quantix/internal/repository"
)

var countOpenPayments = `
	SELECT gateway, sum(charges), sum(refunds) FROM (
		SELECT gateway, count(*) AS charges, 0 AS refunds FROM payments
			WHERE ` + isOpen + ` GROUP BY gateway
		UNION ALL SELECT gateway, 0, count(*) FROM refunds WHERE status = 'pending' GROUP BY gateway) o
	GROUP BY gateway ORDER BY gateway`

// OpenPayments counts what waits for each gateway.
func (s *Store) OpenPayments(ctx context.Context) ([]repository.OpenPayments, error) {
	return list(ctx, s, "count open payments", countOpenPayments, nil, func(r *row) repository.OpenPayments {
		return repository.OpenPayments{Gateway: r.text(), Charges: r.int(), Refunds: r.int()}
	})
}
