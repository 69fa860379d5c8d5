// Package boxoffice is the booking engine: one desk per busy event, many commands in one transaction.
//
// Every change of an event's stock or of its bookings' states is a sale.Command for that event's desk. The desk takes
// whatever waits, decides it in arrival order under the event's row lock, and commits it at once: an idle event books
// as fast as a plain transaction, a busy one batches by itself. docs/locking.md explains why nothing oversells.
package boxoffice

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/logging"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// Store is what the box office needs of the database.
type Store interface {
	repository.Desk
	BookingByKey(ctx context.Context, event models.EventID, key models.ReplayKey) (models.Booking, error)
}

// Observer is told what desks do, for metrics. Its methods are called on the hot path: they must not block.
type Observer interface {
	// Batch reports one transaction: its number of commands, its duration and its error.
	Batch(commands int, took time.Duration, err error)
	// Refused reports a command that was refused without a transaction, by its error's code.
	Refused(code string)
}

// Options are an office's settings. The zero value of each but Store is a sensible default.
type Options struct {
	Rules    sale.Rules
	MaxBatch int           // commands of each lane in one transaction; default 512
	MaxInbox int           // buyers' commands that may wait for one event; default 10,000
	MaxWait  time.Duration // how long buyers' commands may wait for their batch; default 2 s
	LatchFor time.Duration // how long a desk believes the stock it saw last; default 100 ms
	Timeout  time.Duration // of one transaction; default 10 s
	Patience time.Duration // how long a buyer waits in Reserve before it is told busy or outcome_unknown; default 15 s
	Observer Observer
	Logger   *slog.Logger
	// Published is called after each commit that left a row in the outbox, so that nobody has to poll for it. It must
	// not block.
	Published func()
	Now       func() time.Time // for the latch; default time.Now
}

// Office keeps the desks of one process. Replicas need no coordination: the row lock orders them.
type Office struct {
	store   Store
	options Options

	// gate guards that no desk begins work once the office is closed. It is taken with a desk's own lock held, and
	// nothing is taken after it.
	gate   sync.Mutex
	closed atomic.Bool
	busy   sync.WaitGroup // desks at work

	waiting  atomic.Int64 // buyers in Reserve who wait for a transaction or in one
	requests sync.Pool    // of *request
	faults   *logging.Spells
	turn     sharedTimeout // until a buyer's turn has to come
	patience sharedTimeout
	lookups  *lookups

	mu    sync.Mutex // guards desks; taken before a desk's lock, never after
	desks map[models.EventID]*desk
}

// How many desks are kept before idle ones are forgotten.
const manyDesks = 10_000

// New opens an office on a store.
func New(store Store, options Options) *Office {
	options.MaxBatch = cmp.Or(options.MaxBatch, 512)
	options.MaxInbox = cmp.Or(options.MaxInbox, 10_000)
	options.MaxWait = cmp.Or(options.MaxWait, 2*time.Second)
	options.LatchFor = cmp.Or(options.LatchFor, 100*time.Millisecond)
	options.Timeout = cmp.Or(options.Timeout, 10*time.Second)
	options.Patience = cmp.Or(options.Patience, 15*time.Second)
	options.Rules.PaymentDeadline = cmp.Or(options.Rules.PaymentDeadline, 15*time.Minute)
	options.Rules.RetryLease = cmp.Or(options.Rules.RetryLease, 30*time.Second)
	options.Rules.RefundWindow = cmp.Or(options.Rules.RefundWindow, models.DefaultRefundWindow)
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Published == nil {
		options.Published = func() {}
	}
	if options.Observer == nil {
		options.Observer = noObserver{}
	}
	return &Office{
		store: store, options: options, desks: make(map[models.EventID]*desk), faults: logging.NewSpells(options.Logger),
		turn: sharedTimeout{limit: min(options.MaxWait, options.Patience)}, patience: sharedTimeout{limit: options.Patience},
		lookups: newLookups(options.MaxInbox),
	}
}

type noObserver struct{}

func (noObserver) Batch(int, time.Duration, error) {}
func (noObserver) Refused(string)                  {}

