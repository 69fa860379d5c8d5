package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/queue"
)

// registerScript claims a stream for a database. KEYS[1] the owner's key; ARGV[1] the database's token, ARGV[2] the one
// before it (may be empty), ARGV[3] "1": take what nobody has, ARGV[4] for how long, in ms. It gives 1 when the stream is
// the database's, 0 when it is another's, 2 when it is nobody's.
var registerScript = goredis.NewScript(`
local owner = redis.call('GET', KEYS[1])
if not owner and ARGV[3] ~= '1' then return 2 end
if owner and owner ~= ARGV[1] and (ARGV[2] == '' or owner ~= ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[4])
return 1
`)

// Register claims the stream for a database.
func (q *Queue) Register(ctx context.Context, token, previous string, take bool, ttl time.Duration) (queue.Claim, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	free := "0"
	if take {
		free = "1"
	}
	answer, err := registerScript.Run(ctx, q.client, []string{ownerKey(q.options.Stream)}, token, previous, free, ttl.Milliseconds()).Int()
	if err != nil {
		return queue.Theirs, fmt.Errorf("claim the queue: %w", err)
	}
	switch answer {
	case 1:
		return queue.Ours, nil
	case 2:
		return queue.Nobody, nil
	}
	return queue.Theirs, nil
}

// Registered gives the token of the database that has the stream; empty when none has.
func (q *Queue) Registered(ctx context.Context) (string, error) {
	ctx, cancel := q.within(ctx, 0)
	defer cancel()
	token, err := q.client.Get(ctx, ownerKey(q.options.Stream)).Result()
	if errors.Is(err, goredis.Nil) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read whose the queue is: %w", err)
	}
	return token, nil
}
