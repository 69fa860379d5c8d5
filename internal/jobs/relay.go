package jobs

import (
	"cmp"
	"context"
	"errors"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// Relay carries the outbox to the queue: it claims rows under a lease, publishes their bookings, and only then deletes
// the rows, so that every booking is published at least once.
type Relay struct {
	Settings // Interval: default 500 ms
	Store    repository.Outbox
	Queue    queue.Queue
	Wake     <-chan struct{} // optional: a row may have been written just now
	Gather   time.Duration   // pause after a wake, for a round of many rows; default 25 ms, 5 while few book
	Lease    time.Duration   // how long claimed rows are left to this process; default 10 s
	Rows     int             // rows of one round; default 256
	Bookings int             // bookings of one Publish; default 1,000
	GiveWay  GiveWay         // before it claims rows, and then only few; optional

	inHand     []models.OutboxRow // claimed and not yet published
	remembered models.QueueMark   // what the store remembers of the queue, as far as this relay knows
	carried    time.Time          // when a round carried something last
	few        bool               // so few are carried that rounds are cheaper than waiting is dear
}

// While the relay gives way, it only keeps the worker in work: what waits in the queue may as well wait in the outbox.
const (
	enough  = 2000 // messages in the queue
	fewRows = 8
)

// Name is "relay".
func (r *Relay) Name() string { return "relay" }

// Run carries rows until the context ends.
func (r *Relay) Run(ctx context.Context) error {
	r.Gather = cmp.Or(r.Gather, 25*time.Millisecond)
	r.Lease = cmp.Or(r.Lease, 10*time.Second)
	r.Rows = cmp.Or(r.Rows, 256)
	r.Bookings = cmp.Or(r.Bookings, 1000)
	r.Settings = r.withDefaults(500 * time.Millisecond)
	p := poller{Settings: r.Settings, name: r.Name(), wake: r.Wake, gather: r.gather}
	return p.run(ctx, func(ctx context.Context) (published int, more bool, err error) {
		published, more, err = r.carry(ctx)
		r.note(published, time.Now())
		return published, more, err
	})
}

const (
	// fewBookings is how many a second are few, and shortGather the pause for so few.
	fewBookings = 500
	shortGather = 5 * time.Millisecond
)

// note looks at how many bookings a round has carried since the one before.
func (r *Relay) note(published int, now time.Time) {
	if published > 0 {
		r.few = float64(published) < fewBookings*now.Sub(r.carried).Seconds()
		r.carried = now
	}
}

func (r *Relay) gather() time.Duration {
	if r.few {
		return min(r.Gather, shortGather)
	}
	return r.Gather
}

// carry is a round. Rows that could not be published stay in hand for the next one: should their lease run out
// meanwhile, they are published twice, which is harmless.
func (r *Relay) carry(ctx context.Context) (published int, more bool, err error) {
	most := r.Rows
	if len(r.inHand) == 0 {
		if r.GiveWay.pause(ctx) {
			if depth, err := r.Queue.Depth(ctx); err != nil || depth >= enough {
				return 0, false, err
			}
			most = min(most, fewRows)
		}
		if r.inHand, err = r.Store.ClaimOutbox(ctx, most, r.Lease); err != nil || len(r.inHand) == 0 {
			return 0, false, err
		}
	}
	more = len(r.inHand) >= most
	done, published, mark, err := r.publish(ctx)
	if len(done) == 0 {
		return 0, false, err
	}
	mark, markErr := r.safeMark(ctx, mark)
	if markErr == nil {
		markErr = retry.Do(ctx, repository.IsConflict, func() error { return r.Store.DeleteOutbox(ctx, done, mark) })
	}
	if markErr != nil { // the store's trouble goes before the queue's: a full queue alone is none
		err = markErr
	}
	return published, more, err
}

// publish publishes what is in hand, row after row, as far as the queue takes it. A row that was published leaves the
// hand, whatever comes of its deletion: its lease brings it back.
func (r *Relay) publish(ctx context.Context) (done []models.BatchID, published int, mark models.QueueMark, err error) {
	for len(r.inHand) > 0 {
		rows, bookings := nextBookings(r.inHand, r.Bookings)
		newest, err := r.Queue.Publish(ctx, bookings)
		if errors.Is(err, queue.ErrFull) && rows > 1 {
			// There may still be room for less.
			rows, bookings = nextBookings(r.inHand[:1], r.Bookings)
			newest, err = r.Queue.Publish(ctx, bookings)
		}
		if err != nil {
			return done, published, mark, err
		}
		mark, published = newest, published+len(bookings)
		for _, row := range r.inHand[:rows] {
			done = append(done, row.ID)
		}
		r.inHand = r.inHand[rows:]
	}
	return done, published, mark, nil
}

// nextBookings returns the bookings of the first rows, as many rows as fit into most bookings, and at least one.
func nextBookings(rows []models.OutboxRow, most int) (taken int, bookings []models.BookingRef) {
	for _, row := range rows {
		if taken > 0 && len(bookings)+len(row.Bookings) > most {
			break
		}
		for _, b := range row.Bookings {
			bookings = append(bookings, models.BookingRef{Event: row.Event, Booking: b})
		}
		taken++
	}
	return taken, bookings
}

// safeMark returns the mark to remember. When the queue has lost what was remembered, the store goes on remembering the
// old mark until the reconciler has published again: a new one would hide the loss.
func (r *Relay) safeMark(ctx context.Context, mark models.QueueMark) (models.QueueMark, error) {
	if r.remembered.Epoch == "" || queue.Lost(r.remembered, mark) {
		kept, err := r.Store.QueueMark(ctx)
		if err != nil {
			return models.QueueMark{}, err
		}
		r.remembered = kept
	}
	if !queue.Lost(r.remembered, mark) {
		r.remembered = mark
	}
	return r.remembered, nil
}
