package boxoffice

import (
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// A lane is a class of requests; those of the first lane go first. The system's commands give tickets back and settle
// money: they are never refused. Organisers stop a sale, and cancellations give tickets back, just when most buyers
// wait: they have lanes of their own.
type lane int

const (
	system lane = iota
	organisers
	cancellations
	buyers
	lanes
)

// maxWaiting bounds the lanes in which no crowd is to be expected: a client that repeats itself must not fill them.
const maxWaiting = 256

// A desk is where an event's commands wait. It works only while something waits, in one goroutine, so that of two
// batches of an event one commits while the other collects, and never two fight for the row.
type desk struct {
	office *Office
	event  models.EventID

	mu      sync.Mutex
	inbox   [lanes][]*request
	working bool

	latch atomic.Pointer[latch] // nil: nothing is known
}

// submit lets requests wait at the desk, all or none.
func (d *desk) submit(requests []*request, l lane) *models.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.office.closed.Load() {
		return models.ErrShuttingDown
	}
	now := d.office.options.Now()
	if d.crowded(l, len(requests), now) {
		return models.ErrBusy
	}
	if !d.working {
		if !d.office.begin() {
			return models.ErrShuttingDown
		}
		d.working = true
		go d.work()
	}
	for _, r := range requests {
		r.since = now
	}
	d.inbox[l] = append(d.inbox[l], requests...)
	return nil
}

// crowded reports whether a lane takes no more: too many are there, or the first buyer has waited for too long, and
// further ones would only make all wait longer.
func (d *desk) crowded(l lane, more int, now time.Time) bool {
	waiting := d.inbox[l]
	switch l {
	case system:
		return false
	case buyers:
		return len(waiting)+more > d.office.options.MaxInbox || len(waiting) > 0 && d.late(waiting[0], now)
	}
	return len(waiting)+more > maxWaiting
}

// late reports whether a request has waited for so long that its buyer may have left. To serve such buyers in turn
// would serve nobody, once those behind them are as late.
func (d *desk) late(r *request, now time.Time) bool {
	return now.Sub(r.since) > d.office.options.MaxWait
}

// stale reports whether a request is late and may be refused for it.
func (d *desk) stale(r *request, now time.Time) bool {
	_, is := r.refusable()
	return is && d.late(r, now)
}

// work serves batch after batch until nothing waits.
func (d *desk) work() {
	defer d.office.busy.Done()
	for served := false; ; {
		batch, more := d.collect(served)
		if !more {
			return
		}
		if served = len(batch) > 0; served {
			d.serve(batch)
		}
	}
}

// collect takes what waits, up to the cap of each lane, without requests that can be refused at once and those whose
// callers have gone. served says that a transaction has just ended: what it saw under the row's lock was true until
// then, however long that took.
func (d *desk) collect(served bool) (batch []*request, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	known := d.latch.Load()
	now := d.office.options.Now()
	fresh := known != nil && (served || !known.sent.Load() && now.Before(known.until))
	for l := range d.inbox {
		more = more || len(d.inbox[l]) > 0
		n, full := 0, len(batch)+d.office.options.MaxBatch
		for ; n < len(d.inbox[l]) && len(batch) < full; n++ {
			r := d.inbox[l][n]
			if known.beyond(r) && !fresh && len(batch) > 0 {
				break // one probe per batch is enough: requests behind it are refused from its result, without a query
			}
			if !r.take() {
				continue
			}
			if refusal := d.refusalNow(r, lane(l), known, fresh, now); refusal != nil {
				d.turnAway(r, refusal)
			} else {
				batch = append(batch, r)
			}
		}
		d.inbox[l] = rest(d.inbox[l], n)
	}
	d.working = more
	return batch, more
}

// refusalNow returns what a request can be refused with at once, or nil. Only buyers' requests are.
func (d *desk) refusalNow(r *request, l lane, known *latch, fresh bool, now time.Time) *models.Error {
	switch {
	case fresh && known.beyond(r):
		return known.outOfStock()
	case l == buyers && d.stale(r, now):
		return models.ErrBusy
	}
	return nil
}

// turnAway refuses a request that was taken as the latch would have, had it been set when the request came.
func (d *desk) turnAway(r *request, refusal *models.Error) {
	d.office.options.Observer.Refused(refusal.Code)
	r.answer(sale.Verdict{}, refusal)
}

// rest drops the first n requests and lets their memory go when nothing else is left.
func rest(inbox []*request, n int) []*request {
	clear(inbox[:n])
	if n == len(inbox) {
		return inbox[:0]
	}
	return inbox[n:]
}

func (d *desk) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.working
}

// A latch remembers the stock that a desk saw last. It never changes: a new one takes its place, so that refusals need
// no lock.
type latch struct {
	available int64
	renew     time.Time   // when one buyer is sent to look again
	sent      atomic.Bool // that one is on its way
	until     time.Time
	refused   atomic.Pointer[models.Error] // see outOfStock
}

// outOfStock is the refusal of every quantity above what is available: made once, for a flood of them.
func (l *latch) outOfStock() *models.Error {
	if made := l.refused.Load(); made != nil {
		return made
	}
	made := sale.OutOfStock(l.available+1, l.available)
	l.refused.Store(made)
	return made
}

// beyond reports whether a request asks for more than the latch remembers.
func (l *latch) beyond(r *request) bool {
	if l == nil {
		return false
	}
	c, is := r.refusable()
	return is && c.Quantity > l.available
}

// latched refuses a quantity that was not there a moment ago, without asking the database. A release at this desk
// resets the latch at once; one on another replica shows when the latch runs out. Before that one buyer is sent to
// look, as a probe, and requests that arrive when the probe is late wait for its result, see collect.
func (d *desk) latched(quantity int64) *models.Error {
	l := d.latch.Load()
	if l == nil || quantity <= l.available {
		return nil
	}
	now := d.office.options.Now()
	if !now.Before(l.until) || !now.Before(l.renew) && l.sent.CompareAndSwap(false, true) {
		return nil
	}
	return l.outOfStock()
}

// setLatch notes the stock as a transaction has just left it. Its time counts from when the transaction saw it, under
// the row's lock, so that nothing is refused on older knowledge. The next probe may start LatchFor after this one
// started: so there is at most one per LatchFor, and where a transaction takes as long, nobody waits for it.
func (d *desk) setLatch(event *models.Event, begun, seen time.Time) {
	if event == nil || !event.DeletedAt.IsZero() || !event.CancelledAt.IsZero() {
		d.latch.Store(nil)
		return
	}
	long := d.office.options.LatchFor
	d.latch.Store(&latch{available: event.Stock.Available, renew: begun.Add(long), until: seen.Add(long)})
}
