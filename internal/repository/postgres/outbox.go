package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/journal"
	"quantix/internal/models"
)

// As for charges (see dueCharges): looked for without a lock, and leased event by event, passing over what is locked.
const (
	dueOutbox = `
		SELECT ctid, event_id FROM outbox
		WHERE id >= $2 AND (leased_until IS NULL OR leased_until <= coalesce($1::timestamptz, now()))
		ORDER BY id LIMIT $3 OFFSET $4`
	claimOutbox = `
		WITH free AS MATERIALIZED (
			SELECT ctid, seq FROM outbox WHERE ctid = ANY($2::tid[]) AND event_id = $4
				AND (leased_until IS NULL OR leased_until <= coalesce($1::timestamptz, now()))
			FOR NO KEY UPDATE SKIP LOCKED
		)
		UPDATE outbox o SET leased_until = coalesce($1::timestamptz, now()) + $3::interval
		FROM free LEFT JOIN LATERAL (SELECT facts FROM journal WHERE event_id = $4 AND seq = free.seq OFFSET 0) j ON true
		WHERE o.ctid = free.ctid AND o.event_id = $4
		RETURNING o.id, o.event_id, o.booking_ids, j.facts`
)

// firstOutbox finds the first row that is there, leased or not: what is before it is gone, but for what comes late.
const firstOutbox = `SELECT id FROM outbox WHERE id >= $1 ORDER BY id LIMIT 1`

// outboxLateness is how much older than a row that is there a row may be that is committed only later: its id was made
// before its transaction, which then waited for a connection and for the event, and perhaps by another machine's clock.
const outboxLateness = 5 * time.Second

// ClaimOutbox takes up to limit rows, oldest first, whose lease (if any) has run out, and leases them.
func (s *Store) ClaimOutbox(ctx context.Context, limit int, lease time.Duration) (list []models.OutboxRow, err error) {
	from := s.polls.outbox.from(uuid(models.BatchID{}))
	var first []models.BatchID
	mark := func(batch *pgx.Batch) {
		batch.Queue(firstOutbox, from).Query(func(rows pgx.Rows) (err error) {
			first, err = collect[models.BatchID](rows, nil, scanID)
			return err
		})
	}
	err = s.claim(ctx, "claim outbox rows", limit, claims{
		look: func(batch *pgx.Batch, skip int) *pgx.QueuedQuery {
			defer mark(batch)
			return batch.Queue(dueOutbox, s.now(), from, limit, skip)
		},
		take: func(batch *pgx.Batch, event pgtype.UUID, places []pgtype.TID) {
			batch.Queue(claimOutbox, s.now(), places, lease, event).Query(func(rows pgx.Rows) error {
				leased, err := collect(rows, nil, scanOutbox)
				list = append(list, leased...)
				return err
			})
		},
		then: mark,
		had:  func() int { return len(list) },
	})
	if err != nil {
		return nil, err
	}
	if len(first) > 0 {
		s.polls.outbox.set(uuid(before(first[0], outboxLateness)))
	}
	slices.SortFunc(list, func(a, b models.OutboxRow) int { return a.ID.Compare(b.ID) })
	return list, nil
}

// before returns the first id that can have been made so long before another.
func before(id models.BatchID, d time.Duration) (earlier models.BatchID) {
	var millis [8]byte // a UUIDv7 begins with 48 bits of them
	copy(millis[2:], id[:6])
	made := int64(binary.BigEndian.Uint64(millis[:]))
	binary.BigEndian.PutUint64(millis[:], uint64(max(made-d.Milliseconds(), 0)))
	copy(earlier[:6], millis[2:])
	return earlier
}

func scanOutbox(row pgx.Row, r *models.OutboxRow) error {
	var ids [][16]byte
	var facts []byte
	err := row.Scan((*[16]byte)(&r.ID), (*[16]byte)(&r.Event), &ids, &facts)
	if err != nil {
		return err
	}
	r.Bookings, err = waiting(ids, facts)
	return err
}

