// Package batch holds natural batching, by which this program is fast: what arrives while a call is running waits, and
// goes together in the next one. There is no timer in it. A lone job runs at once; the busier it gets, the more jobs
// share a call; and the size of a batch follows the load by itself.
//
// A [Batcher] serves the simulated gateway's ledger and the transactions that several events share. Three more places
// batch in the same way and stay by themselves, as what they add is most of them: an event's desk (lanes, and refusals
// without a call), SQLite's writer (one goroutine that owns the connection), and shared reads (a batch is one query for
// one key).
package batch

import "sync"

// A Batcher runs jobs in batches. Set its fields before the first job. Its goroutines run only while jobs wait.
type Batcher[J any] struct {
	// Run runs a batch, and tells each job's owner when it is done.
	Run func(jobs []J)
	// Calls is how many batches run at a time; default 1.
	Calls int
	// Pick splits what waits into the next batch and the rest, in order; it must take something, or drop it. Default:
	// everything at once.
	Pick func(waiting []J) (next, rest []J)

	mu      sync.Mutex
	waiting []J
	running int
}

// Do lets a job wait for its batch.
func (b *Batcher[J]) Do(job J) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, job)
	if b.running < max(b.Calls, 1) {
		b.running++
		go b.work()
	}
}

// Waiting returns how many jobs wait.
func (b *Batcher[J]) Waiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

func (b *Batcher[J]) work() {
	for jobs := b.next(); len(jobs) > 0; jobs = b.next() {
		b.Run(jobs)
	}
}

// next takes a batch. When there is none, the caller has to stop: it is no longer counted.
func (b *Batcher[J]) next() (jobs []J) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Pick != nil {
		jobs, b.waiting = b.Pick(b.waiting)
	} else {
		jobs, b.waiting = b.waiting, nil
	}
	if len(jobs) == 0 {
		b.running--
	}
	return jobs
}

// AtMost is a Pick of the first n jobs.
func AtMost[J any](n int) func([]J) (next, rest []J) {
	return func(waiting []J) (next, rest []J) {
		n := min(n, len(waiting))
		return waiting[:n:n], waiting[n:]
	}
}
