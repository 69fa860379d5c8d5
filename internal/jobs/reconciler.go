package jobs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// ReconcilerStore is what the reconciler needs of the store.
type ReconcilerStore interface {
	QueueMark(ctx context.Context) (models.QueueMark, error)
	UnpaidBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
	Republish(ctx context.Context, rows []models.OutboxRow, mark models.QueueMark) error
	LostBookings(ctx context.Context, held *models.BookingRef, slack time.Duration, limit int) ([]models.BookingRef, error)
	PublishLost(ctx context.Context, bookings []models.BookingRef) (int, error)
}

// Reconciler sees that a queue has lost messages, Redis by a flush or an old snapshot, the one in process by a restart,
// and writes every unpaid booking into the outbox again. Bookings whose charge was started need no message: the retrier
// finds them. A queue may also lose single messages without a sign, and a process that is gone takes its own queue
// along; see lost.go.
type Reconciler struct {
	Settings // Interval: default 2 s
	Store    ReconcilerStore
	Queue    queue.Queue
	Page     int           // bookings read at once; default 1,000
	Slack    time.Duration // how much older than all that is queued a booking must be to be lost; default 30 s
	Search   time.Duration // how often lost ones are looked for; default 10 s

	suspects suspects
}

// Name is "reconciler".
func (r *Reconciler) Name() string { return "reconciler" }

// Run compares queue and store until the context ends, the first time at once.
func (r *Reconciler) Run(ctx context.Context) error {
	r.Page = cmp.Or(r.Page, 1000)
	r.Slack = cmp.Or(r.Slack, 30*time.Second)
	r.Search = cmp.Or(r.Search, 10*time.Second)
	r.Settings = r.withDefaults(2 * time.Second)
	p := poller{Settings: r.Settings, name: r.Name()}
	return p.run(ctx, r.compare)
}

// compare is a round. What is remembered must be read before the queue's mark, which may only be newer.
func (r *Reconciler) compare(ctx context.Context) (republished int, more bool, err error) {
	remembered, err := r.Store.QueueMark(ctx)
	if err != nil {
		return 0, false, err
	}
	now, err := r.Queue.Mark(ctx)
	if err != nil {
		return 0, false, err
	}
	if !queue.Lost(remembered, now) {
		found, err := r.search(ctx)
		return found, false, err
	}
	republished, err = r.republish(ctx, remembered, now)
	if republished > 0 { // at a first start there is nothing, and nothing to say
		r.Logger.Warn("the queue did not have its messages any more; unpaid bookings were published again", "bookings", republished)
	}
	return republished, false, err
}

// republish writes outbox rows page by page. Only the last page remembers the new mark, so that a crash in between
// leaves the loss visible and somebody begins again.
func (r *Reconciler) republish(ctx context.Context, remembered, now models.QueueMark) (total int, err error) {
	var after *models.Position
	for {
		page, err := r.Store.UnpaidBookings(ctx, after, r.Page)
		if err != nil {
			return total, fmt.Errorf("read unpaid bookings: %w", err)
		}
		mark, last := remembered, len(page) < r.Page
		if last {
			mark = now
		} else if kept, err := r.Store.QueueMark(ctx); err != nil || kept != remembered {
			return total, err // a relay has moved the mark on, or another replica was faster: the next round sees
		}
		rows := outboxRows(page)
		if err := retry.Do(ctx, repository.IsConflict, func() error {
			return r.Store.Republish(ctx, rows, mark)
		}); err != nil {
			return total, fmt.Errorf("write the outbox: %w", err)
		}
		total += len(page)
		if last {
			return total, nil
		}
		end := page[len(page)-1]
		after = &models.Position{Time: end.PaymentDeadline, ID: end.ID}
	}
}

// maxInRow bounds the bookings of one outbox row.
const maxInRow = 500

// outboxRows groups bookings by their event, in the order of their first appearance.
func outboxRows(bookings []models.Booking) []models.OutboxRow {
	byEvent := make(map[models.EventID][]models.BookingID)
	var events []models.EventID
	for i := range bookings {
		event := bookings[i].EventID
		if byEvent[event] == nil {
			events = append(events, event)
		}
		byEvent[event] = append(byEvent[event], bookings[i].ID)
	}
	var rows []models.OutboxRow
	for _, event := range events {
		for ids := range slices.Chunk(byEvent[event], maxInRow) {
			rows = append(rows, models.OutboxRow{ID: models.NewID[models.BatchID](), Event: event, Bookings: ids})
		}
	}
	return rows
}
