package jobs

import (
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
)

// publishAll carries the outbox to a queue, as a relay does.
func (h *house) publishAll(q queue.Queue) {
	h.t.Helper()
	rows, err := h.Store.ClaimOutbox(h.t.Context(), 1000, time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, row := range rows {
		var refs []models.BookingRef
		for _, id := range row.Bookings {
			refs = append(refs, models.BookingRef{Event: row.Event, Booking: id})
		}
		if _, err := q.Publish(h.t.Context(), refs); err != nil {
			h.t.Fatal(err)
		}
		if err := h.Store.DeleteOutbox(h.t.Context(), []models.BatchID{row.ID}, models.QueueMark{}); err != nil {
			h.t.Fatal(err)
		}
	}
}

// searcher is a replica's reconciler that has compared queue and store before: nothing is missing.
func (h *house) searcher(q queue.Queue) *Reconciler {
	h.t.Helper()
	r := &Reconciler{
		Settings: h.settings().withDefaults(1), Store: &LocalQueueMarks{MarkStore: h.Store}, Queue: q, Page: 1000,
		Slack: 30 * time.Second, Search: 1,
	}
	h.round(r)
	return r
}

func (h *house) round(r *Reconciler) int {
	h.t.Helper()
	n, _, err := r.compare(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

// waitingAgain returns the bookings in the outbox.
func (h *house) waitingAgain() (ids []models.BookingID) {
	h.t.Helper()
	rows, err := h.Store.ClaimOutbox(h.t.Context(), 1000, 1)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, row := range rows {
		ids = append(ids, row.Bookings...)
	}
	return ids
}

// A message that was deleted by hand, with no other sign, is published again once; the backlog behind it is not.
func TestReconciler_finds_what_a_queue_has_lost_without_a_sign(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	r := h.searcher(h.queue)
	lost := h.Book(h.Event(10).ID, 1, simulator.OK)
	h.publishAll(h.queue)
	taken, err := h.queue.Receive(t.Context(), "by hand", 1, time.Second)
	if err != nil || len(taken) != 1 {
		t.Fatalf("%d messages: %v", len(taken), err)
	}
	if err := h.queue.Ack(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	h.clock.skip(time.Minute)
	h.BookMany(h.Event(1000).ID, 500, simulator.OK) // a backlog, which waits for longer than any slack
	h.publishAll(h.queue)
	for range 3 { // and a consumer that has received some of it
		if _, err := h.queue.Receive(t.Context(), "slow", 10, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	h.clock.skip(10 * time.Minute)
	published := 0
	for range 5 {
		published += h.round(r)
	}
	if again := h.waitingAgain(); published != 1 || !slices.Equal(again, []models.BookingID{lost.Booking}) {
		t.Errorf("published %d again, in the outbox %v, want %v", published, again, lost.Booking)
	}
	h.publishAll(h.queue)
	h.clock.skip(2 * time.Minute)
	for range 5 {
		published += h.round(r)
	}
	if published != 1 {
		t.Errorf("published %d times, although it waits behind the backlog", published)
	}
}

// The queue of a replica that is gone for good goes with it; that of one that lives is left to it.
func TestReconciler_finds_what_a_dead_replica_had(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	dead, alive, other := embedded(), embedded(), embedded()
	gone, r, busy := h.searcher(dead), h.searcher(alive), h.searcher(other)
	r.Page = 15 // it had more than are published at once
	taken := h.BookMany(h.Event(100).ID, 40, simulator.OK)
	h.publishAll(dead)
	h.round(gone)
	h.clock.skip(40 * time.Second)
	waiting := h.BookMany(h.Event(100).ID, 40, simulator.OK)
	h.publishAll(other)
	if n := h.round(r) + h.round(r); n != len(taken) {
		t.Errorf("published %d again, want the %d of the replica that is gone", n, len(taken))
	}
	h.clock.skip(25 * time.Second)
	h.round(busy) // it lives, and says so
	h.clock.skip(15 * time.Second)
	if n := h.round(r) + h.round(r); n != 0 {
		t.Errorf("published %d again of %d that another replica has", n, len(waiting))
	}
}
