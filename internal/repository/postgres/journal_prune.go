package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/journal"
	"quantix/internal/models"
)

const (
	// What the outbox points to is still to be read by the relay. Two that prune the same event wait for each other at
	// its first entry, and the second sees what the first has left.
	lockOldEntries = `
		SELECT seq, tx::text::bigint, facts FROM journal j
		WHERE event_id = $1 AND at < coalesce($2::timestamptz, now()) - $3::interval
			AND seq < (SELECT journal_seq FROM event_stock WHERE event_id = $1)
			AND seq < coalesce((SELECT min(o.seq) FROM outbox o WHERE o.event_id = $1 AND o.seq > 0), 9223372036854775807)
		ORDER BY seq LIMIT $4 FOR NO KEY UPDATE`
	deleteEntries  = `DELETE FROM journal WHERE event_id = $1 AND seq < $2`
	replaceEntry   = `UPDATE journal SET facts = $3 WHERE event_id = $1 AND seq = $2`
	rememberPruned = `UPDATE journal_state SET pruned = greatest(pruned, $1::text::xid8)`
)

// pruned is what the oldest entries of an event come to.
type pruned struct {
	sum      models.JournalSum
	currency models.Currency
	rows     int
	tx       int64 // the newest of their transactions
}

// PruneJournal replaces the oldest entries of an event that are older than an age by one that opens with their sum.
func (s *Store) PruneJournal(
	ctx context.Context, event models.EventID, age time.Duration, limit int,
) (gone int, err error) {
	const what = "prune an event's journal"
	conn, err := s.acquireFrom(ctx, s.read)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	defer s.rollback(ctx, conn)
	old, err := s.oldEntries(ctx, conn, event, age, limit)
	if err != nil || old.rows < 2 || !old.sum.Begun {
		return 0, wrap(what, err)
	}
	batch := &pgx.Batch{}
	batch.Queue(deleteEntries, uuid(event), old.sum.Last)
	batch.Queue(replaceEntry, uuid(event), old.sum.Last, journal.Opening(old.currency, old.sum.Balance))
	batch.Queue(rememberPruned, strconv.FormatInt(old.tx, 10))
	if err := s.commit(ctx, conn, batch, what); err != nil {
		return 0, err
	}
	return old.rows - 1, nil
}

func (s *Store) oldEntries(
	ctx context.Context, conn *pgxpool.Conn, event models.EventID, age time.Duration, limit int,
) (old pruned, err error) {
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(lockOldEntries, uuid(event), s.now(), age, limit).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var seq, tx int64
			var facts []byte
			if err := rows.Scan(&seq, &tx, &facts); err != nil {
				return err
			}
			if err := journal.Fold(&old.sum, seq, facts); err != nil {
				return err
			}
			old.rows, old.tx, old.currency = old.rows+1, max(old.tx, tx), models.Currency(facts[1:4])
		}
		return rows.Err()
	})
	return old, conn.SendBatch(ctx, batch).Close()
}

// A dump carries the numbers of its server's transactions to one that has not come so far. All entries then get new
// numbers, in the order in which they were read, and of each event in that of their seqs: numbers below the oldest
// transaction that is still at work, so that whatever comes from now on comes after them; and many, so that pages are
// found without sorting all.
const (
	lockFeedState = `SELECT FROM journal_state FOR NO KEY UPDATE`
	restampFeed   = `
		WITH behind AS MATERIALIZED (
			SELECT least(pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 3, 2147483647)::integer AS room
			WHERE EXISTS (SELECT FROM journal WHERE tx >= pg_snapshot_xmax(pg_current_snapshot()))
		), ordered AS (
			SELECT event_id, seq, max(tx::text::bigint) OVER (PARTITION BY event_id ORDER BY seq) AS tx FROM journal
		), numbered AS (
			SELECT event_id, seq, 2 + ntile((SELECT room FROM behind)) OVER (ORDER BY tx, event_id, seq) AS tx
			FROM ordered WHERE EXISTS (SELECT FROM behind)
		), stamped AS (
			UPDATE journal j SET tx = n.tx::text::xid8 FROM numbered n WHERE j.event_id = n.event_id AND j.seq = n.seq
		)
		UPDATE journal_state SET epoch = floor(random() * 2147483647)::integer, pruned = '0' FROM behind RETURNING 1`
)

// MendFeed begins a new epoch of the feed if this database's numbers are behind those of its journal.
func (s *Store) MendFeed(ctx context.Context) (mended bool, err error) {
	batch := &pgx.Batch{}
	batch.Queue(`SET LOCAL statement_timeout = 0`)
	batch.Queue(lockFeedState)
	batch.Queue(restampFeed).Query(func(rows pgx.Rows) error {
		mended = rows.Next()
		return rows.Err()
	})
	err = s.inBatch(ctx, s.read, batch, "begin a new epoch of the feed")
	return mended, err
}
