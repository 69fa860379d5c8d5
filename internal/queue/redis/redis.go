// Package redis is the payment queue on a Redis stream (Redis 7 or Valkey), shared by any number of processes.
//
// All that it holds may be lost at any time: it heals itself, begins a new epoch, and the reconciler publishes again
// what the database says is unpaid. The stream is never trimmed; at its bound, publishers have to wait.
package redis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/redisconn"
)

// Options are a queue's settings; the zero value of each is a sensible default.
type Options struct {
	Stream    string        // its key; default "payments"
	MaxLength int           // messages that the stream may hold, delivered ones included; default 100,000
	Timeout   time.Duration // of each call, beyond what it may wait for messages; default 3 s
	// ForgetAfter is how long an idle consumer that holds nothing is kept; default 1 h.
	ForgetAfter time.Duration
}

// Queue implements queue.Queue.
type Queue struct {
	client  *goredis.Client
	options Options
	forgot  atomic.Int64 // when consumers were forgotten last, Unix seconds
}

// New makes a queue on the Redis at an address: host:port, or a redis:// or rediss:// URL. It does not connect yet: a
// Redis that is down at the start is as good as one that goes down later. Error: an address that makes no sense.
func New(address string, o Options) (*Queue, error) {
	o.Stream = cmp.Or(o.Stream, "payments")
	o.MaxLength = cmp.Or(o.MaxLength, 100_000)
	o.Timeout = cmp.Or(o.Timeout, 3*time.Second)
	o.ForgetAfter = cmp.Or(o.ForgetAfter, time.Hour)
	settings, err := redisconn.Settings(address, o.Timeout)
	if err != nil {
		return nil, err
	}
	settings.MaxRetries = 1
	return &Queue{client: goredis.NewClient(settings), options: o}, nil
}

// within bounds a call: a Redis that hangs never hangs us.
func (q *Queue) within(ctx context.Context, wait time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, q.options.Timeout+max(wait, 0))
}

func (q *Queue) keys() []string {
	return []string{streamKey(q.options.Stream), epochKey(q.options.Stream)}
}

// Publish adds a message for each booking in one round trip. Error: queue.ErrFull.
func (q *Queue) Publish(ctx context.Context, bookings []models.BookingRef) (models.QueueMark, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	arguments := make([]any, 0, 3+2*len(bookings))
	arguments = append(arguments, groupName, uuid.NewString(), q.options.MaxLength)
	for _, b := range bookings {
		arguments = append(arguments, b.Event.String(), b.Booking.String())
	}
	answer, err := publishScript.Run(ctx, q.client, q.keys(), arguments...).StringSlice()
	switch {
	case err != nil:
		return models.QueueMark{}, fmt.Errorf("publish %d messages: %w", len(bookings), explained(err))
	case len(answer) != 2:
		return models.QueueMark{}, queue.ErrFull
	case len(bookings) == 0:
		return q.Mark(ctx)
	}
	return models.QueueMark{Epoch: answer[0], LastID: answer[1]}, nil
}

// Mark returns the queue's epoch and its newest message ever.
func (q *Queue) Mark(ctx context.Context) (models.QueueMark, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	answer, err := markScript.Run(ctx, q.client, q.keys(), groupName, uuid.NewString()).StringSlice()
	if err != nil {
		return models.QueueMark{}, fmt.Errorf("read the queue's mark: %w", explained(err))
	}
	if len(answer) != 2 {
		return models.QueueMark{}, fmt.Errorf("read the queue's mark: %d values in place of 2", len(answer))
	}
	return models.QueueMark{Epoch: answer[0], LastID: answer[1]}, nil
}

// Oldest returns the stream's first message: delivered ones stay in it until they are acknowledged.
func (q *Queue) Oldest(ctx context.Context) (*queue.Message, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	first, err := q.client.XRangeN(ctx, streamKey(q.options.Stream), "-", "+", 1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the queue's oldest message: %w", err)
	}
	if len(first) == 0 {
		return nil, nil
	}
	oldest := decode(first[0])
	return &oldest, nil
}

// Depth returns the stream's length: what is acknowledged is deleted.
func (q *Queue) Depth(ctx context.Context) (int64, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	depth, err := q.client.XLen(ctx, streamKey(q.options.Stream)).Result()
	if err != nil {
		return 0, fmt.Errorf("read the queue's length: %w", explained(err))
	}
	return depth, nil
}

// Ping reports whether Redis takes what is published: it writes a key beside the stream, which is gone by itself.
func (q *Queue) Ping(ctx context.Context) error {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	if err := q.client.Set(ctx, trialKey(q.options.Stream), "", trialLasts).Err(); err != nil {
		return fmt.Errorf("ping Redis: %w", explained(err))
	}
	return nil
}

// Close closes all connections; calls under way, a waiting Receive too, end with an error.
func (q *Queue) Close() error {
	if err := q.client.Close(); err != nil && !errors.Is(err, goredis.ErrClosed) {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}
