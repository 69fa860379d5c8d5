package batch_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/batch"
)

// recorder runs batches that take a second each.
type recorder struct {
	mu      sync.Mutex
	batches [][]int
	running int
	most    int
}

func (r *recorder) run(jobs []int) {
	r.mu.Lock()
	r.batches = append(r.batches, slices.Clone(jobs))
	r.running++
	r.most = max(r.most, r.running)
	r.mu.Unlock()
	time.Sleep(time.Second)
	r.mu.Lock()
	r.running--
	r.mu.Unlock()
}

func TestBatcher_runs_a_lone_job_at_once_and_what_arrives_meanwhile_together(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := batch.Batcher[int]{Run: r.run}
		begun := time.Now()
		for i := range 4 {
			b.Do(i)
			synctest.Wait()
		}
		if b.Waiting() != 3 {
			t.Errorf("%d wait", b.Waiting())
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := fmt.Sprint(r.batches); got != "[[0] [1 2 3]]" || r.running != 0 {
			t.Errorf("%s after %s", got, time.Since(begun))
		}
		b.Do(4) // after a rest it begins anew
		time.Sleep(time.Second)
		synctest.Wait()
		if got := fmt.Sprint(r.batches); got != "[[0] [1 2 3] [4]]" {
			t.Error(got)
		}
	})
}

func TestBatcher_runs_no_more_calls_than_it_may(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := batch.Batcher[int]{Run: r.run, Calls: 2, Pick: batch.AtMost[int](3)}
		for i := range 20 {
			b.Do(i)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		all := 0
		for _, jobs := range r.batches {
			if all += len(jobs); len(jobs) > 3 {
				t.Errorf("a batch of %d", len(jobs))
			}
		}
		if all != 20 || r.most != 2 {
			t.Errorf("%d jobs, %d calls at a time", all, r.most)
		}
	})
}

// What a Pick leaves behind is for the next batch, and what it drops is gone.
func TestBatcher_picks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{}
		b := batch.Batcher[int]{Run: r.run, Pick: func(waiting []int) (next, rest []int) {
			for _, job := range waiting {
				switch {
				case job < 0:
				case slices.Contains(next, job):
					rest = append(rest, job)
				default:
					next = append(next, job)
				}
			}
			return next, rest
		}}
		for _, job := range []int{0, 1, 1, -1, 2, 1} {
			b.Do(job)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := fmt.Sprint(r.batches); got != "[[0] [1 2] [1] [1]]" {
			t.Error(got)
		}
		b.Do(-1)
		synctest.Wait()
		if b.Do(3); b.Waiting() > 1 {
			t.Errorf("%d wait", b.Waiting())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(r.batches) != 5 {
			t.Errorf("after only dropped jobs nothing runs any more: %v", r.batches)
		}
	})
}
