package redis_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/queue/queuetest"
	"quantix/internal/queue/redis"
	"quantix/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestQueue(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	queuetest.Run(t, func(tb testing.TB, maxLength int) queue.Queue {
		return open(tb, server.Database(tb), redis.Options{MaxLength: maxLength})
	})
}

func open(tb testing.TB, address string, o redis.Options) *redis.Queue {
	tb.Helper()
	q, err := redis.New(address, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := q.Close(); err != nil {
			tb.Error(err)
		}
	})
	return q
}

// client is a bare connection, to do to the data what a queue never does.
func client(tb testing.TB, address string) *goredis.Client {
	tb.Helper()
	o, err := goredis.ParseURL(address)
	if err != nil {
		tb.Fatal(err)
	}
	c := goredis.NewClient(o)
	tb.Cleanup(func() { c.Close() })
	return c
}

func publish(t *testing.T, q queue.Queue, refs []models.BookingRef) models.QueueMark {
	t.Helper()
	mark, err := q.Publish(t.Context(), refs)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return mark
}

func mark(t *testing.T, q queue.Queue) models.QueueMark {
	t.Helper()
	m, err := q.Mark(t.Context())
	if err != nil {
		t.Fatalf("mark: %v", err)
	}
	return m
}

func receive(t *testing.T, q queue.Queue, limit int) []queue.Message {
	t.Helper()
	got, err := q.Receive(t.Context(), "a", limit, 50*time.Millisecond)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return got
}

// However the data go, the mark shows it, at once and after others have published, and the queue works on.
func TestQueue_shows_lost_data_and_heals(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(context.Context, *goredis.Client) error{
		"everything":      func(ctx context.Context, c *goredis.Client) error { return c.FlushDB(ctx).Err() },
		"the stream":      func(ctx context.Context, c *goredis.Client) error { return c.Del(ctx, "payments").Err() },
		"the epoch's key": func(ctx context.Context, c *goredis.Client) error { return c.Del(ctx, "{payments}:epoch").Err() },
	} {
		for order, next := range map[string]func(*testing.T, queue.Queue){
			"mark first":    func(t *testing.T, q queue.Queue) { mark(t, q) },
			"publish first": func(t *testing.T, q queue.Queue) { publish(t, q, queuetest.Refs(1)) },
			"receive first": func(t *testing.T, q queue.Queue) { receive(t, q, 10) },
		} {
			t.Run(name+"/"+order, func(t *testing.T) {
				t.Parallel()
				address := testkit.Redis(t).Database(t)
				q := open(t, address, redis.Options{})
				remembered := publish(t, q, queuetest.Refs(2))
				if err := lose(t.Context(), client(t, address)); err != nil {
					t.Fatal(err)
				}
				next(t, q)
				now := mark(t, q)
				if !queue.Lost(remembered, now) {
					t.Errorf("the loss does not show: %+v, then %+v", remembered, now)
				}
				refs := queuetest.Refs(1)
				publish(t, q, refs)
				got := receive(t, q, 10)
				if len(got) == 0 || got[len(got)-1].Booking != refs[0] {
					t.Errorf("received %v, want %v at the end", got, refs)
				}
			})
		}
	}
}

func TestReceive_wakes_when_the_data_go_while_it_waits(t *testing.T) {
	t.Parallel()
	address := testkit.NewRedis(t, testkit.RedisOptions{}).URL()
	q, c := open(t, address, redis.Options{}), client(t, address)
	mark(t, q)
	got := make(chan []queue.Message, 1)
	go func() {
		messages, err := q.Receive(t.Context(), "a", 1, 10*time.Second)
		if err != nil {
			t.Error(err)
		}
		got <- messages
	}()
	testkit.Eventually(t, time.Minute, func() error { return blocked(t.Context(), c) })
	if err := c.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	refs := queuetest.Refs(1)
	publish(t, q, refs)
	if messages := <-got; len(messages) != 1 || messages[0].Booking != refs[0] {
		t.Errorf("received %v, want %v", messages, refs)
	}
}

// blocked returns nil once a consumer waits at the stream.
func blocked(ctx context.Context, c *goredis.Client) error {
	info, err := c.Info(ctx, "clients").Result()
	if err == nil && !strings.Contains(info, "blocked_clients:1") {
		return errors.New("nobody waits yet")
	}
	return err
}

// Messages whose group is destroyed are delivered again rather than lost.
func TestReceive_makes_a_lost_group_from_the_start(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	q := open(t, address, redis.Options{})
	refs := queuetest.Refs(3)
	publish(t, q, refs)
	receive(t, q, 2)
	if err := client(t, address).XGroupDestroy(t.Context(), "payments", "payment-workers").Err(); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, q, 10); len(got) != 3 {
		t.Errorf("received %d messages, want all 3", len(got))
	}
}

