package sqlite

import (
	"context"
	"time"

	"quantix/internal/journal"
	"quantix/internal/models"
)

const (
	insertOutbox = `INSERT INTO outbox (id, event_id, seq, booking_ids, created_at) VALUES (?, ?, ?, ?, ?)`
	selectOutbox = `SELECT id, o.event_id, booking_ids, facts FROM outbox o
		LEFT JOIN journal j ON j.event_id = o.event_id AND j.seq = o.seq WHERE leased_until IS NULL OR leased_until <= ? ORDER BY id LIMIT ?`
	leaseOutbox  = `UPDATE outbox SET leased_until = ? WHERE id = ?`
	deleteOutbox = `DELETE FROM outbox WHERE id = ?`
	countOutbox  = `SELECT count(*) FROM outbox`
)

// insertOutboxRow has bookings published again.
func insertOutboxRow(c *conn, r models.OutboxRow, now time.Time) error {
	return c.one(insertOutbox, r.ID[:], r.Event[:], int64(0), joinIDs(r.Bookings), micros(now))
}

func readOutbox(r *row) (o models.OutboxRow) {
	o.ID, o.Event = r.id(), r.id()
	o.Bookings = readWaiting(r)
	return o
}

// readWaiting reads the bookings that a row of the outbox names, or else those that its entry tells of.
func readWaiting(r *row) (bookings []models.BookingID) {
	named, facts := r.bytes(), r.bytes()
	var err error
	if facts != nil {
		bookings, err = journal.Booked(facts)
	} else {
		bookings, err = splitIDs[models.BookingID](named)
	}
	if err != nil && r.err == nil {
		r.err = err
	}
	return bookings
}

// ClaimOutbox takes up to limit rows, oldest first, whose lease (if any) has run out, and leases them.
func (s *Store) ClaimOutbox(ctx context.Context, limit int, lease time.Duration) (rows []models.OutboxRow, err error) {
	err = s.write(ctx, "claim outbox rows", func(c *conn) error {
		now := s.now()
		rows, err = collect(context.Background(), c, selectOutbox, args{micros(now), int64(limit)}, readOutbox)
		if err != nil {
			return err
		}
		until := micros(leaseEnd(now, lease))
		for _, r := range rows {
			if err := c.one(leaseOutbox, until, r.ID[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// DeleteOutbox removes rows that were published, and remembers the queue's mark in the same transaction.
func (s *Store) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	return s.write(ctx, "delete published outbox rows", func(c *conn) error {
		for _, id := range ids {
			if _, err := c.exec(deleteOutbox, id[:]); err != nil {
				return err
			}
		}
		if mark == (models.QueueMark{}) {
			return nil
		}
		known, err := readMark(context.Background(), c)
		// Of one epoch the newest mark stays: relays may finish out of order.
		if err != nil || known.Epoch == mark.Epoch && !known.OlderThan(mark) {
			return err
		}
		return c.one(setMark, mark.Epoch, mark.LastID)
	})
}

const (
	selectMark = `SELECT epoch, last_id FROM queue_state WHERE id = 1`
	setMark    = `INSERT INTO queue_state (id, epoch, last_id) VALUES (1, ?, ?)
		ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, last_id = excluded.last_id`
)

func readMark(ctx context.Context, c *conn) (mark models.QueueMark, err error) {
	err = c.query(ctx, selectMark, nil, func(r *row) error {
		mark = models.QueueMark{Epoch: r.text(), LastID: r.text()}
		return nil
	})
	return mark, err
}

// QueueMark returns the mark remembered last; zero when there is none.
func (s *Store) QueueMark(ctx context.Context) (mark models.QueueMark, err error) {
	err = s.loops.do(ctx, func(c *conn) error {
		mark, err = readMark(ctx, c)
		return err
	})
	return mark, wrap("read the queue's mark", err)
}

// Republish writes outbox rows for bookings that a queue has lost and remembers the new mark, in one transaction.
func (s *Store) Republish(ctx context.Context, rows []models.OutboxRow, mark models.QueueMark) error {
	return s.write(ctx, "publish bookings again", func(c *conn) error {
		now := s.now()
		for _, r := range rows {
			if err := insertOutboxRow(c, r, now); err != nil {
				return err
			}
		}
		if mark == (models.QueueMark{}) {
			return nil
		}
		return c.one(setMark, mark.Epoch, mark.LastID)
	})
}

const selectInstallation = `SELECT lower(hex(id)) FROM installation`

// Installation names this database.
func (s *Store) Installation(ctx context.Context) (string, error) {
	return single(ctx, s, "read the installation's id", models.ErrInternal, selectInstallation, nil, func(r *row) string {
		return r.text()
	})
}

// OutboxDepth returns how many rows wait.
func (s *Store) OutboxDepth(ctx context.Context) (depth int64, err error) {
	err = s.readers.do(ctx, func(c *conn) error {
		depth, err = c.number(ctx, countOutbox)
		return err
	})
	return depth, wrap("count the outbox", err)
}
