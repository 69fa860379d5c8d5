package onsale

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// load is one phase of requests: the warm-up, or the measured one.
type load struct {
	s      Scenario
	to     target
	id     string // 16 characters that no other run has
	users  []string
	events []string
	conns  []*conn
	crowd  *crowd
	rec    *recorder
	source *source // of the open model; nil in the closed one
	start  time.Time
}

func newLoad(s Scenario, to target, id string, users, events []string, conns []*conn) *load {
	l := &load{
		s: s, to: to, id: id, users: users, events: events, conns: conns, rec: newRecorder(len(events)),
		crowd: &crowd{split: newSplitter(s.Split, len(events), s.ZipfExponent), quantity: s.Quantity, users: len(users)},
	}
	if s.Surge != nil {
		l.rec.keepTimes()
	}
	if s.Model == Open {
		l.source = newSource(s, l.crowd, rand.New(rand.NewPCG(s.Seed, 0)))
	}
	return l
}

// run serves buyers until the model's end, or until ctx ends.
func (l *load) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		for _, c := range l.conns {
			c.abort()
		}
	})
	defer stop()
	l.start = time.Now()
	var workers sync.WaitGroup
	for i := range l.conns {
		workers.Go(func() { l.worker(i).run(ctx) })
	}
	workers.Wait()
}

func (l *load) worker(i int) *worker {
	return &worker{
		load: l, number: i, conn: l.conns[i], req: newBookingRequest(l.to, l.s), shard: l.rec.of(i),
		rng: rand.New(rand.NewPCG(l.s.Seed, uint64(i)+1)), timer: time.NewTimer(0),
	}
}

// now is the time since the start of the load.
func (l *load) now() time.Duration { return time.Since(l.start) }

// dialAll opens every connection before the clock starts, so that no buyer pays for it.
func dialAll(ctx context.Context, conns []*conn) error {
	return parallel(ctx, len(conns), 64, func(i, _ int) error { return conns[i].open(ctx, time.Now()) })
}

// parallel calls do for every i below n from at most width goroutines, numbered by lane, and returns the first error.
func parallel(ctx context.Context, n, width int, do func(i, lane int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var lanes sync.WaitGroup
	for lane := range min(n, width) {
		lanes.Go(func() {
			for i := range next {
				if err := do(i, lane); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	lanes.Wait()
	return context.Cause(ctx)
}
