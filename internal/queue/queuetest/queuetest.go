// Package queuetest is the suite that every payment queue must pass.
package queuetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/queue"
)

// OpenFunc opens an empty queue of its own that holds at most so many messages, and closes it after the test.
type OpenFunc func(tb testing.TB, maxLength int) queue.Queue

// patience is how long the suite waits for what must come; soon is a wait that must run out.
const (
	patience = time.Minute
	soon     = 20 * time.Millisecond
)

// Run puts a queue to the test.
func Run(t *testing.T, open OpenFunc) {
	tests := map[string]func(*testing.T, OpenFunc){
		"delivers in order, once, until acknowledged":       testDelivery,
		"gives each message to one consumer":                testConsumers,
		"waits for the first message":                       testWait,
		"wakes when a message comes":                        testWake,
		"gives a dead consumer's messages to another":       testReclaim,
		"tells its oldest message":                          testOldest,
		"takes nothing beyond its bound":                    testBound,
		"counts what is delivered in its bound":             testBoundCountsDelivered,
		"marks how far it has got":                          testMark,
		"is not lost by its own doing":                      testNotLost,
		"acknowledges again, and what it never had":         testAckAgain,
		"publishes nothing for nobody":                      testPublishNothing,
		"lets a waiting receiver go when it is closed":      testClose,
		"gives up with the caller's context":                testContext,
		"loses and doubles nothing under concurrent use":    testConcurrent,
		"does not deliver what was acknowledged beforehand": testAckUndelivered,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open)
		})
	}
}

// Refs makes booking refs.
func Refs(n int) []models.BookingRef {
	refs := make([]models.BookingRef, n)
	for i := range refs {
		refs[i] = models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	}
	return refs
}

func publish(t *testing.T, q queue.Queue, refs []models.BookingRef) models.QueueMark {
	t.Helper()
	mark, err := q.Publish(t.Context(), refs)
	if err != nil {
		t.Fatalf("publish: %v", err)
	}
	return mark
}

func receive(t *testing.T, q queue.Queue, consumer string, limit int) []queue.Message {
	t.Helper()
	got, err := q.Receive(t.Context(), consumer, limit, soon)
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	return got
}

func reclaim(t *testing.T, q queue.Queue, consumer string, minIdle time.Duration) []queue.Message {
	t.Helper()
	got, err := q.Reclaim(t.Context(), consumer, minIdle, 100)
	if err != nil {
		t.Fatalf("reclaim: %v", err)
	}
	return got
}

func ack(t *testing.T, q queue.Queue, messages []queue.Message) {
	t.Helper()
	if err := q.Ack(t.Context(), messages); err != nil {
		t.Fatalf("ack: %v", err)
	}
}

func wantDepth(t *testing.T, q queue.Queue, want int64) {
	t.Helper()
	got, err := q.Depth(t.Context())
	if err != nil || got != want {
		t.Fatalf("depth %d (error %v), want %d", got, err, want)
	}
}

// bookings returns what messages are about, and fails for one that makes no sense.
func bookings(t *testing.T, messages []queue.Message) []models.BookingRef {
	t.Helper()
	refs := []models.BookingRef{}
	for _, m := range messages {
		if m.Err != nil || m.ID == "" {
			t.Errorf("message %q: %v (%s)", m.ID, m.Err, m.Raw)
		}
		refs = append(refs, m.Booking)
	}
	return refs
}

func wantBookings(t *testing.T, messages []queue.Message, want []models.BookingRef) {
	t.Helper()
	if diff := cmp.Diff(want, bookings(t, messages)); diff != "" {
		t.Fatalf("bookings (-want +got):\n%s", diff)
	}
}

func testDelivery(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	refs := Refs(5)
	publish(t, q, refs[:3])
	publish(t, q, refs[3:])
	first := receive(t, q, "a", 2)
	wantBookings(t, first, refs[:2])
	rest := receive(t, q, "a", 10)
	wantBookings(t, rest, refs[2:])
	wantBookings(t, receive(t, q, "a", 10), []models.BookingRef{})
	wantDepth(t, q, 5)
	ack(t, q, first)
	wantDepth(t, q, 3)
	ack(t, q, rest)
	wantDepth(t, q, 0)
}

