package sqlite

import (
	"context"
	"errors"
	"time"

	"quantix/internal/journal"
	"quantix/internal/models"
)

const (
	insertEntry   = `INSERT INTO journal (event_id, seq, at, facts) VALUES (?, ?, ?, ?)`
	selectSpan    = `SELECT min(seq), max(seq) FROM journal WHERE event_id = ?`
	selectEntries = `SELECT event_id, seq, at, facts, n FROM journal WHERE event_id = ? AND seq > ? ORDER BY seq LIMIT ?`
)

func readEntry(r *row) (e models.Entry) {
	e.Event, e.Seq, e.At = r.id(), r.int(), r.time()
	var err error
	if e.Currency, e.Facts, err = journal.Decode(r.bytes()); err != nil && r.err == nil {
		r.err = err
	}
	e.Place.Tx = r.int()
	return e
}

// collectEntries reads entries up to the one that reaches a page's bound.
func collectEntries(ctx context.Context, c *conn, text string, values args) ([]models.Entry, error) {
	list, bytes := []models.Entry{}, 0
	err := c.query(ctx, text, values, func(r *row) error {
		stored, _ := r.values[3].([]byte)
		list = append(list, readEntry(r))
		if bytes += len(stored); bytes >= models.MaxEntryBytes {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

// Journal returns a piece of an event's journal.
func (s *Store) Journal(
	ctx context.Context, event models.EventID, after int64, limit int,
) (page models.JournalPage, err error) {
	err = s.snapshot(ctx, "read an event's journal", func(c *conn) error {
		err := c.query(ctx, selectSpan, args{event[:]}, func(r *row) error {
			page.First, page.Last = r.int(), r.int()
			return nil
		})
		if err != nil {
			return err
		}
		if page.Last == 0 { // every event has a journal
			return models.ErrEventNotFound
		}
		page.Entries, err = collectEntries(ctx, c, selectEntries, args{event[:], after, int64(limit)})
		return err
	})
	if err != nil {
		return models.JournalPage{}, err
	}
	for i := range page.Entries {
		page.Entries[i].Place = models.FeedPlace{}
	}
	return page, nil
}

const (
	selectFeedState = `SELECT epoch, pruned, (SELECT coalesce(max(n), 0) FROM journal) FROM journal_state`
	selectFeed      = `SELECT event_id, seq, at, facts, n FROM journal WHERE n > ? ORDER BY n LIMIT ?`
)

// Feed returns entries of all events after a place. There is one writer: whatever is committed later has a higher
// number.
func (s *Store) Feed(ctx context.Context, after *models.FeedPlace, limit int) (list []models.Entry, err error) {
	var from models.FeedPlace
	if after != nil {
		from = *after
	}
	err = s.snapshot(ctx, "read the feed", func(c *conn) error {
		var epoch, pruned, newest int64
		err := c.query(ctx, selectFeedState, nil, func(r *row) error {
			epoch, pruned, newest = r.int(), r.int(), r.int()
			return nil
		})
		switch {
		case err != nil:
			return err
		case after != nil && (!from.Of(uint32(epoch)) || from.Tx > newest):
			return models.ErrFeedAhead
		case after != nil && from.Tx < pruned && !from.Anew():
			return models.ErrFeedGone
		}
		list, err = collectEntries(ctx, c, selectFeed, args{from.Tx, int64(limit)})
		for i := range list {
			e := &list[i]
			e.Place = models.FeedPlace{Epoch: uint32(epoch), Tx: e.Place.Tx, Event: e.Event, Seq: e.Seq}
			if e.Place.Tx < pruned && (after == nil || from.Anew()) {
				e.Place = e.Place.AsAnew()
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// The ids are a list of their own, for json_each has a column that is called id, too.
const selectEventsByID = `SELECT ` + wholeEvent + ` FROM events WHERE id IN (SELECT unhex(k.value) FROM json_each(?) k)`

// EventsByID returns those of some events that there are, deleted or not, as they stand now.
func (s *Store) EventsByID(ctx context.Context, ids []models.EventID) ([]models.Event, error) {
	return list(ctx, s, "read events", selectEventsByID, args{idSet(ids)}, readEvent)
}

const (
	// What the outbox points to is still to be read by the relay.
	selectOldEntries = `SELECT seq, n, facts FROM journal
		WHERE event_id = ?1 AND at < ?2 AND seq < (SELECT max(seq) FROM journal WHERE event_id = ?1)
			AND seq < coalesce((SELECT min(seq) FROM outbox WHERE event_id = ?1 AND seq > 0), 9223372036854775807)
		ORDER BY seq LIMIT ?3`
	deleteEntries  = `DELETE FROM journal WHERE event_id = ? AND seq < ?`
	replaceEntry   = `UPDATE journal SET facts = ? WHERE event_id = ? AND seq = ?`
	rememberPruned = `UPDATE journal_state SET pruned = max(pruned, ?)`
)

// PruneJournal replaces the oldest entries of an event that are older than an age by one that opens with their sum.
func (s *Store) PruneJournal(
	ctx context.Context, event models.EventID, age time.Duration, limit int,
) (gone int, err error) {
	err = s.write(ctx, "prune an event's journal", func(c *conn) error {
		var sum models.JournalSum
		var currency models.Currency
		var rows int
		var newest int64
		err := c.query(context.Background(), selectOldEntries, args{event[:], micros(s.now().Add(-age)), int64(limit)},
			func(r *row) error {
				seq, n, facts := r.int(), r.int(), r.bytes()
				if err := journal.Fold(&sum, seq, facts); err != nil {
					return err
				}
				rows, newest, currency = rows+1, max(newest, n), models.Currency(facts[1:4])
				return nil
			})
		if err != nil || rows < 2 || !sum.Begun {
			gone = 0
			return err
		}
		if _, err := c.exec(deleteEntries, event[:], sum.Last); err != nil {
			return err
		}
		if err := c.one(replaceEntry, journal.Opening(currency, sum.Balance), event[:], sum.Last); err != nil {
			return err
		}
		gone = rows - 1
		return c.one(rememberPruned, newest)
	})
	if err != nil {
		return 0, err
	}
	return gone, nil
}

// MendFeed has nothing to do: a copy of the file carries its numbers along.
func (s *Store) MendFeed(context.Context) (bool, error) { return false, nil }
