package cli_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/testkit"
)

// slowPayer are settings of a server that pays two bookings in two seconds: what is booked there lies in its queue.
var slowPayer = []string{"PAYMENT_CONCURRENCY=1", "PAYMENT_SIM_LATENCY=2s"}

// A replica that is killed for good takes its queue along, where there is no Redis. The one that stays pays all its
// bookings, long before their deadline.
func TestReplica_that_is_gone_for_good_leaves_no_booking_unpaid(t *testing.T) {
	t.Parallel()
	store := "DATABASE_URL=" + testkit.Database(t, nil)
	healthy := serve(t, store)
	doomed := serve(t, append([]string{store}, slowPayer...)...)
	event, bookings := booksMany(t, doomed, 40)
	doomed.Kill()
	healthy.paysAll(t, event, bookings)
}

// Entries that somebody deletes from the stream by hand leave no other trace in Redis: neither its epoch nor its newest
// id is another one.
func TestEntries_deleted_by_hand_leave_no_booking_unpaid(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	doomed := serve(t, append(env, slowPayer...)...)
	event, bookings := booksMany(t, doomed, 40)
	stream := paymentStream(t, value(env[1]), len(bookings))
	doomed.Kill()
	stream.empty(t)
	serve(t, env...).paysAll(t, event, bookings)
}

func booksMany(t *testing.T, s *server, n int) (event string, bookings []string) {
	t.Helper()
	event, user := s.event(t, n, "10"), s.user(t)
	for range n {
		bookings = append(bookings, s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 1)).text("id"))
	}
	return event, bookings
}

// paysAll waits two minutes at most, as the promise says.
func (s *server) paysAll(t *testing.T, event string, bookings []string) {
	t.Helper()
	testkit.Eventually(t, 2*time.Minute, func() error {
		a, err := s.try("GET", "/api/v1/events/"+event+"/statistics", "")
		if sold := a.text("total_sold"); err == nil && sold != fmt.Sprint(len(bookings)) {
			err = fmt.Errorf("%s of %d are sold", sold, len(bookings))
		}
		return err
	})
	for _, id := range bookings {
		if a := s.want(t, http.StatusOK, "GET", "/api/v1/bookings/"+id+"/payments", ""); len(a.body) == 0 || a.body == "[]" {
			t.Errorf("booking %s has no charge", id)
		}
	}
	s.audited(t, event)
}

// stream is the payments' stream in a Redis.
type stream struct {
	redis *goredis.Client
	key   string
}

// paymentStream waits until that many messages have been published: on a busy machine they are still in the outbox when
// the bookings are answered.
func paymentStream(t *testing.T, url string, published int) *stream {
	t.Helper()
	options, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	s := &stream{redis: goredis.NewClient(options)}
	t.Cleanup(func() { _ = s.redis.Close() })
	testkit.Eventually(t, time.Minute, func() error {
		keys, _, err := s.redis.ScanType(t.Context(), 0, "*payments:*", 1000, "stream").Result()
		if err != nil || len(keys) != 1 {
			return fmt.Errorf("streams %v, %w", keys, err)
		}
		s.key = keys[0]
		info, err := s.redis.XInfoStream(t.Context(), s.key).Result()
		if err == nil && info.EntriesAdded < int64(published) {
			err = fmt.Errorf("%d of %d messages are published", info.EntriesAdded, published)
		}
		return err
	})
	return s
}

// empty deletes the messages one by one.
func (s *stream) empty(t *testing.T) {
	t.Helper()
	entries, err := s.redis.XRange(t.Context(), s.key, "-", "+").Result()
	if err == nil && len(entries) == 0 {
		err = errors.New("there is nothing to delete")
	}
	for _, entry := range entries {
		err = errors.Join(err, s.redis.XDel(t.Context(), s.key, entry.ID).Err())
	}
	if err != nil {
		t.Fatal(err)
	}
}
