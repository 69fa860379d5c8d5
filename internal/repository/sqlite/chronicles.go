package sqlite

import (
	"context"
	"time"
)

const (
	claimChronicle = `INSERT INTO gateway_events (gateway, due_at) VALUES (?1, ?2)
		ON CONFLICT (gateway) DO UPDATE SET due_at = excluded.due_at WHERE gateway_events.due_at <= ?3`
	selectPlace = `SELECT place FROM gateway_events WHERE gateway = ?`
	keepPlace   = `UPDATE gateway_events SET place = ?2 WHERE gateway = ?1`
)

// ClaimChronicle gives the place that was kept last for a gateway's list, to one caller within a time.
func (s *Store) ClaimChronicle(
	ctx context.Context, gateway string, every time.Duration,
) (place string, due bool, err error) {
	err = s.write(ctx, "take up a gateway's list", func(c *conn) error {
		now := s.now()
		claimed, err := c.exec(claimChronicle, gateway, micros(leaseEnd(now, every)), micros(now))
		if err != nil || claimed == 0 {
			return err
		}
		places, err := collect(context.Background(), c, selectPlace, args{gateway}, func(r *row) string { return r.text() })
		if err != nil {
			return err
		}
		place, due = places[0], true
		return nil
	})
	if err != nil {
		return "", false, err
	}
	return place, due, nil
}

// KeepPlace remembers how far a list was read.
func (s *Store) KeepPlace(ctx context.Context, gateway, place string) error {
	return s.write(ctx, "remember a gateway's list", func(c *conn) error {
		_, err := c.exec(keepPlace, gateway, clean(place))
		return err
	})
}
