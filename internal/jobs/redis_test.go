package jobs

import (
	"context"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/queue/redis"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

func onRedis(t *testing.T, address string) queue.Queue {
	t.Helper()
	q, err := redis.New(address, redis.Options{Timeout: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func client(t *testing.T, address string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// Redis is flushed again and again while people book: every booking is paid, once. Case 31.
func TestLoops_through_FLUSHALL(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	h := newHouse(t, onRedis(t, server.URL()), simulator.Options{Latency: 5 * time.Millisecond})
	c := client(t, server.URL())
	h.start(h.loops())
	h.start(h.loops())
	event := h.Event(10_000).ID
	var refs []models.BookingRef
	for range 20 {
		refs = append(refs, h.BookMany(event, 30, simulator.OK)...)
		if err := c.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	h.wait("CONFIRMED", refs...)
	h.chargedOnce(refs...)
}

// What Redis held when it was flushed, and nobody had read yet, is published again.
func TestReconciler_publishes_again_what_a_flush_took(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	h := newHouse(t, onRedis(t, server.URL()), simulator.Options{})
	event := h.Event(1000).ID
	stop := h.start(h.loops("relay"))
	before := h.BookMany(event, 100, simulator.OK)
	h.until("not published", func() bool { n, err := h.Store.OutboxDepth(t.Context()); return n == 0 && err == nil })
	if err := client(t, server.URL()).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	// Others are published after the loss, and must not hide it.
	after := h.BookMany(event, 10, simulator.OK)
	h.until("not published", func() bool { n, err := h.Store.OutboxDepth(t.Context()); return n == 0 && err == nil })
	stop()
	h.start(h.loops())
	h.wait("CONFIRMED", append(before, after...)...)
	if n := h.tally.of("reconciler"); n < 100 {
		t.Errorf("the reconciler published %d bookings again", n)
	}
}

// An older snapshot comes back: what was done is not done again, what is missing is. Case 34.
func TestLoops_through_a_rollback_of_Redis(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{Settings: map[string]string{"save": "3600 1"}})
	h := newHouse(t, onRedis(t, server.URL()), simulator.Options{})
	event := h.Event(1000).ID
	stop := h.start(h.loops("relay"))
	first := h.BookMany(event, 20, simulator.OK)
	h.until("not published", func() bool { n, err := h.Store.OutboxDepth(t.Context()); return n == 0 && err == nil })
	if err := client(t, server.URL()).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	stopWork := h.start(h.loops("worker"))
	h.wait("CONFIRMED", first...)
	stopWork()
	second := h.BookMany(event, 20, simulator.OK)
	h.until("not published", func() bool { n, err := h.Store.OutboxDepth(t.Context()); return n == 0 && err == nil })
	server.Kill()
	server.Restart()
	third := h.BookMany(event, 20, simulator.OK)
	h.until("not published", func() bool { n, err := h.Store.OutboxDepth(t.Context()); return n == 0 && err == nil })
	stop()
	h.start(h.loops())
	h.wait("CONFIRMED", append(append(first, second...), third...)...)
	h.chargedOnce(append(append(first, second...), third...)...)
}

// Bookings are taken while Redis is down, and paid when it is back. Case 32.
func TestLoops_through_a_Redis_that_is_down(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	h := newHouse(t, onRedis(t, server.URL()), simulator.Options{})
	event := h.Event(1000).ID
	h.start(h.loops())
	first := h.BookMany(event, 50, simulator.OK)
	server.Kill()
	second := h.BookMany(event, 50, simulator.OK)
	h.until("nobody noticed", func() bool { return h.tally.of("relay errors") > 0 && h.tally.of("worker errors") > 0 })
	server.Restart()
	h.wait("CONFIRMED", append(first, second...)...)
	h.chargedOnce(append(first, second...)...)
}

// A message that makes no sense becomes one dead letter, and holds up nobody. Case 35.
func TestWorker_sets_aside_a_message_that_makes_no_sense(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	h := newHouse(t, onRedis(t, address), simulator.Options{})
	c := client(t, address)
	event := h.Event(100).ID
	first := h.BookMany(event, 5, simulator.OK)
	h.publish(first)
	if err := c.XAdd(t.Context(), &goredis.XAddArgs{Stream: "payments", Values: []string{"{\"not\":", "a booking\x00"}}).Err(); err != nil {
		t.Fatal(err)
	}
	unknown := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	h.publish([]models.BookingRef{unknown})
	second := h.BookMany(event, 5, simulator.OK)
	h.start(h.loops())
	h.wait("CONFIRMED", append(first, second...)...)
	h.until("messages are left", func() bool { n, err := h.queue.Depth(t.Context()); return n == 0 && err == nil })
	letters := h.Letters()
	if len(letters) != 1 || letters[0].Kind != models.LetterMessage || letters[0].Payload == "" || letters[0].LastError == "" {
		t.Fatalf("dead letters %+v", letters)
	}
}

// A consumer received messages and died; another one takes them over when they have lain long enough.
func TestReclaimer_takes_over_a_dead_consumers_messages(t *testing.T) {
	t.Parallel()
	h := newHouse(t, onRedis(t, testkit.Redis(t).Database(t)), simulator.Options{})
	refs := h.BookMany(h.Event(100).ID, 20, simulator.OK)
	h.clearOutbox(h.publish(refs))
	h.receive(len(refs))
	h.start(h.loops("reclaimer"))
	h.wait("CONFIRMED", refs...)
	h.chargedOnce(refs...)
}

// frozen checks that loops stop in time though Redis hangs.
func TestLoops_stop_while_Redis_hangs(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	h := newHouse(t, onRedis(t, server.URL()), simulator.Options{})
	stop := h.start(h.loops())
	refs := h.BookMany(h.Event(100).ID, 5, simulator.OK)
	h.wait("CONFIRMED", refs...)
	server.Pause()
	defer server.Resume()
	h.until("nobody noticed", func() bool { return h.tally.of("worker errors") > 0 })
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("stopping took %s", took)
	}
}

// BenchmarkPipeline brings bookings from the outbox to CONFIRMED, over Redis, with a gateway that takes 50 ms.
func BenchmarkPipeline(b *testing.B) {
	clock := newRunningClock()
	s := shop.NewOn(b, clock.now)
	q, err := redis.New(testkit.Redis(b).Database(b), redis.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { q.Close() })
	benchmarkPipeline(b, s, q)
}

func benchmarkPipeline(b *testing.B, s *shop.Shop, q queue.Queue) {
	b.Helper()
	paying := newBenchPayments(b, s)
	event := s.Event(int64(b.N) + 1).ID
	for left := b.N; left > 0; left -= 500 {
		s.BookMany(event, min(left, 500), simulator.OK)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	b.ResetTimer()
	go func() {
		done <- Group{Loops: []Loop{
			&Relay{Store: s.Store, Queue: q},
			&Worker{Queue: q, Payments: paying, Letters: s.Store},
			&Retrier{Payments: paying},
			&Refunder{Payments: paying},
		}}.Run(ctx)
	}()
	testkit.Eventually(b, 5*time.Minute, func() error {
		if s.Stock(event).Confirmed < int64(b.N) {
			return context.DeadlineExceeded
		}
		return nil
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
	cancel()
	if err := <-done; err != nil {
		b.Error(err)
	}
}