// Reserve asks an event's desk for tickets, and waits no longer than Options.Patience. A keyed request that was
// answered before gets that answer, whatever would refuse it now. Errors: those of the rules, models.ErrBusy when too
// many wait, or for too long, models.ErrUnavailable, models.ErrOutcomeUnknown.
func (o *Office) Reserve(ctx context.Context, event models.EventID, c *sale.Reserve) (sale.Verdict, error) {
	d := o.desk(event)
	if refusal := d.latched(c.Quantity); refusal != nil {
		return o.replayOrRefuse(ctx, event, c, refusal)
	}
	r := o.newReservation(c)
	if err := d.submit([]*request{r}, buyers); err != nil {
		return o.replayOrRefuse(ctx, event, c, err)
	}
	verdict, err := o.await(ctx, r)
	if errors.Is(err, errNoTurn) {
		return o.replayOrRefuse(ctx, event, c, models.ErrBusy)
	}
	return verdict, err
}

// await waits for a buyer's outcome.
func (o *Office) await(ctx context.Context, r *request) (sale.Verdict, error) {
	o.waiting.Add(1)
	defer o.waiting.Add(-1)
	return r.wait(ctx, o.turn.expired(), o.patience.expired())
}

// Waiting returns how many buyers wait for their booking in this process now.
func (o *Office) Waiting() int { return int(o.waiting.Load()) }

// Ask puts an organiser's command, or a cancellation, before an event's desk and waits for its outcome. It goes before
// the buyers' and is refused only when too many like it wait. Errors: as for Reserve.
func (o *Office) Ask(ctx context.Context, event models.EventID, c sale.Command) (sale.Verdict, error) {
	if _, is := c.(*sale.Cancel); is {
		return o.ask(ctx, event, c, cancellations)
	}
	return o.ask(ctx, event, c, organisers)
}

// Tell puts one of the system's commands before an event's desk: it is never refused for load.
func (o *Office) Tell(ctx context.Context, event models.EventID, c sale.Command) (sale.Verdict, error) {
	return o.ask(ctx, event, c, system)
}

func (o *Office) ask(ctx context.Context, event models.EventID, c sale.Command, l lane) (sale.Verdict, error) {
	r := o.newRequest(c)
	if err := o.desk(event).submit([]*request{r}, l); err != nil {
		return sale.Verdict{}, err
	}
	return r.wait(ctx, nil, nil)
}

// Outcome is what became of one command of TellAll.
type Outcome struct {
	Verdict sale.Verdict
	Err     error
}

// TellAll puts many of the system's commands before an event's desk, in order, and waits for all outcomes.
func (o *Office) TellAll(ctx context.Context, event models.EventID, commands []sale.Command) []Outcome {
	requests := make([]*request, len(commands))
	for i, c := range commands {
		requests[i] = o.newRequest(c)
	}
	outcomes := make([]Outcome, len(commands))
	if err := o.desk(event).submit(requests, system); err != nil {
		for i := range outcomes {
			outcomes[i].Err = err
		}
		return outcomes
	}
	for i, r := range requests {
		outcomes[i].Verdict, outcomes[i].Err = r.wait(ctx, nil, nil)
	}
	return outcomes
}

// Close refuses what comes from now on and waits until what was accepted is answered, or the context ends.
func (o *Office) Close(ctx context.Context) error {
	o.gate.Lock()
	o.closed.Store(true)
	o.gate.Unlock()
	done := make(chan struct{})
	go func() {
		o.busy.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// desk returns the event's desk. Forgetting an idle one is harmless: the row lock, not the desk, keeps the order.
func (o *Office) desk(event models.EventID) *desk {
	o.mu.Lock()
	defer o.mu.Unlock()
	d, known := o.desks[event]
	if !known {
		if len(o.desks) >= manyDesks {
			o.forgetIdle()
		}
		d = &desk{office: o, event: event}
		o.desks[event] = d
	}
	return d
}

func (o *Office) forgetIdle() {
	for event, d := range o.desks {
		if d.idle() {
			delete(o.desks, event)
		}
	}
}

// begin counts a desk as at work, unless the office is closed.
func (o *Office) begin() bool {
	o.gate.Lock()
	defer o.gate.Unlock()
	if o.closed.Load() {
		return false
	}
	o.busy.Add(1)
	return true
}
