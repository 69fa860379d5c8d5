package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/queue"
)

// registerScript puts a registration in the place of another. KEYS[1] the owner's key; ARGV[1] what must be there
// (empty: nothing), ARGV[2] what is to be. It returns 1, or 0 when something else is there.
var registerScript = goredis.NewScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

// Registration returns who works on the stream, and what time it is there.
func (q *Queue) Registration(ctx context.Context) (queue.Registration, time.Time, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	pipe := q.client.Pipeline()
	text, now := pipe.Get(ctx, ownerKey(q.options.Stream)), pipe.Time(ctx)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, goredis.Nil) {
		return queue.Registration{}, time.Time{}, fmt.Errorf("read whose the queue is: %w", explained(err))
	}
	if now.Err() != nil {
		return queue.Registration{}, time.Time{}, fmt.Errorf("read the queue's clock: %w", explained(now.Err()))
	}
	r, err := decodeRegistration(text.Val())
	return r, now.Val(), err
}

// Register puts one registration in the place of another.
func (q *Queue) Register(ctx context.Context, old, now queue.Registration) (bool, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	keys := []string{ownerKey(q.options.Stream)}
	done, err := registerScript.Run(ctx, q.client, keys, encodeRegistration(old), encodeRegistration(now)).Int()
	if err != nil {
		return false, fmt.Errorf("claim the queue: %w", explained(err))
	}
	return done == 1, nil
}

// A registration is its token and its two times, in µs, with spaces between; nothing is the zero one.
func encodeRegistration(r queue.Registration) string {
	if r.Since.IsZero() {
		return ""
	}
	return fmt.Sprintf("%s %d %d", r.Token, r.Since.UnixMicro(), r.Seen.UnixMicro())
}

func decodeRegistration(text string) (queue.Registration, error) {
	if text == "" {
		return queue.Registration{}, nil
	}
	parts := strings.Split(text, " ")
	if len(parts) != 3 {
		return queue.Registration{}, fmt.Errorf("read whose the queue is: %d parts in place of 3", len(parts))
	}
	since, err := strconv.ParseInt(parts[1], 10, 64)
	seen, err2 := strconv.ParseInt(parts[2], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return queue.Registration{}, fmt.Errorf("read whose the queue is: %w", err)
	}
	return queue.Registration{Token: parts[0], Since: time.UnixMicro(since), Seen: time.UnixMicro(seen)}, nil
}
