package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/models"
)

const (
	// The plans of this statement are the planner's own (it runs on the pool for reading): it joins what may be large.
	selectLost = `
		WITH clock AS (SELECT coalesce($1::timestamptz, now()) AS now),
		oldest AS (
			SELECT now, least(now,
				CASE WHEN $2::uuid IS NOT NULL
					THEN coalesce((SELECT created_at FROM bookings WHERE event_id = $2 AND id = $3), '-infinity') END,
				(SELECT min(oldest) FROM queue_members WHERE seen_at > now - interval '30 seconds')) - $4::interval AS at
			FROM clock
		)
		SELECT b.event_id, b.id FROM oldest CROSS JOIN bookings b
		WHERE b.status = 'PENDING' AND b.payment_deadline > now AND b.created_at < oldest.at AND b.charge IS NULL
			AND NOT EXISTS (SELECT FROM republished r WHERE r.event_id = b.event_id AND r.booking_id = b.id
				AND r.at >= least(oldest.at, now - interval '1 minute'))
		ORDER BY b.payment_deadline, b.id`
	selectWaiting = `SELECT o.booking_ids, j.facts FROM outbox o
		LEFT JOIN journal j ON j.event_id = o.event_id AND j.seq = o.seq`
	noteRepublished = `
		WITH noted AS (
			INSERT INTO republished AS r (event_id, booking_id, at)
			SELECT event_id, id, coalesce($1::timestamptz, now()) FROM unnest($2::uuid[], $3::uuid[]) AS k (event_id, id)
			ORDER BY event_id, id
			ON CONFLICT (event_id, booking_id) DO UPDATE SET at = excluded.at WHERE r.at < excluded.at - interval '1 minute'
			RETURNING r.event_id, r.booking_id, r.at
		), written AS (
			INSERT INTO outbox (id, event_id, seq, booking_ids, created_at)
			SELECT k.id, k.event_id, 0, array_agg(n.booking_id ORDER BY n.booking_id), min(n.at)
			FROM unnest($4::uuid[], $5::uuid[]) AS k (id, event_id) JOIN noted n ON n.event_id = k.event_id
			GROUP BY k.id, k.event_id ORDER BY k.event_id
		)
		SELECT count(*) FROM noted`
	// A booking that was published again a day ago is paid, or has expired.
	forgetRepublished = `DELETE FROM republished WHERE at < coalesce($1::timestamptz, now()) - interval '1 day'`
	noteQueue         = `
		INSERT INTO queue_members AS m (id, oldest, seen_at)
		SELECT $2, coalesce((SELECT created_at FROM bookings WHERE event_id = $3 AND id = $4), now), now
		FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
		ON CONFLICT (id) DO UPDATE SET oldest = excluded.oldest, seen_at = excluded.seen_at`
	forgetQueues = `DELETE FROM queue_members WHERE seen_at < coalesce($1::timestamptz, now()) - interval '1 hour'`
)

// LostBookings lists bookings whose message a queue seems to have lost, by deadline and id.
func (s *Store) LostBookings(
	ctx context.Context, held *models.BookingRef, slack time.Duration, limit int,
) ([]models.BookingRef, error) {
	event, booking := maybeRef(held)
	inOutbox := map[models.BookingID]bool{}
	list := []models.BookingRef{}
	err := s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(selectWaiting).Query(func(rows pgx.Rows) error { return readWaiting(rows, inOutbox) })
		batch.Queue(selectLost, s.now(), event, booking, slack).Query(func(rows pgx.Rows) error {
			var ref models.BookingRef
			for rows.Next() && len(list) < limit {
				if err := scanRef(rows, &ref); err != nil {
					return err
				}
				if !inOutbox[ref.Booking] {
					list = append(list, ref)
				}
			}
			return rows.Err()
		})
	})
	return list, wrap("list lost bookings", err)
}

// readWaiting notes the bookings that wait in the outbox.
func readWaiting(rows pgx.Rows, inOutbox map[models.BookingID]bool) error {
	for rows.Next() {
		var ids [][16]byte
		var facts []byte
		if err := rows.Scan(&ids, &facts); err != nil {
			return err
		}
		bookings, err := waiting(ids, facts)
		if err != nil {
			return err
		}
		for _, id := range bookings {
			inOutbox[id] = true
		}
	}
	return rows.Err()
}

// PublishLost writes outbox rows for bookings that were not published again within a minute, and notes that they were.
func (s *Store) PublishLost(ctx context.Context, bookings []models.BookingRef) (published int, err error) {
	refs := orderedRefs(bookings)
	events, ids := refColumns(refs)
	var batches, of []models.EventID
	for _, ref := range refs {
		if len(of) == 0 || of[len(of)-1] != ref.Event {
			batches, of = append(batches, models.EventID(models.NewID[models.BatchID]())), append(of, ref.Event)
		}
	}
	batch := &pgx.Batch{}
	batch.Queue(noteRepublished, s.now(), events, ids, uuids(batches), uuids(of)).QueryRow(func(row pgx.Row) error {
		return row.Scan(&published)
	})
	batch.Queue(forgetRepublished, s.now())
	if err := s.inBatch(ctx, s.desk, batch, "publish lost bookings again"); err != nil {
		return 0, err
	}
	return published, nil
}

// NoteQueue notes the oldest message of a queue that one process keeps.
func (s *Store) NoteQueue(ctx context.Context, member models.BatchID, oldest *models.BookingRef) error {
	event, booking := maybeRef(oldest)
	batch := &pgx.Batch{}
	batch.Queue(noteQueue, s.now(), uuid(member), event, booking)
	batch.Queue(forgetQueues, s.now())
	return s.inBatch(ctx, s.desk, batch, "note a process's queue")
}

// maybeRef returns a booking's columns, NULL for none.
func maybeRef(ref *models.BookingRef) (event, booking pgtype.UUID) {
	if ref == nil {
		return pgtype.UUID{}, pgtype.UUID{}
	}
	return uuid(ref.Event), uuid(ref.Booking)
}
