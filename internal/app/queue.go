package app

import (
	"fmt"

	"quantix/internal/config"
	"quantix/internal/queue"
	"quantix/internal/queue/inprocess"
	"quantix/internal/queue/redis"
)

// OpenQueue opens the queue that the settings ask for. A Redis that does not answer is no reason not to start: bookings
// wait in the outbox until it does.
//
// Each installation has a stream of its own: the workers of another one on the same Redis would take messages that they
// can do nothing with.
func OpenQueue(c config.Config, installation string) (queue.Queue, error) {
	if c.Queue() == config.InProcess {
		return inprocess.New(inprocess.Options{}), nil
	}
	q, err := redis.New(c.RedisURL, redis.Options{Stream: "payments:" + installation})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	return q, nil
}

// guarded keeps a copy of a database from the messages of its original, where both may reach the same queue.
func guarded(q queue.Queue, a *App, installation string) queue.Queue {
	shared, is := q.(queue.Shared)
	if !is {
		return q
	}
	return &queue.Guard{Shared: shared, Installation: installation, Owners: a.store, Logger: a.logger}
}
