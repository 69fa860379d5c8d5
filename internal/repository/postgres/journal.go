package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/journal"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// The length of a value is known without reading it: entries behind a page's bound are not sent.
const (
	selectSpan = `SELECT coalesce((SELECT min(seq) FROM journal WHERE event_id = $1), 0), journal_seq
		FROM event_stock WHERE event_id = $1`
	selectEntries = `
		SELECT event_id, seq, at, facts, 0 FROM (
			SELECT event_id, seq, at, facts, sum(octet_length(facts)) OVER (ORDER BY seq) - octet_length(facts) AS before
			FROM (SELECT * FROM journal WHERE event_id = $1 AND seq > $2 ORDER BY seq LIMIT $3) page
		) sized WHERE before < $4 ORDER BY seq`
)

// Journal returns a piece of an event's journal.
func (s *Store) Journal(
	ctx context.Context, event models.EventID, after int64, limit int,
) (page models.JournalPage, err error) {
	err = s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(selectSpan, uuid(event)).QueryRow(func(row pgx.Row) error { return row.Scan(&page.First, &page.Last) })
		batch.Queue(selectEntries, uuid(event), after, limit, models.MaxEntryBytes).Query(func(rows pgx.Rows) (err error) {
			page.Entries, err = collect(rows, nil, scanEntry)
			return err
		})
	})
	if noRows(err) {
		return models.JournalPage{}, models.ErrEventNotFound
	}
	return page, wrap("read an event's journal", err)
}

func scanEntry(row pgx.Row, e *models.Entry) error {
	var facts pgtype.DriverBytes
	err := row.Scan((*[16]byte)(&e.Event), &e.Seq, &e.At, &facts, &e.Place.Tx)
	if err != nil {
		return err
	}
	utc(&e.At)
	e.Currency, e.Facts, err = journal.Decode(facts)
	return err
}

// The feed is in the order of transactions' numbers. All those below the snapshot's xmin have ended, so that none of
// them can bring an entry any more: only theirs are read. What writes takes a number, so that a long transaction that
// only reads, such as a backup, holds up nobody.
const (
	selectFeedState = `SELECT epoch, pruned::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint,
		coalesce((SELECT tx::text::bigint FROM journal ORDER BY tx DESC LIMIT 1), 0) FROM journal_state`
	selectFeed = `
		SELECT event_id, seq, at, facts, tx::text::bigint FROM (
			SELECT event_id, seq, at, facts, tx,
				sum(octet_length(facts)) OVER (ORDER BY tx, event_id, seq) - octet_length(facts) AS before
			FROM (
				SELECT * FROM journal
				WHERE tx >= $1::text::xid8 AND (tx, event_id, seq) > ($1::text::xid8, $2, $3)
					AND tx < pg_snapshot_xmin(pg_current_snapshot())
				ORDER BY tx, event_id, seq LIMIT $4
			) page
		) sized WHERE before < $5 ORDER BY tx, event_id, seq`
)

// Feed returns entries of all events after a place.
func (s *Store) Feed(ctx context.Context, after *models.FeedPlace, limit int) (list []models.Entry, err error) {
	var from models.FeedPlace
	if after != nil {
		from = *after
	}
	var epoch uint32
	var pruned, next, newest int64
	err = s.snapshot(ctx, func(batch *pgx.Batch) {
		batch.Queue(selectFeedState).QueryRow(func(row pgx.Row) error { return row.Scan(&epoch, &pruned, &next, &newest) })
		batch.Queue(selectFeed, strconv.FormatInt(from.Tx, 10), uuid(from.Event), from.Seq, limit,
			models.MaxEntryBytes).Query(func(rows pgx.Rows) (err error) {
			list, err = collect(rows, nil, scanEntry)
			return err
		})
	})
	switch {
	case err != nil:
		return nil, wrap("read the feed", err)
	case newest >= next:
		return nil, fmt.Errorf("%w: the feed is of another server; a worker puts it in order", repository.ErrUnavailable)
	case after != nil && (!from.Of(epoch) || from.Tx >= next):
		return nil, models.ErrFeedAhead
	case after != nil && from.Tx <= pruned && !from.Anew():
		return nil, models.ErrFeedGone
	}
	for i := range list {
		e := &list[i]
		e.Place = models.FeedPlace{Epoch: epoch, Tx: e.Place.Tx, Event: e.Event, Seq: e.Seq}
		if e.Place.Tx <= pruned && (after == nil || from.Anew()) {
			e.Place = e.Place.AsAnew()
		}
	}
	return list, nil
}

const selectEventsByID = wholeEvents + ` WHERE e.id = ANY($1)`

// EventsByID returns those of some events that there are, deleted or not, as they stand now.
func (s *Store) EventsByID(ctx context.Context, ids []models.EventID) ([]models.Event, error) {
	rows, err := s.read.Query(ctx, selectEventsByID, uuids(ids))
	list, err := collect(rows, err, scanEvent)
	return list, wrap("read events", err)
}
