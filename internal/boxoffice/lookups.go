package boxoffice

import (
	"context"
	"sync/atomic"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// lookupsAtOnce is how many keyed requests are looked up in the database at one time: enough to keep it busy, and few
// enough that a store that hangs holds no more.
const lookupsAtOnce = 64

// lookups bound the keyed requests that are looked up before they are refused, those who wait for it included.
type lookups struct {
	most    int64
	waiting atomic.Int64
	slots   chan struct{}
}

func newLookups(most int) *lookups {
	return &lookups{most: int64(most), slots: make(chan struct{}, lookupsAtOnce)}
}

// begin waits for a place; done gives it back. Error: models.ErrBusy.
func (l *lookups) begin(ctx context.Context) (done func(), err error) {
	defer l.waiting.Add(-1)
	if l.waiting.Add(1) > l.most {
		return nil, models.ErrBusy
	}
	select {
	case l.slots <- struct{}{}:
		return func() { <-l.slots }, nil
	case <-ctx.Done():
		return nil, models.ErrBusy.With(ctx.Err())
	}
}

// replayOrRefuse looks a keyed request up before it is refused without a transaction, for as long as it might have
// waited for its turn: a store that hangs holds those with a key no longer than those without.
func (o *Office) replayOrRefuse(
	ctx context.Context, event models.EventID, c *sale.Reserve, refusal *models.Error,
) (sale.Verdict, error) {
	if c.Key != "" {
		verdict, err := o.lookUp(ctx, event, c)
		if err != nil || verdict.Booking != nil {
			return verdict, err
		}
	}
	o.options.Observer.Refused(refusal.Code)
	return sale.Verdict{}, refusal
}

// lookUp returns what a keyed request was answered before; nothing when it was not.
func (o *Office) lookUp(ctx context.Context, event models.EventID, c *sale.Reserve) (sale.Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, min(o.options.MaxWait, o.options.Patience))
	defer cancel()
	done, err := o.lookups.begin(ctx)
	if err != nil {
		return sale.Verdict{}, err
	}
	defer done()
	earlier, err := o.store.BookingByKey(ctx, event, models.ReplayKey{User: c.User, Key: c.Key})
	switch {
	case models.ErrBookingNotFound.Is(err):
		return sale.Verdict{}, nil
	case err != nil:
		return sale.Verdict{}, repository.ToDomain(err)
	}
	v := sale.Replay(&earlier, c.Hash)
	if v.Err != nil {
		return sale.Verdict{}, v.Err
	}
	return v, nil
}
