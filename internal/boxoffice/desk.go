package boxoffice

import (
	"sync"
	"time"

	"quantix/internal/models"
)

// A lane is who waits. The system's commands give tickets back and settle money: they go first and are never refused.
type lane int

const (
	system lane = iota
	buyers
	lanes
)

// A desk is where an event's commands wait. It works only while something waits, in one goroutine, so that of two
// batches of an event one commits while the other collects, and never two fight for the row.
type desk struct {
	office *Office
	event  models.EventID

	mu      sync.Mutex
	inbox   [lanes][]*order
	working bool
	latch   latch
}

// submit lets orders wait at the desk, all or none.
func (d *desk) submit(orders []*order, l lane) *models.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.office.closed.Load() {
		return models.ErrShuttingDown
	}
	if l == buyers && len(d.inbox[l])+len(orders) > d.office.options.MaxInbox {
		return models.ErrBusy
	}
	if !d.working {
		if !d.office.begin() {
			return models.ErrShuttingDown
		}
		d.working = true
		go d.work()
	}
	d.inbox[l] = append(d.inbox[l], orders...)
	return nil
}

// work serves batch after batch until nothing waits.
func (d *desk) work() {
	defer d.office.busy.Done()
	for {
		batch, more := d.collect()
		if !more {
			return
		}
		if len(batch) > 0 {
			d.serve(batch)
		}
	}
}

// collect takes what waits, up to the cap of each lane, without those whose callers have gone.
func (d *desk) collect() (batch []*order, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for l := range d.inbox {
		n := min(len(d.inbox[l]), d.office.options.MaxBatch)
		fresh := len(batch) == 0 && !d.latch.scouting && d.office.options.Now().Before(d.latch.until)
		for _, o := range d.inbox[l][:n] {
			more = true
			if fresh = fresh && d.hopeless(o); fresh {
				d.turnAway(o)
			} else if o.take() {
				batch = append(batch, o)
			}
		}
		d.inbox[l] = rest(d.inbox[l], n)
		if lane(l) == buyers {
			d.office.rush.note(n, d.office.options.MaxBatch, d.office.options.Now())
		}
	}
	d.working = more
	return batch, more
}

// hopeless tells whether what the transaction before has just seen is too little for an order that waited meanwhile.
// Whoever sent a key may have bought before, and is looked up.
func (d *desk) hopeless(o *order) bool {
	c, is := o.command.(*models.Reserve)
	return is && c.Key == "" && c.Quantity > d.latch.available
}

// turnAway refuses an order as the latch would have, had it been set when the order came.
func (d *desk) turnAway(o *order) {
	if o.take() {
		refusal := models.OutOfStock(o.command.(*models.Reserve).Quantity, d.latch.available)
		d.office.options.Observer.Refused(refusal.Code)
		o.answer(models.Verdict{}, refusal)
	}
}

// rest drops the first n orders and lets their memory go when nothing else is left.
func rest(inbox []*order, n int) []*order {
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

// scoutAhead is the last part of a latch's time in which a scout goes: a twentieth, about what a transaction takes, so
// that there is still no more than one in each latch's time.
const scoutAhead = 20

// A latch remembers the stock that a desk saw last.
type latch struct {
	available int64
	renew     time.Time // when one buyer is sent to look again; until then, and behind that one, all are refused
	scouting  bool      // that one is under way
	until     time.Time
}

// latched refuses a quantity that was not there a moment ago, without asking the database. A release at this desk
// resets the latch at once; one on another replica shows when the latch runs out. Shortly before that one buyer goes
// through as a scout: were it only afterwards, all who come while the first transaction takes its time would queue up
// behind it, and be refused at the price of a booking.
func (d *desk) latched(quantity int64) *models.Error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.latch.until.IsZero() || quantity <= d.latch.available {
		return nil
	}
	now := d.office.options.Now()
	if !now.Before(d.latch.until) {
		return nil
	}
	if !d.latch.scouting && !now.Before(d.latch.renew) {
		d.latch.scouting = true
		return nil
	}
	return models.OutOfStock(quantity, d.latch.available)
}

// setLatch notes the stock as a transaction has just left it.
func (d *desk) setLatch(event *models.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latch = latch{}
	if event != nil && event.DeletedAt.IsZero() && event.CancelledAt.IsZero() {
		now, long := d.office.options.Now(), d.office.options.LatchFor
		d.latch = latch{available: event.Stock.Available, renew: now.Add(long - long/scoutAhead), until: now.Add(long)}
	}
}
