package onsale

import (
	"context"
	"math/rand/v2"
	"time"
)

// unconnectedPause keeps a generator that lost its server from spending both processors on dialing.
const unconnectedPause = 50 * time.Millisecond

// worker is one connection with the buyers that it serves, one at a time.
type worker struct {
	*load
	number int
	conn   *conn
	req    *bookingRequest
	shard  *shard
	rng    *rand.Rand
	timer  *time.Timer
}

func (w *worker) run(ctx context.Context) {
	defer w.timer.Stop()
	if w.source != nil {
		w.runOpen(ctx)
		return
	}
	w.runClosed(ctx)
}

// runClosed serves one buyer after another until the time is over.
func (w *worker) runClosed(ctx context.Context) {
	number := uint64(w.number)
	for at := w.now(); at < w.s.Duration && ctx.Err() == nil; number += uint64(len(w.conns)) {
		b := w.crowd.next(w.rng, number, at)
		if at = w.serve(ctx, &b); at < 0 {
			return
		}
	}
}

// serve takes one buyer of the closed model to the end and returns the time of it, or less than zero when ctx ended.
func (w *worker) serve(ctx context.Context, b *buyer) time.Duration {
	for {
		o, done := w.attempt(ctx, b)
		if done < 0 {
			return done
		}
		if !w.again(b, o, done) || b.due > w.s.Duration {
			w.shard.buyer(b, o.outcome, done)
			return w.rest(ctx, o, done)
		}
		if !w.wait(ctx, b.due) {
			return -1
		}
	}
}

// runOpen serves the buyers of the source as they come due.
func (w *worker) runOpen(ctx context.Context) {
	for {
		b, ok := w.source.take()
		if !ok || !w.wait(ctx, b.due) {
			return
		}
		o, done := w.attempt(ctx, &b)
		switch {
		case done < 0:
			return
		case w.again(&b, o, done):
			w.source.putBack(b)
		default:
			w.shard.buyer(&b, o.outcome, done)
		}
		w.rest(ctx, o, done)
	}
}

// ending is the end of an attempt with the pause that the server asked for.
type ending struct {
	outcome
	asked time.Duration
}

// attempt sends the buyer's request once and records it. It returns when the answer came, or less than zero when ctx
// ended first: an aborted request says nothing about the server.
func (w *worker) attempt(ctx context.Context, b *buyer) (ending, time.Duration) {
	now := time.Now()
	sent := now.Sub(w.start)
	b.attempts++
	deadline, patience := now.Add(w.s.Timeout), w.s.GiveUp > 0
	if patience {
		deadline = w.start.Add(b.arrived + w.s.GiveUp)
		if sent-b.due > w.s.GiveUp/2 || !deadline.After(now) {
			return w.leave(b, sent)
		}
	}
	w.req.fill(w.users[b.user], w.events[b.event], b.quantity, w.id, b.key)
	res, err := w.conn.roundTrip(ctx, w.req.bytes, now, deadline, patience)
	if err != nil && ctx.Err() != nil {
		return ending{}, -1
	}
	w.conn.lastUse = time.Now()
	done := w.conn.lastUse.Sub(w.start)
	o := classify(res, err, patience, w.s.IdempotencyKeys)
	w.shard.attempt(o, done-b.due, sent-b.due, done)
	return ending{o, res.retryAfter}, done
}

// leave records a buyer for whom no connection was free in time, or no processor. To send the request all the same
// would have it given up for the generator's delay, not the server's; and as each request that is given up costs its
// connection, a generator that was late once would be later and later.
func (w *worker) leave(b *buyer, now time.Duration) (ending, time.Duration) {
	o := outcome{class: Failed, code: CodeNeverSent}
	w.shard.attempt(o, now-b.due, now-b.due, now)
	return ending{outcome: o}, now
}

// again says whether the buyer tries once more, and sets when.
func (w *worker) again(b *buyer, o ending, done time.Duration) bool {
	if !o.retry || b.attempts > w.s.Retry.Attempts {
		return false
	}
	b.due = done + w.s.Retry.pause(o.asked, b.attempts, w.rng)
	return w.s.GiveUp == 0 || b.due < b.arrived+w.s.GiveUp
}

// rest pauses after a failed dial, and returns the time after it.
func (w *worker) rest(ctx context.Context, o ending, done time.Duration) time.Duration {
	if o.code != CodeNotConnected {
		return done
	}
	if !w.wait(ctx, done+unconnectedPause) {
		return -1
	}
	return w.now()
}

// wait sleeps until at, and says whether ctx still stands.
func (w *worker) wait(ctx context.Context, at time.Duration) bool {
	pause := at - w.now()
	if pause <= 0 {
		return ctx.Err() == nil
	}
	w.timer.Reset(pause)
	select {
	case <-w.timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
