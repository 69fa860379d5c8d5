package sqlite

import (
	"context"
	"crypto/rand"
	"time"

	"quantix/internal/models"
)

const (
	upsertProcess = `
		INSERT INTO processes (id, name, sells, works, payments, version, seen_at, room) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, sells = excluded.sells, works = excluded.works,
			payments = excluded.payments, version = excluded.version, seen_at = excluded.seen_at, room = excluded.room`
	forgetProcesses = `DELETE FROM processes WHERE seen_at < ?`
	deleteProcess   = `DELETE FROM processes WHERE id = ?`
)

// forgetAfter is when a process that was not heard of is forgotten.
const forgetAfter = 24 * time.Hour

// Beat notes that a process is there.
func (s *Store) Beat(ctx context.Context, p models.Process, room int) error {
	var filler any // NULL
	if room > 0 {
		bytes := make([]byte, room)
		_, _ = rand.Read(bytes) // it never fails
		filler = bytes
	}
	return s.write(ctx, "note that a process is there", func(c *conn) error {
		now := s.now()
		if _, err := c.exec(forgetProcesses, micros(now.Add(-forgetAfter))); err != nil {
			return err
		}
		return c.one(upsertProcess, p.ID[:], p.Name, p.Sells, p.Works, p.Payments, p.Version, micros(now), filler)
	})
}

// Leave forgets a process that ends.
func (s *Store) Leave(ctx context.Context, id models.ProcessID) error {
	return s.write(ctx, "note that a process ends", func(c *conn) error {
		_, err := c.exec(deleteProcess, id[:])
		return err
	})
}

const selectProcesses = `SELECT id, name, sells, works, payments, version, seen_at FROM processes WHERE seen_at >= ? ORDER BY id`

// Processes lists those that were heard of within a time, by id.
func (s *Store) Processes(ctx context.Context, within time.Duration) ([]models.Process, error) {
	since := micros(s.now().Add(-within))
	return listForLoops(ctx, s, "list processes", selectProcesses, args{since}, func(r *row) models.Process {
		return models.Process{ID: r.id(), Name: r.text(), Sells: r.bool(), Works: r.bool(), Payments: r.text(),
			Version: r.text(), SeenAt: r.time()}
	})
}

// Each looks at the first entry of an index; 0 where there is none.
var selectBacklog = `
	SELECT coalesce((SELECT payment_deadline FROM bookings WHERE status = 'PENDING' AND payment_deadline < ?1
			ORDER BY payment_deadline LIMIT 1), 0),
		coalesce((SELECT created_at FROM outbox ORDER BY id LIMIT 1), 0),
		coalesce((SELECT next_attempt_at FROM payments WHERE ` + isOpen + `
			AND next_attempt_at < ?1 ORDER BY next_attempt_at LIMIT 1), 0),
		coalesce((SELECT next_attempt_at FROM refunds WHERE status = 'pending' AND next_attempt_at < ?1
			ORDER BY next_attempt_at LIMIT 1), 0)`

// Backlog returns how late the oldest of what waits for a worker is.
func (s *Store) Backlog(ctx context.Context) (b models.Backlog, err error) {
	now := micros(s.now())
	late := func(since int64) time.Duration {
		if since == 0 {
			return 0
		}
		return time.Duration(max(now-since, 0)) * time.Microsecond
	}
	err = s.loops.do(ctx, func(c *conn) error {
		return c.query(ctx, selectBacklog, args{now}, func(r *row) error {
			b = models.Backlog{Expiry: late(r.int()), Outbox: late(r.int()), Charges: late(r.int()), Refunds: late(r.int())}
			return nil
		})
	})
	return b, wrap("look at what waits for a worker", err)
}
