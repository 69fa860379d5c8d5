package postgres

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
)

const (
	upsertProcess = `
		INSERT INTO processes AS p (id, name, sells, works, payments, version, seen_at, room)
		VALUES ($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, now()), $8)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, sells = excluded.sells, works = excluded.works,
			payments = excluded.payments, version = excluded.version, seen_at = excluded.seen_at, room = excluded.room`
	forgetProcesses = `DELETE FROM processes WHERE seen_at < coalesce($1::timestamptz, now()) - interval '1 day'`
	deleteProcess   = `DELETE FROM processes WHERE id = $1`
)

// Beat notes that a process is there.
func (s *Store) Beat(ctx context.Context, p models.Process, room int) error {
	var filler []byte // NULL
	if room > 0 {
		filler = make([]byte, room)
		_, _ = rand.Read(filler) // it never fails
	}
	batch := &pgx.Batch{}
	batch.Queue(upsertProcess, uuid(p.ID), p.Name, p.Sells, p.Works, p.Payments, p.Version, s.now(), filler)
	batch.Queue(forgetProcesses, s.now())
	return s.inBatch(ctx, s.desk, batch, "note that a process is there")
}

// Leave forgets a process that ends.
func (s *Store) Leave(ctx context.Context, id models.ProcessID) error {
	_, err := s.desk.Exec(ctx, deleteProcess, uuid(id))
	return wrapWrite("note that a process ends", err)
}

const selectProcesses = `SELECT id, name, sells, works, payments, version, seen_at FROM processes
	WHERE seen_at >= coalesce($1::timestamptz, now()) - $2::interval ORDER BY id`

// Processes lists those that were heard of within a time, by id.
func (s *Store) Processes(ctx context.Context, within time.Duration) ([]models.Process, error) {
	rows, err := s.read.Query(ctx, selectProcesses, s.now(), within)
	list, err := collect(rows, err, func(row pgx.Row, p *models.Process) error {
		err := row.Scan((*[16]byte)(&p.ID), &p.Name, &p.Sells, &p.Works, &p.Payments, &p.Version, &p.SeenAt)
		utc(&p.SeenAt)
		return err
	})
	return list, wrap("list processes", err)
}

// Each looks at the first entry of an index, or the first few. How late it is, the database's clock says.
var selectBacklog = `
	SELECT greatest(now - (SELECT payment_deadline FROM bookings WHERE status = 'PENDING' ORDER BY payment_deadline, id LIMIT 1), '0'),
		greatest(now - (SELECT created_at FROM outbox ORDER BY id LIMIT 1), '0'),
		greatest(now - (SELECT next_attempt_at FROM payments WHERE ` + isOpen + `
			ORDER BY next_attempt_at LIMIT 1), now - (SELECT min(next_attempt_at) FROM (` + oldestPending + `) b), '0'),
		greatest(now - (SELECT next_attempt_at FROM refunds WHERE status = 'pending' ORDER BY next_attempt_at LIMIT 1), '0')
	FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock`

// oldestPending is the charges in the rows of those that wait the longest: of them, one is the first to be late.
const oldestPending = `SELECT next_attempt_at FROM bookings WHERE status = 'PENDING' ORDER BY payment_deadline, id LIMIT 100`

// Backlog returns how late the oldest of what waits for a worker is.
func (s *Store) Backlog(ctx context.Context) (b models.Backlog, err error) {
	err = s.read.QueryRow(ctx, selectBacklog, s.now()).Scan(&b.Expiry, &b.Outbox, &b.Charges, &b.Refunds)
	return b, wrap("look at what waits for a worker", err)
}
