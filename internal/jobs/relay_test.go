package jobs

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/queue/inprocess"
	"quantix/internal/repository"
	"quantix/internal/testkit/shop"
)

func TestRelay_is_woken(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	wake := make(chan struct{}, 1)
	settings := h.settings()
	settings.Interval = time.Hour
	h.start([]Loop{&Relay{Settings: settings, Store: h.Store, Queue: h.queue, Wake: wake}})
	h.BookMany(h.Event(10).ID, 3, simulator.OK)
	wake <- struct{}{}
	h.until("not published", func() bool { n, err := h.queue.Depth(t.Context()); return n == 3 && err == nil })
}

// refusing is a queue that counts how often it was full.
type refusing struct {
	queue.Queue
	refused atomic.Int64
}

func (r *refusing) Publish(ctx context.Context, bookings []models.BookingRef) (models.QueueMark, error) {
	mark, err := r.Queue.Publish(ctx, bookings)
	if errors.Is(err, queue.ErrFull) {
		r.refused.Add(1)
	}
	return mark, err
}

// keeping is an outbox whose rows can be claimed and not deleted.
type keeping struct{ repository.Outbox }

var errKept = errors.New("permission denied")

func (k keeping) DeleteOutbox(context.Context, []models.BatchID, models.QueueMark) error {
	return errKept
}

// A store that is out of order is a fault, whether the queue is full as well or not.
func TestRelay_tells_of_the_store_beside_a_full_queue(t *testing.T) {
	t.Parallel()
	h := newHouse(t, inprocess.New(inprocess.Options{MaxLength: 25}), simulator.Options{})
	for range 3 {
		h.BookMany(h.Event(1000).ID, 10, simulator.OK)
	}
	r := &Relay{Settings: h.settings(), Store: keeping{h.Store}, Queue: h.queue, Lease: time.Minute, Rows: 256, Bookings: 10}
	published, _, err := r.carry(t.Context())
	if published != 20 || !errors.Is(err, errKept) || worthLogging(err) == nil {
		t.Errorf("published %d, error %v; want 20 and the store's", published, err)
	}
}

// A full queue pauses the relay; nothing is lost, and everything is carried as soon as there is room.
func TestRelay_waits_while_the_queue_is_full(t *testing.T) {
	t.Parallel()
	small := &refusing{Queue: inprocess.New(inprocess.Options{MaxLength: 25})}
	h := newHouse(t, small, simulator.Options{})
	event := h.Event(1000).ID
	stop := h.start(h.loops("relay"))
	var refs []models.BookingRef
	for range 10 {
		refs = append(refs, h.BookMany(event, 10, simulator.OK)...)
	}
	h.until("the queue is not full", func() bool { return small.refused.Load() > 4 })
	if n, err := h.queue.Depth(t.Context()); n != 20 || err != nil {
		t.Errorf("depth %d, error %v", n, err)
	}
	if n := h.tally.of("relay errors"); n != 0 {
		t.Errorf("%d rounds failed, for the metrics: a full queue is no fault", n)
	}
	stop()
	h.start(h.loops())
	h.clock.skip(10 * time.Second) // the lease of what the first relay had in hand
	h.wait("CONFIRMED", refs...)
	h.chargedOnce(refs...)
}

// rowsClaimed is an outbox that notes how many rows are asked for, and has none.
type rowsClaimed struct {
	repository.Outbox
	limits []int
}

func (r *rowsClaimed) ClaimOutbox(_ context.Context, limit int, _ time.Duration) ([]models.OutboxRow, error) {
	r.limits = append(r.limits, limit)
	return nil, nil
}

// deep is a queue that holds so many messages.
type deep struct {
	queue.Queue
	depth int64
}

func (d *deep) Depth(context.Context) (int64, error) { return d.depth, nil }

// While buyers are in need the relay keeps the worker in work, and does no more.
func TestRelay_gives_way(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		need := 200 * time.Millisecond
		outbox, q := &rowsClaimed{}, &deep{}
		r := &Relay{Store: outbox, Queue: q, Settings: Settings{Interval: time.Nanosecond}, GiveWay: func() time.Duration { return need }}
		second := func(want ...int) {
			t.Helper()
			outbox.limits = nil
			ctx, cancel := context.WithTimeout(t.Context(), time.Second-1)
			defer cancel()
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(want, outbox.limits); diff != "" {
				t.Errorf("rows asked for in a second: %s", diff)
			}
		}
		second(fewRows, fewRows, fewRows, fewRows, fewRows)
		q.depth = enough
		second()
		need = 0
		if _, _, err := r.carry(t.Context()); err != nil || len(outbox.limits) != 1 || outbox.limits[0] <= fewRows {
			t.Errorf("when nobody is in need it asks for %v rows, %v", outbox.limits, err)
		}
	})
}

// A row that points to an entry which somebody has deleted names no bookings. It must not stand in the way of the
// others, nor stay for good.
func TestRelay_passes_over_a_row_without_bookings(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		h := newHouse(t, q, simulator.Options{})
		h.BookMany(h.Event(10).ID, 3, simulator.OK)
		rows, err := h.Store.ClaimOutbox(t.Context(), 100, time.Minute)
		if err != nil || len(rows) == 0 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		empty := models.OutboxRow{ID: models.NewID[models.BatchID](), Event: rows[0].Event}
		outbox := &handed{Outbox: h.Store, rows: append([]models.OutboxRow{empty}, rows...)}
		h.start([]Loop{&Relay{Settings: h.settings(), Store: outbox, Queue: q, Bookings: 1}})
		h.until("not published", func() bool { n, err := q.Depth(t.Context()); return n == 3 && err == nil })
		h.until("not deleted", func() bool { n, err := h.Store.OutboxDepth(t.Context()); return n == 0 && err == nil })
		h.until("the empty row was not deleted", func() bool { return outbox.has(empty.ID) })
	})
}

