// Package inprocess is the payment queue of a single process: the same promises as the one on Redis, kept in memory.
//
// Its content dies with the process, so every start is a new epoch: the reconciler sees that the queue has lost what it
// held and publishes it again from the database.
package inprocess

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"quantix/internal/models"
	"quantix/internal/queue"
)

// DefaultMaxLength is how many messages a queue holds unless told otherwise.
const DefaultMaxLength = 100_000

var errClosed = errors.New("the queue is closed")

// Options are a queue's settings; the zero value is sensible.
type Options struct {
	MaxLength int              // messages, delivered ones included; default DefaultMaxLength
	Now       func() time.Time // measures how long a message lies unacknowledged; default time.Now
}

// Queue implements queue.Queue.
type Queue struct {
	options Options
	epoch   string

	mu       sync.Mutex
	closed   bool
	arrived  chan struct{} // closed, and made anew, when messages arrive or the queue is closed
	sequence uint64        // of the newest message
	waiting  []uint64      // not delivered yet, in order; acknowledged ones are skipped
	messages map[uint64]*message
}

// A message is kept until it is acknowledged.
type message struct {
	booking   models.BookingRef
	delivered time.Time // zero: not yet
}

// New opens an empty queue of a new epoch.
func New(o Options) *Queue {
	if o.MaxLength <= 0 {
		o.MaxLength = DefaultMaxLength
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Queue{
		options: o, epoch: uuid.NewString(), arrived: make(chan struct{}), messages: make(map[uint64]*message),
	}
}

// Publish adds a message for each booking, all or none. Errors: queue.ErrFull, or that the queue is closed.
func (q *Queue) Publish(_ context.Context, bookings []models.BookingRef) (models.QueueMark, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return models.QueueMark{}, errClosed
	case len(q.messages)+len(bookings) > q.options.MaxLength:
		return models.QueueMark{}, queue.ErrFull
	}
	for _, b := range bookings {
		q.sequence++
		q.messages[q.sequence] = &message{booking: b}
		q.waiting = append(q.waiting, q.sequence)
	}
	if len(bookings) > 0 {
		q.wake()
	}
	return q.mark(), nil
}

// wake lets every Receive that waits look again.
func (q *Queue) wake() {
	close(q.arrived)
	q.arrived = make(chan struct{})
}

// Receive returns up to limit new messages, waiting for the first at most wait.
func (q *Queue) Receive(ctx context.Context, _ string, limit int, wait time.Duration) ([]queue.Message, error) {
	timer := time.NewTimer(max(wait, 0))
	defer timer.Stop()
	for {
		got, arrived, err := q.take(limit)
		if err != nil || len(got) > 0 || wait <= 0 {
			return got, err
		}
		select {
		case <-arrived:
		case <-timer.C:
			wait = 0 // one last look: a message may have come together with the time's end
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take delivers what waits; or else it gives the channel that tells of new messages.
func (q *Queue) take(limit int) (got []queue.Message, arrived <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, nil, errClosed
	}
	taken := 0
	for _, sequence := range q.waiting {
		if len(got) == limit {
			break
		}
		taken++
		if q.messages[sequence] != nil {
			got = append(got, q.deliver(sequence))
		}
	}
	q.waiting = q.waiting[taken:]
	if len(q.waiting) == 0 {
		q.waiting = nil // lets the memory of a past rush go
	}
	return got, q.arrived, nil
}

func (q *Queue) deliver(sequence uint64) queue.Message {
	m := q.messages[sequence]
	m.delivered = q.options.Now()
	return queue.Message{ID: id(sequence), Booking: m.booking}
}

// Reclaim delivers again what was received at least minIdle ago and is not acknowledged, oldest first.
func (q *Queue) Reclaim(_ context.Context, _ string, minIdle time.Duration, limit int) ([]queue.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, errClosed
	}
	before := q.options.Now().Add(-minIdle)
	var idle []uint64
	for sequence, m := range q.messages {
		if !m.delivered.IsZero() && !m.delivered.After(before) {
			idle = append(idle, sequence)
		}
	}
	slices.Sort(idle)
	var got []queue.Message
	for _, sequence := range idle[:min(limit, len(idle))] {
		got = append(got, q.deliver(sequence))
	}
	return got, nil
}

// Ack removes messages for good; unknown ones are no error.
func (q *Queue) Ack(_ context.Context, messages []queue.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return errClosed
	}
	for _, m := range messages {
		if sequence, ok := parseID(m.ID); ok {
			delete(q.messages, sequence)
		}
	}
	return nil
}

// Oldest returns the oldest message that is not acknowledged.
func (q *Queue) Oldest(context.Context) (*queue.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, errClosed
	}
	oldest := uint64(0)
	for sequence := range q.messages {
		if oldest == 0 || sequence < oldest {
			oldest = sequence
		}
	}
	if oldest == 0 {
		return nil, nil
	}
	return &queue.Message{ID: id(oldest), Booking: q.messages[oldest].booking}, nil
}

// Mark returns how far the queue has got in this process's life.
func (q *Queue) Mark(context.Context) (models.QueueMark, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return models.QueueMark{}, errClosed
	}
	return q.mark(), nil
}

func (q *Queue) mark() models.QueueMark {
	return models.QueueMark{Epoch: q.epoch, LastID: id(q.sequence)}
}

// Depth returns how many messages are not acknowledged.
func (q *Queue) Depth(context.Context) (int64, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, errClosed
	}
	return int64(len(q.messages)), nil
}

// Ping fails only when the queue is closed.
func (q *Queue) Ping(ctx context.Context) error {
	_, err := q.Depth(ctx)
	return err
}

// Close lets everyone who waits go; closing twice is no error.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		q.wake()
	}
	return nil
}

// id has the form of a stream's ids, so that models.QueueMark.OlderThan orders both alike.
func id(sequence uint64) string { return "0-" + strconv.FormatUint(sequence, 10) }

func parseID(id string) (sequence uint64, ok bool) {
	if len(id) < 3 || id[:2] != "0-" {
		return 0, false
	}
	sequence, err := strconv.ParseUint(id[2:], 10, 64)
	return sequence, err == nil
}
