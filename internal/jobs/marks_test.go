package jobs

import (
	"testing"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
)

// Two replicas on one database, each with a queue of its own: neither takes the other's for one that lost its messages.
func TestLocalMarks_keep_replicas_queues_apart(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	h.BookMany(h.Event(10).ID, 3, simulator.OK)
	republished := 0
	var replicas []*Reconciler
	for range 2 {
		r := &Reconciler{Settings: h.settings().withDefaults(1), Store: &LocalQueueMarks{MarkStore: h.Store}, Queue: embedded(), Page: 100}
		replicas = append(replicas, r)
		n, _, err := r.compare(t.Context())
		if n != 3 || err != nil {
			t.Fatalf("at its start a replica published %d bookings again, %v; want all 3", n, err)
		}
	}
	for _, r := range append(replicas, replicas...) {
		n, _, err := r.compare(t.Context())
		if republished += n; err != nil {
			t.Fatal(err)
		}
	}
	if republished != 0 {
		t.Errorf("%d bookings were published again without a loss", republished)
	}
}

func TestLocalMarks_remember_what_was_published(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{})
	marks := &LocalQueueMarks{MarkStore: h.Store}
	first, _ := marks.QueueMark(t.Context())
	now := models.QueueMark{Epoch: "e", LastID: "5-0"}
	if !queue.Lost(first, now) {
		t.Errorf("before the first look nothing can be known, but %+v is no loss", first)
	}
	if err := marks.DeleteOutbox(t.Context(), nil, now); err != nil {
		t.Fatal(err)
	}
	if err := marks.DeleteOutbox(t.Context(), nil, models.QueueMark{Epoch: "e", LastID: "4-0"}); err != nil {
		t.Fatal(err)
	}
	if kept, _ := marks.QueueMark(t.Context()); kept != now {
		t.Errorf("remembered %+v, want the newest, %+v", kept, now)
	}
	if stored, err := h.Store.QueueMark(t.Context()); err != nil || stored != (models.QueueMark{}) {
		t.Errorf("the database remembers %+v, %v; want nothing", stored, err)
	}
}
