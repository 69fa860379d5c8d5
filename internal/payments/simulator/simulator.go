// Package simulator is the simulated payment gateway: a real component behind payments.Gateway, with latency and faults
// as settings. It remembers charges by reference in the database of its mode, so that after any crash it can be proven
// that no charge was made twice.
package simulator

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"quantix/internal/batch"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// Options are the gateway's settings; the zero value is a gateway that answers at once and without faults.
type Options struct {
	Latency     time.Duration  // of every call
	FailureRate float64        // share of calls that fail, 0 to 1, whatever the payment method says
	LostRate    float64        // share of answers that never arrive, 0 to 1, whatever was done for them
	Rate        int            // calls a second that are taken, those beyond being refused unseen; 0: all
	AwayFile    string         // while there is a file of this name, nobody is there to be called; empty: always somebody
	Random      func() float64 // in [0, 1), safe for concurrent use; default math/rand
	Timeout     time.Duration  // of one transaction of the ledger; default 5 s

	Secret      string       // signs callbacks, both those that are read and those that are sent; empty: none are believed
	CallbackURL string       // where to post a callback for every charge that is decided; empty: nowhere
	Logger      *slog.Logger // default: none
}

// Gateway implements payments.Gateway and payments.Notifier.
type Gateway struct {
	ledger  Ledger
	options Options
	entries batch.Batcher[*entry]
	door    door
	sender  *sender // nil: no callbacks are sent
}

var (
	_ payments.Gateway  = (*Gateway)(nil)
	_ payments.Notifier = (*Gateway)(nil)
)

// maxEntries bounds one transaction of the ledger.
const maxEntries = 512

// New makes a gateway on its ledger. Close ends the sending of callbacks.
func New(ledger Ledger, o Options) *Gateway {
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{ledger: ledger, options: o}
	g.entries.Run, g.entries.Pick = g.write, batch.AtMost[*entry](maxEntries)
	g.door = door{rate: o.Rate, awayFile: o.AwayFile}
	if o.CallbackURL != "" {
		g.sender = newSender(g, o)
	}
	return g
}

// Close stops sending callbacks. What was not sent is found by whoever asks.
func (g *Gateway) Close() {
	if g.sender != nil {
		g.sender.close()
	}
}

// Name is "simulated".
func (g *Gateway) Name() string { return "simulated" }

// Charge takes the money as the payment method scripts; see Methods.
func (g *Gateway) Charge(ctx context.Context, request payments.ChargeRequest) models.Result {
	e := newEntry(request.Reference, func(now time.Time, r records) models.Result { return r.charge(now, request) })
	if g.sender != nil {
		e.tell = g.sender.charged
	}
	return g.ask(ctx, models.OutcomeUnavailable, e)
}

// Find tells what became of a charge.
func (g *Gateway) Find(ctx context.Context, request payments.ChargeRequest) models.Result {
	return g.ask(ctx, models.OutcomeUnknown, newEntry(request.Reference, func(now time.Time, r records) models.Result {
		return r.find(now, request)
	}))
}

// Void makes sure that a charge is not made any more, unless it was made already.
func (g *Gateway) Void(ctx context.Context, request payments.ChargeRequest) models.Result {
	return g.ask(ctx, models.OutcomeUnknown, newEntry(request.Reference, func(now time.Time, r records) models.Result {
		return r.void(now, request)
	}))
}

// Refund gives a charge back, once.
func (g *Gateway) Refund(ctx context.Context, request payments.RefundRequest) models.Result {
	e := newEntry(request.Reference, func(now time.Time, r records) models.Result { return r.refund(now, request) })
	if g.sender != nil {
		e.tell = g.sender.refunded
	}
	return g.ask(ctx, models.OutcomeUnavailable, e)
}

// ask takes its time, fails as often as it is set to, and else lets the ledger decide. The fault is the outcome of a
// call that surely did nothing: models.OutcomeUnavailable for those that would have done something.
func (g *Gateway) ask(ctx context.Context, fault models.Outcome, e *entry) models.Result {
	if ctx.Err() != nil { // nothing was sent; a ledger that is quick would otherwise do it all the same
		return models.Result{Outcome: fault, Reason: "the call had no time left"}
	}
	if refusal := g.door.enter(time.Now()); refusal != nil {
		return *refusal
	}
	if g.options.Latency > 0 && !retry.Pause(ctx, g.options.Latency) {
		return models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway did not answer in time"}
	}
	if g.options.FailureRate > 0 && g.options.Random() < g.options.FailureRate {
		return models.Result{Outcome: fault, Reason: "the gateway answered with an error"}
	}
	g.entries.Do(e)
	select {
	case <-e.done:
	case <-ctx.Done():
		return models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway did not answer in time"}
	}
	switch {
	case g.options.LostRate > 0 && g.options.Random() < g.options.LostRate:
		return lost(fault)
	case e.err == nil:
		return e.result
	case surelyNothing(e.err):
		return models.Result{Outcome: fault, Reason: "the gateway's ledger is unavailable"}
	}
	return models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway's ledger did not answer"}
}

// surelyNothing reports whether a store that gave this error has written nothing.
func surelyNothing(err error) bool {
	return errors.Is(err, repository.ErrUnavailable) || errors.Is(err, repository.ErrConflict) ||
		errors.Is(err, repository.ErrRejected)
}

// A decision reads and changes the ledger's records of one reference, and gives the answer. It does no I/O, and may be
// asked again when the transaction was undone.
type decision func(now time.Time, r records) models.Result

// An entry is a call that waits for the ledger.
type entry struct {
	reference string
	decide    decision
	tell      func(now time.Time, c Record) // what became of the record, once that is on disk; nil: nobody
	done      chan struct{}                 // closed after result or err was set
	result    models.Result
	err       error
}

func newEntry(reference string, decide decision) *entry {
	return &entry{reference: reference, decide: decide, done: make(chan struct{})}
}

// write decides entries in one transaction, in the order of their arrival, so that two calls for one reference see each
// other.
func (g *Gateway) write(entries []*entry) {
	ctx, cancel := context.WithTimeout(context.Background(), g.options.Timeout)
	defer cancel()
	references := make([]string, len(entries))
	for i, e := range entries {
		references[i] = e.reference
	}
	var decided time.Time
	written := make([]Record, len(entries))
	err := retry.Do(ctx, repository.IsConflict, func() error {
		return g.ledger.SimCharges(ctx, references, func(now time.Time, found map[string]*Record) {
			decided = now
			for i, e := range entries {
				e.result = e.decide(now, found)
				if c := found[e.reference]; c != nil {
					written[i] = *c
				}
			}
		})
	})
	for i, e := range entries {
		e.err = err
		close(e.done)
		if e.tell != nil && err == nil {
			e.tell(decided, written[i])
		}
	}
}
