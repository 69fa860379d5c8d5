package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/models"
	"quantix/internal/queue"
)

// Receive returns new messages to a consumer of the group.
func (q *Queue) Receive(ctx context.Context, consumer string, limit int, wait time.Duration) ([]queue.Message, error) {
	ctx, cancel := q.within(ctx, wait)
	defer cancel()
	var got []queue.Message
	err := q.healed(ctx, func() error {
		streams, err := q.client.XReadGroup(ctx, &goredis.XReadGroupArgs{
			Group: groupName, Consumer: consumer, Streams: []string{streamKey(q.options.Stream), ">"},
			Count: int64(limit), Block: block(wait),
		}).Result()
		if errors.Is(err, goredis.Nil) {
			return nil
		}
		for _, s := range streams {
			got = append(got, decodeAll(s.Messages)...)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("receive messages: %w", explained(err))
	}
	return got, nil
}

// block returns XREADGROUP's BLOCK: zero would be for ever, a negative one is not to wait.
func block(wait time.Duration) time.Duration {
	if wait <= 0 {
		return -1
	}
	return max(wait, time.Millisecond)
}

// healed makes the group again when it is gone, with all the data or alone, and then repeats the call once.
func (q *Queue) healed(ctx context.Context, call func() error) error {
	err := call()
	if said := code(err); said != "NOGROUP" && said != "UNBLOCKED" {
		return err
	}
	if _, err := q.Mark(ctx); err != nil {
		return err
	}
	return call()
}

// code returns the first word of what Redis itself said, which is its code; empty when it said nothing.
func code(err error) string {
	said, is := errors.AsType[goredis.Error](err)
	if !is {
		return ""
	}
	word, _, _ := strings.Cut(said.Error(), " ")
	return word
}

// Reclaim gives a consumer what lies unacknowledged for minIdle, oldest first.
func (q *Queue) Reclaim(
	ctx context.Context, consumer string, minIdle time.Duration, limit int,
) ([]queue.Message, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	var got []queue.Message
	start := "0-0"
	err := q.healed(ctx, func() error {
		for len(got) < limit {
			messages, next, err := q.client.XAutoClaim(ctx, &goredis.XAutoClaimArgs{
				Stream: streamKey(q.options.Stream), Group: groupName, Consumer: consumer,
				MinIdle: minIdle, Start: start, Count: int64(limit - len(got)),
			}).Result()
			got = append(got, decodeAll(messages)...)
			if err != nil || next == "0-0" {
				return err
			}
			start = next
		}
		return nil
	})
	if err == nil {
		err = q.forget(ctx)
	}
	if err != nil && len(got) == 0 {
		return nil, fmt.Errorf("reclaim messages: %w", explained(err))
	}
	return got, nil // what was claimed is ours now; an error after it will come again
}

// forget drops consumers that are long gone, now and then.
func (q *Queue) forget(ctx context.Context) error {
	now, last := time.Now().Unix(), q.forgot.Load()
	if now-last < int64(q.options.ForgetAfter/time.Second)/6 || !q.forgot.CompareAndSwap(last, now) {
		return nil
	}
	return forgetScript.Run(ctx, q.client, q.keys()[:1], groupName, q.options.ForgetAfter.Milliseconds()).Err()
}

// Ack removes messages from the group and from the stream in one round trip.
func (q *Queue) Ack(ctx context.Context, messages []queue.Message) error {
	if len(messages) == 0 {
		return nil
	}
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	ids := make([]string, len(messages))
	for i, m := range messages {
		ids[i] = m.ID
	}
	_, err := q.client.Pipelined(ctx, func(p goredis.Pipeliner) error {
		p.XAck(ctx, streamKey(q.options.Stream), groupName, ids...)
		p.XDel(ctx, streamKey(q.options.Stream), ids...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("acknowledge %d messages: %w", len(messages), explained(err))
	}
	return nil
}

func decodeAll(read []goredis.XMessage) []queue.Message {
	messages := make([]queue.Message, len(read))
	for i, m := range read {
		messages[i] = decode(m)
	}
	return messages
}

// decode reads a message. One that makes no sense is given with what was read, for the dead letters.
func decode(m goredis.XMessage) queue.Message {
	ref, err := decodeRef(m.Values)
	if err != nil {
		raw, _ := json.Marshal(m.Values) // a map of strings always has a JSON form
		return queue.Message{ID: m.ID, Raw: string(raw), Err: err}
	}
	return queue.Message{ID: m.ID, Booking: ref}
}

func decodeRef(fields map[string]any) (models.BookingRef, error) {
	event, errEvent := decodeID[models.EventID](fields, eventField)
	booking, errBooking := decodeID[models.BookingID](fields, bookingField)
	if err := cmp.Or(errEvent, errBooking); err != nil {
		return models.BookingRef{}, err
	}
	return models.BookingRef{Event: event, Booking: booking}, nil
}

func decodeID[I ~[16]byte](fields map[string]any, name string) (I, error) {
	text, _ := fields[name].(string)
	id, err := models.ParseID[I](text)
	if err != nil {
		return id, fmt.Errorf("%s: %w", name, err)
	}
	return id, nil
}