// waiting returns the bookings that a row of the outbox names, or else those that its entry tells of.
func waiting(ids [][16]byte, facts []byte) ([]models.BookingID, error) {
	if facts != nil {
		return journal.Booked(facts)
	}
	named := make([]models.BookingID, len(ids))
	for i, id := range ids {
		named[i] = id
	}
	return named, nil
}

// Of one epoch the newest mark stays: relays may finish out of order.
const (
	deleteOutbox = `DELETE FROM outbox WHERE id = ANY($1)`
	advanceMark  = `
		INSERT INTO queue_state AS q (id, epoch, last_id) VALUES (1, $1, $2)
		ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, last_id = excluded.last_id
		WHERE q.epoch <> excluded.epoch OR ` + streamOrder + `
	`
	streamOrder = `(split_part('0' || q.last_id, '-', 1)::numeric, ('0' || split_part(q.last_id, '-', 2))::numeric)
			< (split_part('0' || excluded.last_id, '-', 1)::numeric, ('0' || split_part(excluded.last_id, '-', 2))::numeric)`
	setMark = `
		INSERT INTO queue_state (id, epoch, last_id) VALUES (1, $1, $2)
		ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, last_id = excluded.last_id`
)

// DeleteOutbox removes rows that were published, and remembers the queue's mark in the same transaction.
func (s *Store) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	batch := &pgx.Batch{}
	batch.Queue(deleteOutbox, uuids(ids))
	if mark != (models.QueueMark{}) {
		batch.Queue(advanceMark, mark.Epoch, mark.LastID)
	}
	return s.inBatch(ctx, s.desk, batch, "delete published outbox rows")
}

// inBatch sends statements as one transaction: pgx closes a batch without BEGIN by one Sync. Whatever writes goes this
// way, or through commit, even when it is one statement: only of a batch pgx tells by a type that none of it was sent.
func (s *Store) inBatch(ctx context.Context, pool *pgxpool.Pool, batch *pgx.Batch, what string) error {
	conn, err := s.acquireFrom(ctx, pool)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer conn.Release()
	return wrapWrite(what, conn.SendBatch(ctx, batch).Close())
}

const selectMark = `SELECT epoch, last_id FROM queue_state WHERE id = 1`

// QueueMark returns the mark remembered last; zero when there is none.
func (s *Store) QueueMark(ctx context.Context) (models.QueueMark, error) {
	var mark models.QueueMark
	err := s.desk.QueryRow(ctx, selectMark).Scan(&mark.Epoch, &mark.LastID)
	if noRows(err) {
		return models.QueueMark{}, nil
	}
	return mark, wrap("read the queue's mark", err)
}

const insertOutbox = `INSERT INTO outbox (id, event_id, seq, booking_ids, created_at)
	VALUES ($1, $2, 0, $3, coalesce($4::timestamptz, now()))`

// Republish writes outbox rows for bookings that a queue has lost and remembers the new mark, in one transaction.
func (s *Store) Republish(ctx context.Context, rows []models.OutboxRow, mark models.QueueMark) error {
	batch := &pgx.Batch{}
	rows = slices.Clone(rows)
	// their keys lock the events
	slices.SortFunc(rows, func(a, b models.OutboxRow) int { return a.Event.Compare(b.Event) })
	for _, r := range rows {
		batch.Queue(insertOutbox, uuid(r.ID), uuid(r.Event), uuids(r.Bookings), s.now())
	}
	if mark != (models.QueueMark{}) {
		batch.Queue(setMark, mark.Epoch, mark.LastID)
	}
	return s.inBatch(ctx, s.desk, batch, "publish bookings again")
}

const selectInstallation = `SELECT id::text FROM installation`

// Installation names this database.
func (s *Store) Installation(ctx context.Context) (name string, err error) {
	err = s.read.QueryRow(ctx, selectInstallation).Scan(&name)
	return name, wrap("read the installation's id", err)
}

const countOutbox = `SELECT count(*) FROM outbox`

// OutboxDepth returns how many rows wait.
func (s *Store) OutboxDepth(ctx context.Context) (depth int64, err error) {
	err = s.read.QueryRow(ctx, countOutbox).Scan(&depth)
	return depth, wrap("count the outbox", err)
}
