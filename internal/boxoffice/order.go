package boxoffice

import (
	"context"
	"sync/atomic"

	"quantix/internal/models"
)

// An order is a command that waits for its outcome.
type order struct {
	command models.Command
	state   atomic.Int32
	done    chan struct{} // closed after verdict and err were set
	verdict models.Verdict
	err     error
}

// The states of an order: whoever leaves waiting first decides.
const (
	waiting   int32 = iota
	taken           // in a transaction: the outcome will come
	abandoned       // its caller went away before it was taken: nothing will be done
)

func newOrder(c models.Command) *order {
	return &order{command: c, done: make(chan struct{})}
}

// take claims the order for a batch; false when its caller has gone.
func (o *order) take() bool { return o.state.CompareAndSwap(waiting, taken) }

// answer gives the outcome to whoever waits.
func (o *order) answer(v models.Verdict, err error) {
	o.verdict, o.err = v, err
	close(o.done)
}

// wait gives the outcome. When the caller's time runs out first, the answer says whether anything may have been done.
func (o *order) wait(ctx context.Context) (models.Verdict, error) {
	select {
	case <-o.done:
		return o.outcome()
	case <-ctx.Done():
	}
	if o.state.CompareAndSwap(waiting, abandoned) {
		return models.Verdict{}, models.ErrBusy.With(ctx.Err())
	}
	select {
	case <-o.done:
		return o.outcome()
	default:
		return models.Verdict{}, models.ErrOutcomeUnknown.With(ctx.Err())
	}
}

func (o *order) outcome() (models.Verdict, error) {
	if o.err != nil {
		return models.Verdict{}, o.err
	}
	if o.verdict.Err != nil {
		return models.Verdict{}, o.verdict.Err
	}
	return o.verdict, nil
}
