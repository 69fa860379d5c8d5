package boxoffice

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// A request is a command that waits for its outcome.
type request struct {
	command sale.Command
	reserve sale.Reserve // what command points to, when it is one: bookings are many, and need no memory of their own
	since   time.Time    // it waits at a desk
	state   atomic.Int32
	done    chan struct{} // holds one token after verdict and err were set
	verdict sale.Verdict
	err     error
	pool    *sync.Pool // where it goes after its outcome was fetched
}

// The states of a request: whoever leaves waiting first decides.
const (
	waiting   int32 = iota
	taken           // in a transaction that may still wait for the event's row
	decided         // under the row's lock: the outcome will come
	abandoned       // its caller went away before it was decided: nothing will be done
	left            // its caller went away after that: nothing more will be done should the transaction be repeated
)

// newRequest makes a request, or uses one again. They are kept by office, not by the process, so that their channels
// stay in the test bubble that made them.
func (o *Office) newRequest(c sale.Command) *request {
	r, used := o.requests.Get().(*request)
	if !used {
		r = &request{done: make(chan struct{}, 1), pool: &o.requests}
	}
	r.command = c
	return r
}

// newReservation is newRequest for a command that is copied, so that its caller may have it on the stack.
func (o *Office) newReservation(c *sale.Reserve) *request {
	r := o.newRequest(nil)
	r.reserve = *c
	r.command = &r.reserve
	return r
}

// refusable returns the command of a request that may be refused without a transaction: a buyer's who sent no key.
// Whoever sent one may have bought before, and is looked up.
func (r *request) refusable() (c *sale.Reserve, is bool) {
	c, is = r.command.(*sale.Reserve)
	return c, is && c.Key == ""
}

// take claims the request for a batch; false when its caller has gone.
func (r *request) take() bool { return r.state.CompareAndSwap(waiting, taken) }

// admit reports, under the row's lock, whether the request is still to be decided: not when its caller went away
// meanwhile. One that was decided before, and may be in force, is decided again to find out, whoever still waits for
// it.
func (r *request) admit(recheck bool) bool {
	if r.state.CompareAndSwap(taken, decided) {
		return true
	}
	state := r.state.Load()
	return state == decided || recheck && state == left
}

// abandon leaves a request that nobody has decided yet.
func (r *request) abandon() bool {
	return r.state.CompareAndSwap(waiting, abandoned) || r.state.CompareAndSwap(taken, abandoned)
}

// answer hands the outcome to the waiting caller, whose the request is from then on.
func (r *request) answer(v sale.Verdict, err error) {
	r.verdict, r.err = v, err
	r.done <- struct{}{}
}

// errNoTurn is what wait returns for a request that was given up because its turn did not come: nothing was or will be
// done.
var errNoTurn = errors.New("the request's turn did not come in time")

// wait returns the outcome, or errNoTurn when turn comes before the request was taken. When the caller goes away or its
// patience is over first, the answer says whether anything may have been done.
func (r *request) wait(ctx context.Context, turn, over <-chan struct{}) (sale.Verdict, error) {
	select {
	case <-r.done:
		return r.outcome()
	case <-ctx.Done():
		return r.leave(ctx.Err())
	case <-turn:
	}
	if r.state.CompareAndSwap(waiting, abandoned) {
		return sale.Verdict{}, errNoTurn
	}
	select {
	case <-r.done:
		return r.outcome()
	case <-ctx.Done():
		return r.leave(ctx.Err())
	case <-over:
		return r.leave(context.DeadlineExceeded)
	}
}

// leave gives a request up, unless it is done.
func (r *request) leave(why error) (sale.Verdict, error) {
	if r.abandon() {
		return sale.Verdict{}, models.ErrBusy.With(why)
	}
	r.state.CompareAndSwap(decided, left)
	select {
	case <-r.done:
		return r.outcome()
	default:
		return sale.Verdict{}, models.ErrOutcomeUnknown.With(why)
	}
}

// outcome fetches the answer. Only then is the request used again: one that was abandoned may still stand in an inbox.
func (r *request) outcome() (sale.Verdict, error) {
	v, err := r.verdict, r.err
	*r = request{done: r.done, pool: r.pool}
	r.pool.Put(r)
	if err != nil {
		return sale.Verdict{}, err
	}
	if v.Err != nil {
		return sale.Verdict{}, v.Err
	}
	return v, nil
}
