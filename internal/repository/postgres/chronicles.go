package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	claimChronicle = `
		INSERT INTO gateway_events AS g (gateway, due_at) VALUES ($2, coalesce($1::timestamptz, now()) + $3::interval)
		ON CONFLICT (gateway) DO UPDATE SET due_at = excluded.due_at
		WHERE g.due_at <= coalesce($1::timestamptz, now())
		RETURNING place`
	keepPlace = `UPDATE gateway_events SET place = $2 WHERE gateway = $1`
)

// ClaimChronicle gives the place that was kept last for a gateway's list, to one caller within a time.
func (s *Store) ClaimChronicle(
	ctx context.Context, gateway string, every time.Duration,
) (place string, due bool, err error) {
	batch := &pgx.Batch{}
	batch.Queue(claimChronicle, s.now(), gateway, every).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			due = true
			if err := rows.Scan(&place); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err := s.inBatch(ctx, s.desk, batch, "take up a gateway's list"); err != nil {
		return "", false, err
	}
	return place, due, nil
}

// KeepPlace remembers how far a list was read.
func (s *Store) KeepPlace(ctx context.Context, gateway, place string) error {
	batch := &pgx.Batch{}
	batch.Queue(keepPlace, gateway, clean(place))
	return s.inBatch(ctx, s.desk, batch, "remember a gateway's list")
}