func TestReceive_gives_messages_that_make_no_sense_with_what_was_read(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	q, c := open(t, address, redis.Options{}), client(t, address)
	good := queuetest.Refs(1)
	for _, values := range []map[string]any{
		{"hello": "world"},
		{"event_id": good[0].Event.String()},
		{"event_id": good[0].Event.String(), "booking_id": "42"},
		{"event_id": "\xff\x00", "booking_id": good[0].Booking.String()},
	} {
		if err := c.XAdd(t.Context(), &goredis.XAddArgs{Stream: "payments", Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, q, good)
	got := receive(t, q, 10)
	if len(got) != 5 {
		t.Fatalf("received %d messages, want 5", len(got))
	}
	for _, m := range got[:4] {
		if m.Err == nil || m.Raw == "" || m.ID == "" || m.Booking != (models.BookingRef{}) {
			t.Errorf("message %+v, want an error and what was read", m)
		}
	}
	if got[0].Raw != `{"hello":"world"}` {
		t.Errorf("raw %q", got[0].Raw)
	}
	if got[4].Err != nil || got[4].Booking != good[0] {
		t.Errorf("message %+v, want %v", got[4], good[0])
	}
	if err := q.Ack(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	if depth, err := q.Depth(t.Context()); depth != 0 || err != nil {
		t.Errorf("depth %d, error %v", depth, err)
	}
}

func TestReclaim_finds_idle_messages_behind_many_busy_ones(t *testing.T) {
	t.Parallel()
	q := open(t, testkit.Redis(t).Database(t), redis.Options{})
	publish(t, q, queuetest.Refs(500))
	if got := receive(t, q, 500); len(got) != 500 {
		t.Fatalf("received %d", len(got))
	}
	seen := map[string]bool{}
	for len(seen) < 500 {
		got, err := q.Reclaim(t.Context(), "b", 0, 7)
		if err != nil || len(got) != 7 {
			t.Fatalf("reclaimed %d, error %v", len(got), err)
		}
		if err := q.Ack(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		for _, m := range got {
			seen[m.ID] = true
		}
		if len(seen) > 490 {
			return
		}
	}
}

func TestReclaim_forgets_consumers_that_hold_nothing(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	q, c := open(t, address, redis.Options{ForgetAfter: time.Millisecond}), client(t, address)
	publish(t, q, queuetest.Refs(1))
	for _, consumer := range []string{"holds", "empty"} {
		if _, err := q.Receive(t.Context(), consumer, 1, 0); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Eventually(t, time.Minute, func() error {
		if _, err := q.Reclaim(t.Context(), "alive", time.Hour, 1); err != nil {
			return err
		}
		consumers, err := c.XInfoConsumers(t.Context(), "payments", "payment-workers").Result()
		for _, consumer := range consumers {
			if consumer.Name == "empty" {
				return context.DeadlineExceeded
			}
		}
		return err
	})
	if got, err := q.Reclaim(t.Context(), "alive", 0, 1); err != nil || len(got) != 1 {
		t.Errorf("reclaimed %v, error %v: a message went with its consumer", got, err)
	}
}

// A restart may bring an older snapshot back, whose loss later messages would hide: so it always begins a new epoch.
func TestMark_changes_with_a_restart(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{AppendOnly: true})
	q := open(t, server.URL(), redis.Options{})
	remembered := publish(t, q, queuetest.Refs(2))
	server.Kill()
	if _, err := q.Publish(t.Context(), queuetest.Refs(1)); err == nil {
		t.Error("published to a dead Redis")
	}
	server.Restart()
	if now := mark(t, q); !queue.Lost(remembered, now) {
		t.Errorf("%+v, then %+v", remembered, now)
	}
	if got := receive(t, q, 10); len(got) != 2 {
		t.Errorf("received %d messages, want the 2 that survived", len(got))
	}
}

// What is acknowledged is gone from the consumer's list as well: a consumer that seems to hold something is never
// forgotten.
func TestAck_leaves_nothing_with_the_consumer(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	q, c := open(t, address, redis.Options{}), client(t, address)
	publish(t, q, queuetest.Refs(3))
	got := receive(t, q, 10)
	for held := int64(3); ; held-- {
		pending, err := c.XPending(t.Context(), "payments", "payment-workers").Result()
		if err != nil || pending.Count != held {
			t.Fatalf("%+v are pending (%v), want %d", pending, err, held)
		}
		if held == 0 {
			return
		}
		if err := q.Ack(t.Context(), got[held-1:held]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueue_never_hangs_with_Redis(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	q := open(t, server.URL(), redis.Options{Timeout: 200 * time.Millisecond})
	mark(t, q)
	server.Pause()
	defer server.Resume()
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Publish": func() error { _, err := q.Publish(ctx, queuetest.Refs(1)); return err },
		"Receive": func() error { _, err := q.Receive(ctx, "a", 1, 100*time.Millisecond); return err },
		"Reclaim": func() error { _, err := q.Reclaim(ctx, "a", 0, 1); return err },
		"Ack":     func() error { return q.Ack(ctx, []queue.Message{{ID: "1-1"}}) },
		"Mark":    func() error { _, err := q.Mark(ctx); return err },
		"Depth":   func() error { _, err := q.Depth(ctx); return err },
		"Ping":    func() error { return q.Ping(ctx) },
	} {
		begun := time.Now()
		if err := call(); err == nil {
			t.Errorf("%s: no error from a frozen Redis", name)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("%s took %s", name, took)
		}
	}
}

func TestNew_reads_addresses(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"localhost:6379", "localhost", "[::1]:6380", "redis://localhost:6379", "redis://:secret@host:6379/2",
		"rediss://user:secret@host:6379",
	} {
		q, err := redis.New(good, redis.Options{})
		if err != nil {
			t.Errorf("%q: %v", good, err)
			continue
		}
		q.Close()
	}
	for _, bad := range []string{"", "http://host:6379", "redis://user:secret@host:port", "redis://:secret@host/notanumber", ":6379"} {
		_, err := redis.New(bad, redis.Options{})
		if err == nil {
			t.Errorf("%q was taken", bad)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