func testConsumers(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	refs := Refs(4)
	publish(t, q, refs)
	wantBookings(t, receive(t, q, "a", 2), refs[:2])
	wantBookings(t, receive(t, q, "b", 10), refs[2:])
	wantBookings(t, receive(t, q, "a", 10), []models.BookingRef{})
}

func testWait(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	begun := time.Now()
	wantBookings(t, receive(t, q, "a", 10), []models.BookingRef{})
	if waited := time.Since(begun); waited < soon {
		t.Errorf("waited %s, want at least %s", waited, soon)
	}
	got, err := q.Receive(t.Context(), "a", 10, 0)
	if err != nil || len(got) != 0 {
		t.Errorf("without a wait: %v, error %v", got, err)
	}
}

func testWake(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	refs := Refs(1)
	got := make(chan []queue.Message)
	go func() {
		messages, err := q.Receive(t.Context(), "a", 10, patience)
		if err != nil {
			t.Error(err)
		}
		got <- messages
	}()
	publish(t, q, refs)
	wantBookings(t, <-got, refs)
}

func testReclaim(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	refs := Refs(3)
	publish(t, q, refs)
	wantBookings(t, receive(t, q, "dead", 2), refs[:2])
	wantBookings(t, reclaim(t, q, "alive", time.Hour), []models.BookingRef{})
	again := reclaim(t, q, "alive", 0)
	wantBookings(t, again, refs[:2])
	wantBookings(t, reclaim(t, q, "other", time.Hour), []models.BookingRef{})
	ack(t, q, again)
	wantBookings(t, reclaim(t, q, "alive", 0), []models.BookingRef{})
	wantBookings(t, receive(t, q, "alive", 10), refs[2:])
	got, err := q.Reclaim(t.Context(), "alive", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantBookings(t, got, refs[2:])
}

func testBound(t *testing.T, open OpenFunc) {
	q := open(t, 3)
	publish(t, q, Refs(2))
	if _, err := q.Publish(t.Context(), Refs(2)); !errors.Is(err, queue.ErrFull) {
		t.Fatalf("error %v, want %v", err, queue.ErrFull)
	}
	wantDepth(t, q, 2)
	publish(t, q, Refs(1))
	wantDepth(t, q, 3)
}

func testBoundCountsDelivered(t *testing.T, open OpenFunc) {
	q := open(t, 2)
	publish(t, q, Refs(2))
	got := receive(t, q, "a", 2)
	if _, err := q.Publish(t.Context(), Refs(1)); !errors.Is(err, queue.ErrFull) {
		t.Fatalf("error %v, want %v", err, queue.ErrFull)
	}
	ack(t, q, got[:1])
	publish(t, q, Refs(1))
}

func mark(t *testing.T, q queue.Queue) models.QueueMark {
	t.Helper()
	m, err := q.Mark(t.Context())
	if err != nil {
		t.Fatalf("mark: %v", err)
	}
	return m
}

func testMark(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	empty := mark(t, q)
	if empty.Epoch == "" {
		t.Fatal("an empty queue has no epoch")
	}
	first := publish(t, q, Refs(3))
	second := publish(t, q, Refs(1))
	ack(t, q, receive(t, q, "a", 10))
	if diff := cmp.Diff(second, mark(t, q)); diff != "" {
		t.Errorf("mark after the last message was acknowledged (-published +got):\n%s", diff)
	}
	if empty.Epoch != first.Epoch || first.Epoch != second.Epoch {
		t.Errorf("epochs %q, %q, %q, want one", empty.Epoch, first.Epoch, second.Epoch)
	}
	if !empty.OlderThan(first) || !first.OlderThan(second) {
		t.Errorf("ids %q, %q, %q, want them to grow", empty.LastID, first.LastID, second.LastID)
	}
}

func testNotLost(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	for range 3 {
		remembered := publish(t, q, Refs(2))
		ack(t, q, receive(t, q, "a", 1))
		if now := mark(t, q); queue.Lost(remembered, now) {
			t.Fatalf("lost between %+v and %+v", remembered, now)
		}
	}
}

func testAckAgain(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	publish(t, q, Refs(2))
	got := receive(t, q, "a", 1)
	ack(t, q, got)
	ack(t, q, got)
	ack(t, q, []queue.Message{{ID: "0-999999"}})
	ack(t, q, nil)
	wantDepth(t, q, 1)
}

func testAckUndelivered(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	refs := Refs(2)
	mark := publish(t, q, refs)
	ack(t, q, []queue.Message{{ID: mark.LastID}})
	wantBookings(t, receive(t, q, "a", 10), refs[:1])
}

func testPublishNothing(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	before := publish(t, q, Refs(1))
	if diff := cmp.Diff(before, publish(t, q, nil)); diff != "" {
		t.Errorf("mark (-before +after):\n%s", diff)
	}
	wantDepth(t, q, 1)
}

func testClose(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	if err := q.Ping(t.Context()); err != nil {
		t.Fatalf("ping: %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := q.Receive(t.Context(), "a", 10, patience)
		done <- err
	}()
	begun := time.Now()
	if err := q.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if err := <-done; err == nil {
		t.Error("a receiver of a closed queue got no error")
	}
	if waited := time.Since(begun); waited > patience/2 {
		t.Errorf("the receiver waited on for %s", waited)
	}
	if err := q.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	if _, err := q.Publish(t.Context(), Refs(1)); err == nil {
		t.Error("a closed queue took a message")
	}
	if q.Ping(t.Context()) == nil {
		t.Error("a closed queue answers")
	}
}

func testContext(t *testing.T, open OpenFunc) {
	q := open(t, 100)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	begun := time.Now()
	got, err := q.Receive(ctx, "a", 10, patience)
	if len(got) != 0 || err == nil {
		t.Errorf("got %v, error %v, want only an error", got, err)
	}
	if waited := time.Since(begun); waited > patience/2 {
		t.Errorf("waited %s", waited)
	}
}

func testConcurrent(t *testing.T, open OpenFunc) {
	const producers, perProducer, batch = 4, 250, 10
	q := open(t, producers*perProducer)
	refs := Refs(producers * perProducer)
	var group sync.WaitGroup
	for own := range slices.Chunk(refs, perProducer) {
		group.Go(func() {
			for some := range slices.Chunk(own, batch) {
				if _, err := q.Publish(t.Context(), some); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := collect(t, q, len(refs))
	group.Wait()
	for _, ref := range refs {
		if seen[ref] != 1 {
			t.Fatalf("booking %v was delivered %d times", ref, seen[ref])
		}
	}
	wantDepth(t, q, 0)
}

// collect receives and acknowledges with several consumers until so many messages have come.
func collect(t *testing.T, q queue.Queue, want int) map[models.BookingRef]int {
	t.Helper()
	var group sync.WaitGroup
	var mu sync.Mutex
	seen, total, deadline := map[models.BookingRef]int{}, 0, time.Now().Add(patience)
	more := func(got []queue.Message) bool {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range got {
			seen[m.Booking]++
		}
		total += len(got)
		return total < want && time.Now().Before(deadline)
	}
	for _, consumer := range []string{"a", "b", "c"} {
		group.Go(func() {
			for more(nil) {
				got, err := q.Receive(t.Context(), consumer, 7, soon)
				if err == nil {
					err = q.Ack(t.Context(), got)
				}
				if err != nil {
					t.Error(err)
					return
				}
				more(got)
			}
		})
	}
	group.Wait()
	return seen
}

// testOldest: what is delivered is still held, until it is acknowledged.
func testOldest(t *testing.T, open OpenFunc) {
	q, refs := open(t, 10), Refs(3)
	want := func(when string, ref *models.BookingRef) {
		t.Helper()
		oldest, err := q.Oldest(t.Context())
		switch {
		case err != nil:
			t.Fatal(err)
		case ref == nil && oldest != nil, ref != nil && (oldest == nil || oldest.Booking != *ref):
			t.Errorf("%s: the oldest message is %+v, want %+v", when, oldest, ref)
		}
	}
	want("empty", nil)
	if _, err := q.Publish(t.Context(), refs); err != nil {
		t.Fatal(err)
	}
	want("published", &refs[0])
	got, err := q.Receive(t.Context(), "a", 2, patience)
	if err != nil || len(got) != 2 {
		t.Fatalf("received %d: %v", len(got), err)
	}
	want("delivered", &refs[0])
	if err := q.Ack(t.Context(), got[:1]); err != nil {
		t.Fatal(err)
	}
	want("one acknowledged", &refs[1])
	if err := q.Ack(t.Context(), got[1:]); err != nil {
		t.Fatal(err)
	}
	want("both acknowledged", &refs[2])
}
