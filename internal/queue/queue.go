// Package queue holds the port to the payment queue. The adapters redis and inprocess implement it, and queuetest is
// the suite that both must pass.
//
// A queue is never the truth: every booking in it is PENDING in the store, and what a queue loses is found again there.
package queue

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
)

// ErrFull says that the queue is at its bound; publish again later. Nothing of the call was published.
var ErrFull = errors.New("the queue is full")

// Refusal says why a queue's server takes nothing though it answers, and what to do about it.
type Refusal struct {
	Code   string // its own word for it, such as "OOM"
	Remedy string
	Err    error
}

// Error is the server's own sentence.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns the driver's error.
func (r *Refusal) Unwrap() error { return r.Err }

// Message says that a booking waits for its payment.
type Message struct {
	ID      string
	Booking models.BookingRef
	Raw     string // what was read, for messages that make no sense
	Err     error  // why the message makes no sense; then Booking is zero
}

// Queue delivers each message at least once, to one consumer at a time.
type Queue interface {
	// Publish adds a message for each booking, in order, in one round trip, and returns the mark after the last one.
	Publish(ctx context.Context, bookings []models.BookingRef) (models.QueueMark, error)
	// Receive returns up to limit new messages to a consumer, waiting for the first at most wait. None is no error.
	Receive(ctx context.Context, consumer string, limit int, wait time.Duration) ([]Message, error)
	// Reclaim hands a consumer up to limit messages that another one received and has not acknowledged for minIdle.
	Reclaim(ctx context.Context, consumer string, minIdle time.Duration, limit int) ([]Message, error)
	// Ack removes messages for good.
	Ack(ctx context.Context, messages []Message) error
	// Oldest returns the message that was published before all others that it holds, delivered and unacknowledged ones
	// included; nil when it holds none.
	Oldest(ctx context.Context) (*Message, error)
	// Mark returns how far the queue has got, starting a new epoch when its data has none.
	Mark(ctx context.Context) (models.QueueMark, error)
	// Depth returns how many messages it holds, delivered and unacknowledged ones included.
	Depth(ctx context.Context) (int64, error)
	// Ping reports whether it takes what is published, by a small write that nobody sees: one that only answers may be
	// full, or a replica.
	Ping(ctx context.Context) error
	// Close lets go of it; a Receive that waits returns.
	Close() error
}

// Lost reports whether a queue that shows the mark now has lost messages since another mark was remembered.
func Lost(remembered, now models.QueueMark) bool {
	if remembered.Epoch == "" {
		return false
	}
	return remembered.Epoch != now.Epoch || now.OlderThan(remembered)
}
