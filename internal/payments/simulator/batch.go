package simulator

import "sync"

// A batcher runs the work of many callers as few calls: what comes while one call is under way waits and goes together
// in the next. Nobody waits for a timer, so a lone caller is served at once.
type batcher[J any] struct {
	run  func([]J)
	most int // jobs in one call

	mu      sync.Mutex
	waiting []J
	running bool
}

// do lets a job wait for its call; run tells the job's owner when it is done.
func (b *batcher[J]) do(job J) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, job)
	if !b.running {
		b.running = true
		go b.work()
	}
}

func (b *batcher[J]) work() {
	for jobs := b.next(); jobs != nil; jobs = b.next() {
		b.run(jobs)
	}
}

// next takes what waits; nil when nothing does, and then nobody works any more.
func (b *batcher[J]) next() []J {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.running, b.waiting = false, nil
		return nil
	}
	n := min(len(b.waiting), b.most)
	jobs := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	return jobs
}
