package jobs

import (
	"testing"
	"time"
)

func TestRelay_gathers_for_a_shorter_time_while_few_book(t *testing.T) {
	t.Parallel()
	r, now := &Relay{Gather: 25 * time.Millisecond}, time.Now()
	for _, round := range []struct {
		after     time.Duration
		published int
		want      time.Duration
	}{
		{time.Hour, 1, shortGather}, {4 * time.Millisecond, 1, shortGather}, {25 * time.Millisecond, 100, r.Gather},
		{25 * time.Millisecond, 0, r.Gather}, {100 * time.Millisecond, 100, r.Gather}, {time.Second, 100, shortGather},
	} {
		now = now.Add(round.after)
		if r.note(round.published, now); r.gather() != round.want {
			t.Errorf("after %d bookings in %s it gathers for %s, want %s", round.published, round.after, r.gather(), round.want)
		}
	}
}
