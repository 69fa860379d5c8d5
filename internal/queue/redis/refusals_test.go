package redis_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/queue"
	"quantix/internal/queue/queuetest"
	"quantix/internal/queue/redis"
	"quantix/internal/testkit"
)

// A Redis that answers and takes nothing says so to a ping, as to a publish, by name and with what to do.
func TestRefusalsAreNamed(t *testing.T) {
	t.Parallel()
	for code, start := range map[string]func(*testing.T) *testkit.RedisServer{
		"OOM":         full,
		"READONLY":    replica,
		"CLUSTERDOWN": func(t *testing.T) *testkit.RedisServer { return node(t) },
		"MOVED":       elsewhere,
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			q := open(t, start(t).URL(), redis.Options{})
			_, published := q.Publish(t.Context(), queuetest.Refs(1))
			for what, err := range map[string]error{"a ping": q.Ping(t.Context()), "a publish": published} {
				refusal, ok := errors.AsType[*queue.Refusal](err)
				if !ok || refusal.Code != code || refusal.Remedy == "" {
					t.Errorf("%s gave %v (%+v)", what, err, refusal)
				}
			}
		})
	}
}

func full(t *testing.T) *testkit.RedisServer {
	t.Helper()
	return testkit.NewRedis(t, testkit.RedisOptions{Settings: map[string]string{"maxmemory": "1mb", "maxmemory-policy": "noeviction"}})
}

// replica is one whose primary is gone.
func replica(t *testing.T) *testkit.RedisServer {
	t.Helper()
	s := testkit.NewRedis(t, testkit.RedisOptions{})
	if err := client(t, s.URL()).ReplicaOf(t.Context(), "127.0.0.1", strconv.Itoa(testkit.FreePort(t))).Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// node is one of a cluster that has no slots yet.
func node(t *testing.T) *testkit.RedisServer {
	t.Helper()
	return testkit.NewRedis(t, testkit.RedisOptions{Settings: map[string]string{
		"cluster-enabled": "yes", "cluster-port": strconv.Itoa(testkit.FreePort(t)),
	}})
}

// elsewhere is a node of a cluster whose other node has all the slots.
func elsewhere(t *testing.T) *testkit.RedisServer {
	t.Helper()
	bus := testkit.FreePort(t)
	owner := testkit.NewRedis(t, testkit.RedisOptions{Settings: map[string]string{"cluster-enabled": "yes", "cluster-port": strconv.Itoa(bus)}})
	asked := node(t)
	c := client(t, asked.URL())
	if err := client(t, owner.URL()).ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Do(t.Context(), "CLUSTER", "MEET", "127.0.0.1", owner.Port(), bus).Err(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, 30*time.Second, func() error { return knowsTheOwner(t.Context(), c) })
	return asked
}

func knowsTheOwner(ctx context.Context, c *goredis.Client) error {
	err := c.Get(ctx, "anything").Err()
	if err == nil || !goredis.HasErrorPrefix(err, "MOVED") {
		return fmt.Errorf("it says %w", err)
	}
	return nil
}
