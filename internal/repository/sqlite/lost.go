package sqlite

import (
	"context"
	"time"

	"quantix/internal/models"
)

const (
	selectCreated   = `SELECT created_at FROM bookings WHERE id = ? AND event_id = ?`
	selectOldest    = `SELECT min(oldest) FROM queue_members WHERE seen_at > ?`
	selectWaiting   = `SELECT booking_ids, facts FROM outbox o LEFT JOIN journal j ON j.event_id = o.event_id AND j.seq = o.seq`
	selectUncharged = `SELECT b.event_id, b.id FROM bookings b
		WHERE b.status = 'PENDING' AND b.payment_deadline > ?1 AND b.created_at < ?2
			AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.event_id = b.event_id AND p.booking_id = b.id)
			AND NOT EXISTS (SELECT 1 FROM republished r WHERE r.event_id = b.event_id AND r.booking_id = b.id AND r.at >= ?3)
		ORDER BY b.payment_deadline, b.id`
	noteRepublished = `INSERT INTO republished (event_id, booking_id, at) VALUES (?1, ?2, ?3)
		ON CONFLICT (event_id, booking_id) DO UPDATE SET at = excluded.at WHERE at < ?4`
	forgetRepublished = `DELETE FROM republished WHERE at < ?`
	noteQueue         = `INSERT INTO queue_members (id, oldest, seen_at) VALUES (?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET oldest = excluded.oldest, seen_at = excluded.seen_at`
	forgetQueues = `DELETE FROM queue_members WHERE seen_at < ?`
)

// What a store remembers of lost messages, and for how long.
const (
	republishedLately = time.Minute
	republishedEver   = 24 * time.Hour
	memberCounts      = 30 * time.Second
	memberKept        = time.Hour
)

// LostBookings lists bookings whose message a queue seems to have lost, by deadline and id.
func (s *Store) LostBookings(
	ctx context.Context, held *models.BookingRef, slack time.Duration, limit int,
) (lost []models.BookingRef, err error) {
	err = s.loops.do(ctx, func(c *conn) error {
		now := s.now()
		oldest, err := oldestHeld(ctx, c, now, held)
		if err != nil {
			return err
		}
		waiting := make(map[models.BookingID]bool)
		rows, err := collect(ctx, c, selectWaiting, nil, readWaiting)
		if err != nil {
			return err
		}
		for _, list := range rows {
			for _, id := range list {
				waiting[id] = true
			}
		}
		before := oldest.Add(-slack)
		lately := now.Add(-republishedLately)
		if before.Before(lately) {
			lately = before
		}
		lost = []models.BookingRef{}
		return c.query(ctx, selectUncharged, args{micros(now), micros(before), micros(lately)}, func(r *row) error {
			if ref := readRef(r); len(lost) < limit && !waiting[ref.Booking] {
				lost = append(lost, ref)
			}
			return nil
		})
	})
	return lost, wrap("list lost bookings", err)
}

// oldestHeld is when the oldest message was made that any queue holds; now when none does.
func oldestHeld(ctx context.Context, c *conn, now time.Time, held *models.BookingRef) (time.Time, error) {
	oldest := now
	if held != nil {
		created, err := maybe(ctx, c, selectCreated, args{held.Booking[:], held.Event[:]}, func(r *row) time.Time {
			return r.time()
		})
		if err != nil {
			return oldest, err
		}
		if created == nil {
			return time.UnixMicro(0), nil
		}
		oldest = *created
	}
	noted, err := maybe(ctx, c, selectOldest, args{micros(now.Add(-memberCounts))}, func(r *row) time.Time {
		return r.time()
	})
	if err == nil && noted != nil && !noted.IsZero() && noted.Before(oldest) {
		oldest = *noted
	}
	return oldest, err
}

// PublishLost writes outbox rows for bookings that were not published again within a minute, and notes that they were.
func (s *Store) PublishLost(ctx context.Context, bookings []models.BookingRef) (published int, err error) {
	err = s.write(ctx, "publish lost bookings again", func(c *conn) error {
		now := s.now()
		published = 0
		byEvent := make(map[models.EventID][]models.BookingID)
		for _, ref := range bookings {
			n, err := c.exec(noteRepublished, ref.Event[:], ref.Booking[:], micros(now), micros(now.Add(-republishedLately)))
			if err != nil {
				return err
			}
			if n > 0 {
				byEvent[ref.Event] = append(byEvent[ref.Event], ref.Booking)
				published++
			}
		}
		for event, ids := range byEvent {
			if err := insertOutboxRow(c, models.OutboxRow{ID: models.NewID[models.BatchID](), Event: event, Bookings: ids},
				now); err != nil {
				return err
			}
		}
		_, err := c.exec(forgetRepublished, micros(now.Add(-republishedEver)))
		return err
	})
	if err != nil {
		return 0, err
	}
	return published, nil
}

// NoteQueue notes the oldest message of a queue that one process keeps.
func (s *Store) NoteQueue(ctx context.Context, member models.BatchID, oldest *models.BookingRef) error {
	return s.write(ctx, "note a process's queue", func(c *conn) error {
		now := s.now()
		at := now
		if oldest != nil {
			created, err := maybe(ctx, c, selectCreated, args{oldest.Booking[:], oldest.Event[:]}, func(r *row) time.Time {
				return r.time()
			})
			if err != nil {
				return err
			}
			if created != nil {
				at = *created
			}
		}
		if _, err := c.exec(noteQueue, member[:], micros(at), micros(now)); err != nil {
			return err
		}
		_, err := c.exec(forgetQueues, micros(now.Add(-memberKept)))
		return err
	})
}
