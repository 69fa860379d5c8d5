package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/models"
)

// claims is how rows are looked for and taken.
type claims struct {
	// places and events of what may be taken, without a lock
	look func(batch *pgx.Batch, skip int) *pgx.QueuedQuery
	take func(batch *pgx.Batch, event pgtype.UUID, places []pgtype.TID) // one event's
	then func(batch *pgx.Batch)                                         // behind the last event's
	had  func() int                                                     // how many were taken
}

// maxSkipped is how many times a claim looks further because what it had found was somebody else's. While a gateway has
// little room, claims are of one row each.
const maxSkipped = 32

// claim takes up to limit rows in two round trips; in one, when there are none.
func (s *Store) claim(ctx context.Context, what string, limit int, c claims) error {
	skip := 0
	for range maxSkipped {
		found, err := s.lookFor(ctx, what, c, skip)
		if err != nil || len(found) == 0 {
			return err
		}
		before := c.had()
		if err := s.takeAll(ctx, what, c, found[:min(len(found), limit-before)]); err != nil {
			return err
		}
		if len(found) < limit || c.had() > before {
			return nil // the rest may as well wait for the next call
		}
		skip += len(found)
	}
	return nil
}

// A place is where a row was seen.
type place struct {
	tid   pgtype.TID
	event models.EventID
}

func (s *Store) lookFor(ctx context.Context, what string, c claims, skip int) (found []place, err error) {
	batch := &pgx.Batch{}
	c.look(batch, skip).Query(func(rows pgx.Rows) (err error) {
		found, err = collect(rows, nil, func(row pgx.Row, p *place) error { return row.Scan(&p.tid, (*[16]byte)(&p.event)) })
		return err
	})
	err = s.inBatch(ctx, s.desk, batch, what)
	return found, err
}

// takeAll takes event by event, in the order in which everybody does.
func (s *Store) takeAll(ctx context.Context, what string, c claims, found []place) error {
	slices.SortStableFunc(found, func(a, b place) int { return a.event.Compare(b.event) })
	batch := &pgx.Batch{}
	for len(found) > 0 {
		event, n := found[0].event, 0
		var places []pgtype.TID
		for ; n < len(found) && found[n].event == event; n++ {
			places = append(places, found[n].tid)
		}
		c.take(batch, uuid(event), places)
		found = found[n:]
	}
	c.then(batch)
	return s.inBatch(ctx, s.desk, batch, what)
}