// handed is an outbox that gives out certain rows once, and notes which are deleted.
type handed struct {
	repository.Outbox
	mu      sync.Mutex
	rows    []models.OutboxRow
	deleted []models.BatchID
}

func (h *handed) ClaimOutbox(context.Context, int, time.Duration) ([]models.OutboxRow, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows := h.rows
	h.rows = nil
	return rows, nil
}

func (h *handed) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	h.mu.Lock()
	h.deleted = append(h.deleted, ids...)
	h.mu.Unlock()
	return h.Outbox.DeleteOutbox(ctx, ids, mark)
}

func (h *handed) has(id models.BatchID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.deleted, id)
}

func TestNextBookings_keeps_rows_whole(t *testing.T) {
	t.Parallel()
	event := models.NewID[models.EventID]()
	row := func(n int) models.OutboxRow {
		r := models.OutboxRow{ID: models.NewID[models.BatchID](), Event: event}
		for range n {
			r.Bookings = append(r.Bookings, models.NewID[models.BookingID]())
		}
		return r
	}
	rows := []models.OutboxRow{row(5), row(3), row(4), row(20), row(1)}
	var sizes [][2]int
	for len(rows) > 0 {
		taken, bookings := nextBookings(rows, 10)
		sizes = append(sizes, [2]int{taken, len(bookings)})
		rows = rows[taken:]
	}
	if diff := cmp.Diff([][2]int{{2, 8}, {1, 4}, {1, 20}, {1, 1}}, sizes); diff != "" {
		t.Errorf("rows and bookings of each publish (-want +got):\n%s", diff)
	}
}

// stubborn is a store that refuses to start one booking's charge, until it is told to.
type stubborn struct {
	shop.Store
	culprit models.BookingID
	healed  atomic.Bool
}

func (s *stubborn) StartCharges(ctx context.Context, gateway string, refs []models.BookingRef, lease time.Duration) ([]repository.Start, error) {
	for _, ref := range refs {
		if ref.Booking == s.culprit && !s.healed.Load() {
			return nil, repository.ErrRejected
		}
	}
	return s.Store.StartCharges(ctx, gateway, refs, lease)
}

// A charge that cannot be started now is a sale all the same: its message stays, whatever the store said, and holds up
// nobody.
func TestWorker_keeps_the_message_of_a_booking_that_the_database_refuses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	refs := h.BookMany(h.Event(100).ID, 20, simulator.OK)
	h.clearOutbox(h.publish(refs))
	healthy, store := h.Store, &stubborn{Store: h.Store, culprit: refs[7].Booking}
	h.Store = store
	h.start(h.loops("worker", "reclaimer"))
	h.Store = healthy
	h.wait("CONFIRMED", append(refs[:7:7], refs[8:]...)...)
	h.until("it was not tried again", func() bool { return h.tally.of("reclaimer errors") > 0 })
	if n, err := h.queue.Depth(t.Context()); n != 1 || err != nil || len(h.Letters()) > 0 {
		t.Errorf("%d messages are left (%v), and %d letters; want the one message and no letter", n, err, len(h.Letters()))
	}
	store.healed.Store(true)
	h.wait("CONFIRMED", refs...)
	h.chargedOnce(refs...)
}

// The store goes away from a worker that holds messages. They stay until their charges are on disk.
func TestWorker_keeps_messages_while_the_store_is_down(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		h := newHouse(t, q, simulator.Options{})
		refs := h.BookMany(h.Event(100).ID, 20, simulator.OK)
		h.clearOutbox(h.publish(refs))
		healthy, store := h.Store, &downStore{Store: h.Store}
		store.down.Store(true)
		h.Store = store
		h.start(h.loops("worker", "reclaimer"))
		h.Store = healthy
		h.until("the worker took no message", func() bool { return h.tally.of("worker errors") > 0 })
		if n, err := h.queue.Depth(t.Context()); n != int64(len(refs)) || err != nil {
			t.Fatalf("%d messages are left (%v), want all %d", n, err, len(refs))
		}
		store.down.Store(false)
		h.wait("CONFIRMED", refs...)
		h.chargedOnce(refs...)
	})
}

// The intake of a message that was set aside before makes no second letter.
func TestIntake_of_a_redelivered_message(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	in := intake{queue: h.queue, payments: h.newPayments(), letters: h.Store, logger: h.logger}
	bad := message("1-1", errors.New("nonsense"))
	for range 3 {
		if n, err := in.take(t.Context(), bad); n != 1 || err != nil {
			t.Fatalf("took %d, error %v", n, err)
		}
	}
	if _, err := in.take(t.Context(), message("1-2", errors.New("nonsense"))); err != nil {
		t.Fatal(err)
	}
	if letters := h.Letters(); len(letters) != 2 {
		t.Errorf("%d letters, want one for each message", len(letters))
	}
}

func message(id string, err error) []queue.Message {
	return []queue.Message{{ID: id, Raw: `{"what":"ever"}`, Err: err}}
}
