package inprocess_test

import (
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/queue/inprocess"
	"quantix/internal/queue/queuetest"
	"quantix/internal/testkit"
)

func TestQueue(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(tb testing.TB, maxLength int) queue.Queue {
		return inprocess.New(inprocess.Options{MaxLength: maxLength})
	})
}

// Each start is a new epoch, so that the reconciler publishes again what the last process still held.
func TestNew_begins_a_new_epoch(t *testing.T) {
	t.Parallel()
	before, err := inprocess.New(inprocess.Options{}).Publish(t.Context(), queuetest.Refs(1))
	if err != nil {
		t.Fatal(err)
	}
	now, err := inprocess.New(inprocess.Options{}).Mark(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !queue.Lost(before, now) {
		t.Errorf("a restart from %+v to %+v does not show", before, now)
	}
	if queue.Lost(models.QueueMark{}, now) {
		t.Error("a first start counts as a loss")
	}
}

func TestReclaim_only_after_idle_time(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	q := inprocess.New(inprocess.Options{Now: clock.Now})
	if _, err := q.Publish(t.Context(), queuetest.Refs(1)); err != nil {
		t.Fatal(err)
	}
	if got, err := q.Receive(t.Context(), "a", 1, 0); err != nil || len(got) != 1 {
		t.Fatalf("received %v, error %v", got, err)
	}
	for _, step := range []struct {
		pass time.Duration
		want int
	}{{29 * time.Second, 0}, {time.Second, 1}, {29 * time.Second, 0}, {time.Second, 1}} {
		clock.Advance(step.pass)
		got, err := q.Reclaim(t.Context(), "b", 30*time.Second, 10)
		if err != nil || len(got) != step.want {
			t.Fatalf("reclaimed %d, error %v, want %d", len(got), err, step.want)
		}
	}
}
