package redis_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/queue/queuetest"
	"quantix/internal/queue/redis"
	"quantix/internal/testkit"
)

// cutQueue is a queue through a proxy that cuts its line, with another queue on the same stream beside it.
type cutQueue struct {
	*redis.Queue
	proxy  *testkit.Proxy
	beside *redis.Queue
}

func newCutQueue(t *testing.T) *cutQueue {
	t.Helper()
	address, err := url.Parse(testkit.Redis(t).Database(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &cutQueue{beside: open(t, address.String(), redis.Options{})}
	c.proxy = testkit.NewRedisProxy(t, address.Host)
	address.Host = c.proxy.Addr()
	c.Queue = open(t, address.String(), redis.Options{})
	return c
}

// all returns the bookings in the queue, past the proxy, whoever had received them, and empties it.
func (c *cutQueue) all(t *testing.T) map[models.BookingRef]int {
	t.Helper()
	there := map[models.BookingRef]int{}
	for _, get := range []func() ([]queue.Message, error){
		func() ([]queue.Message, error) { return c.beside.Receive(t.Context(), "beside", 1000, 0) },
		func() ([]queue.Message, error) { return c.beside.Reclaim(t.Context(), "beside", 0, 1000) },
	} {
		got, err := get()
		if err != nil {
			t.Fatal(err)
		}
		seen := make([]queue.Message, 0, len(got))
		for _, m := range got {
			there[m.Booking]++
			seen = append(seen, m)
		}
		if err := c.beside.Ack(t.Context(), seen); err != nil {
			t.Fatal(err)
		}
	}
	return there
}

// TestCuts cuts the line before each command and each answer of each call, on a fresh connection and on a used one.
// What was published is there when no error came; what was received and not acknowledged is delivered again; and what
// was acknowledged without an error is gone.
func TestCuts(t *testing.T) {
	t.Parallel()
	refs := queuetest.Refs(3)
	received := func(c *cutQueue) []queue.Message {
		publish(t, c.beside, refs)
		got, err := c.beside.Receive(t.Context(), "dead", 10, 0)
		if err != nil || len(got) != len(refs) {
			t.Fatalf("received %d messages, error %v", len(got), err)
		}
		return got
	}
	for name, call := range map[string]func(*cutQueue, func()) (want map[models.BookingRef]bool, err error){
		"Publish": func(c *cutQueue, arm func()) (map[models.BookingRef]bool, error) {
			arm()
			_, err := c.Publish(t.Context(), refs)
			return there(refs, err == nil), err
		},
		"Receive": func(c *cutQueue, arm func()) (map[models.BookingRef]bool, error) {
			publish(t, c.beside, refs)
			arm()
			_, err := c.Receive(t.Context(), "a", 10, time.Second)
			return there(refs, true), err
		},
		"Reclaim": func(c *cutQueue, arm func()) (map[models.BookingRef]bool, error) {
			received(c)
			arm()
			_, err := c.Reclaim(t.Context(), "a", 0, 10)
			return there(refs, true), err
		},
		"Ack": func(c *cutQueue, arm func()) (map[models.BookingRef]bool, error) {
			messages := received(c)
			arm()
			err := c.Ack(t.Context(), messages)
			if err != nil {
				return nil, err // some, all or none: their charges are on disk
			}
			return there(refs, false), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, fresh := range []bool{true, false} {
				for side, n := range countCuts(t, call, fresh) {
					for at := range n {
						where := fmt.Sprintf("fresh %t, side %d, message %d of %d", fresh, side, at, n)
						c := newCutQueue(t)
						c.ready(t, fresh)
						want, err := call(c, func() { c.proxy.CutAt(testkit.Side(side), at) })
						c.proxy.Settle()
						c.check(t, where, want, err)
					}
				}
			}
		})
	}
}

func countCuts(t *testing.T, call func(*cutQueue, func()) (map[models.BookingRef]bool, error), fresh bool) [2]int {
	t.Helper()
	c := newCutQueue(t)
	c.ready(t, fresh)
	var stop func() [2]int
	if _, err := call(c, func() { stop = c.proxy.Count() }); err != nil {
		t.Fatal(err)
	}
	return stop()
}

// ready makes the stream, and leaves the queue under test with no connection, or with one.
func (c *cutQueue) ready(t *testing.T, fresh bool) {
	t.Helper()
	mark(t, c.beside)
	if !fresh {
		mark(t, c.Queue)
	}
}

// there says of each booking whether it must be in the queue.
func there(refs []models.BookingRef, is bool) map[models.BookingRef]bool {
	want := map[models.BookingRef]bool{}
	for _, ref := range refs {
		want[ref] = is
	}
	return want
}

func (c *cutQueue) check(t *testing.T, where string, want map[models.BookingRef]bool, err error) {
	t.Helper()
	left := c.all(t)
	for ref, must := range want {
		if is := left[ref] > 0; must && !is || !must && is && err == nil {
			t.Errorf("%s: a booking is in the queue: %t, want %t (the call said %v)", where, is, must, err)
		}
	}
	if _, err := c.Depth(t.Context()); err != nil {
		t.Errorf("%s: the next call gives %v", where, err)
	}
}
