// Package redis keeps count in a Redis, so that all replicas count together. Checks that wait together share one call
// of one script. While Redis is away they are judged by a limiter of this process: a sale does not wait for its limits.
package redis

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/batch"
	"quantix/internal/limits"
	"quantix/internal/logging"
	"quantix/internal/redisconn"
)

// Options are a limiter's settings.
type Options struct {
	Installation string           // whose keys they are
	Meanwhile    limits.Limiter   // judges while Redis is away
	Unanswered   func(checks int) // told how many checks Redis did not answer; nil: nobody
	Logger       *slog.Logger     // nil: none
	Timeout      time.Duration    // of a call of the script; default 150 ms
	Pause        time.Duration    // before a Redis that is away is tried again; default 1 s
}

// dialTimeout bounds the making of a connection: it goes on while checks are judged here.
const dialTimeout = 3 * time.Second

// maxJobs bounds the requests that share a call: for so long Redis does nothing else, and Lua returns no more than some
// thousands of values from one MGET.
const maxJobs = 500

// Limiter implements limits.Limiter.
type Limiter struct {
	client  *goredis.Client
	options Options
	tag     string
	spells  *logging.Spells
	batcher batch.Batcher[*job]
	jobs    sync.Pool // of *job
	call    call      // of the batch that runs: there is one at a time
	away    atomic.Bool
	closing chan struct{}
	probes  sync.WaitGroup
}

// job is a request that waits for its verdict.
type job struct {
	count    int
	asks     [limits.MaxAsks]limits.Ask
	keys     [limits.MaxAsks]uint16 // their numbers in the call
	verdict  limits.Verdict
	answered bool
	done     chan struct{}
}

// New makes a limiter on the Redis at an address, as redisconn reads it; it does not connect yet. Error: an address
// that makes no sense.
func New(address string, o Options) (*Limiter, error) {
	o.Timeout = cmp.Or(o.Timeout, 150*time.Millisecond)
	o.Pause = cmp.Or(o.Pause, time.Second)
	if o.Unanswered == nil {
		o.Unanswered = func(int) {}
	}
	settings, err := redisconn.Settings(address, o.Timeout)
	if err != nil {
		return nil, err
	}
	settings.DialTimeout = dialTimeout
	settings.MaxRetries = -1 // a call whose answer is lost may have charged
	settings.PoolSize = 2    // one for the batch that runs
	l := &Limiter{
		client: goredis.NewClient(settings), options: o, tag: "{limits:" + o.Installation + "}",
		spells: logging.NewSpells(o.Logger), closing: make(chan struct{}),
	}
	l.batcher.Run, l.batcher.Pick = l.run, batch.AtMost[*job](maxJobs)
	l.jobs.New = func() any { return &job{done: make(chan struct{}, 1)} }
	return l, nil
}

// Close closes the connection; checks under way are judged here.
func (l *Limiter) Close() error {
	close(l.closing)
	l.probes.Wait()
	if err := l.client.Close(); err != nil {
		return fmt.Errorf("close the connections to Redis: %w", err)
	}
	return nil
}

// Check asks whether a request may go on. It waits for the call that is under way, and for its own.
func (l *Limiter) Check(ctx context.Context, asks []limits.Ask) (limits.Verdict, error) {
	if len(asks) == 0 {
		return limits.Verdict{Allowed: true}, nil
	}
	if l.away.Load() {
		return l.meanwhile(ctx, asks)
	}
	j, _ := l.jobs.Get().(*job) // the pool holds nothing else
	j.count = copy(j.asks[:], asks)
	l.batcher.Do(j)
	select {
	case <-j.done:
	case <-ctx.Done(): // the batch has the job, and may still write to it
		return limits.Verdict{}, ctx.Err()
	}
	verdict, answered := j.verdict, j.answered
	l.jobs.Put(j)
	if !answered {
		return l.meanwhile(ctx, asks)
	}
	return verdict, nil
}

func (l *Limiter) meanwhile(ctx context.Context, asks []limits.Ask) (limits.Verdict, error) {
	l.options.Unanswered(1)
	return l.options.Meanwhile.Check(ctx, asks)
}

// run has Redis judge a batch of requests; if it does not answer, nobody else is to wait for it.
func (l *Limiter) run(jobs []*job) {
	answered := false
	if !l.away.Load() {
		err := l.judge(&l.call, jobs)
		if answered = err == nil; !answered {
			l.leave(err)
		}
	}
	for _, j := range jobs {
		j.answered = answered
		j.done <- struct{}{}
	}
}

// judge runs the script for some requests, and gives them their verdicts.
func (l *Limiter) judge(c *call, jobs []*job) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.options.Timeout)
	defer cancel()
	arguments := c.prepare(l.tag, jobs)
	answer, err := l.client.Do(ctx, arguments...).Text()
	if goredis.HasErrorPrefix(err, "NOSCRIPT") {
		arguments[0], arguments[1] = "EVAL", script
		answer, err = l.client.Do(ctx, arguments...).Text()
	}
	if err != nil {
		return err
	}
	return c.decide(answer, jobs)
}

// spell is the kind of fault that the log tells of.
const spell = "away"

// leave has checks judged here until Redis answers again.
func (l *Limiter) leave(err error) {
	l.away.Store(true)
	l.spells.Fault(slog.LevelWarn, spell, "Redis does not judge the limits: each process counts for itself meanwhile",
		slog.String("error", err.Error()))
	l.probes.Go(l.probe)
}

// probe tries a Redis that is away, again and again, without anybody waiting for it: with a request of its own, for
// Redis may answer and yet not write.
func (l *Limiter) probe() {
	own := &job{count: 1}
	own.asks[0] = limits.Ask{Limit: limits.Kinds, Rate: limits.Rate{Count: 1, Period: time.Second, Burst: 1}}
	for {
		select {
		case <-l.closing:
			return
		case <-time.After(l.options.Pause):
		}
		if l.judge(new(call), []*job{own}) == nil {
			l.spells.Over(spell)
			l.away.Store(false)
			return
		}
	}
}
