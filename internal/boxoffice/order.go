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

// An order is a command that waits for its outcome.
type order struct {
	command sale.Command
	reserve sale.Reserve // what command points to, when it is one: bookings are many, and need no memory of their own
	since   time.Time    // it waits at a desk
	state   atomic.Int32
	done    chan struct{} // holds one token after verdict and err were set
	verdict sale.Verdict
	err     error
	pool    *sync.Pool // where it goes after its outcome was fetched
}

// The states of an order: whoever leaves waiting first decides.
const (
	waiting   int32 = iota
	taken           // in a transaction that may still wait for the event's row
	decided         // under the row's lock: the outcome will come
	abandoned       // its caller went away before it was decided: nothing will be done
	left            // its caller went away after that: nothing more will be done should the transaction be repeated
)

// newOrder makes an order, or uses one again. They are kept by office, not by the process, so that their channels stay
// in the test bubble that made them.
func (o *Office) newOrder(c sale.Command) *order {
	one, used := o.orders.Get().(*order)
	if !used {
		one = &order{done: make(chan struct{}, 1), pool: &o.orders}
	}
	one.command = c
	return one
}

// newReservation is newOrder for a command that is copied, so that its caller may have it on the stack.
func (o *Office) newReservation(c *sale.Reserve) *order {
	one := o.newOrder(nil)
	one.reserve = *c
	one.command = &one.reserve
	return one
}

// refusable gives the command of an order that may be refused without a transaction: a buyer's who sent no key. Whoever
// sent one may have bought before, and is looked up.
func (o *order) refusable() (c *sale.Reserve, is bool) {
	c, is = o.command.(*sale.Reserve)
	return c, is && c.Key == ""
}

// take claims the order for a batch; false when its caller has gone.
func (o *order) take() bool { return o.state.CompareAndSwap(waiting, taken) }

// admit tells, under the row's lock, whether the order is still to be decided: not when its caller went away meanwhile.
// One that was decided before, and may be in force, is decided again to find out, whoever still waits for it.
func (o *order) admit(recheck bool) bool {
	if o.state.CompareAndSwap(taken, decided) {
		return true
	}
	state := o.state.Load()
	return state == decided || recheck && state == left
}

// abandon leaves an order that nobody has decided yet.
func (o *order) abandon() bool {
	return o.state.CompareAndSwap(waiting, abandoned) || o.state.CompareAndSwap(taken, abandoned)
}

// answer gives the outcome to whoever waits. The order is theirs from then on.
func (o *order) answer(v sale.Verdict, err error) {
	o.verdict, o.err = v, err
	o.done <- struct{}{}
}

// errNoTurn is what wait gives for an order that was given up because its turn did not come: nothing was or will be done.
var errNoTurn = errors.New("the order's turn did not come in time")

// wait gives the outcome, or errNoTurn when turn comes before the order was taken. When the caller goes away or its patience
// is over first, the answer says whether anything may have been done.
func (o *order) wait(ctx context.Context, turn, over <-chan struct{}) (sale.Verdict, error) {
	select {
	case <-o.done:
		return o.outcome()
	case <-ctx.Done():
		return o.leave(ctx.Err())
	case <-turn:
	}
	if o.state.CompareAndSwap(waiting, abandoned) {
		return sale.Verdict{}, errNoTurn
	}
	select {
	case <-o.done:
		return o.outcome()
	case <-ctx.Done():
		return o.leave(ctx.Err())
	case <-over:
		return o.leave(context.DeadlineExceeded)
	}
}

// leave gives an order up, unless it is done.
func (o *order) leave(why error) (sale.Verdict, error) {
	if o.abandon() {
		return sale.Verdict{}, models.ErrBusy.With(why)
	}
	o.state.CompareAndSwap(decided, left)
	select {
	case <-o.done:
		return o.outcome()
	default:
		return sale.Verdict{}, models.ErrOutcomeUnknown.With(why)
	}
}

// outcome fetches the answer. Only then is the order used again: one that was abandoned may still stand in an inbox.
func (o *order) outcome() (sale.Verdict, error) {
	v, err := o.verdict, o.err
	*o = order{done: o.done, pool: o.pool}
	o.pool.Put(o)
	if err != nil {
		return sale.Verdict{}, err
	}
	if v.Err != nil {
		return sale.Verdict{}, v.Err
	}
	return v, nil
}
