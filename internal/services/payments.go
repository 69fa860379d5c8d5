package services

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/pace"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// PaymentStore is what the use cases of payments need of the store.
type PaymentStore interface {
	StartCharges(ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration) ([]repository.Start, error)
	DueCharges(ctx context.Context, limit int, lease time.Duration) ([]repository.Due, error)
	DueRefunds(ctx context.Context, limit int, lease time.Duration) ([]repository.DueRefund, error)
	FreeBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
	AnyEvent(ctx context.Context, id models.EventID) (models.Event, error)
	StrayStore
	ClaimChronicle(ctx context.Context, gateway string, every time.Duration) (place string, due bool, err error)
	KeepPlace(ctx context.Context, gateway, place string) error
}

// PaymentObserver is told of every answer that is recorded, for metrics: kind is "charge" or "refund", outcome one of
// models.Outcome, one of models.Stall when the gateway was not tried, or "dead_letter" when a payment is given up.
type PaymentObserver interface {
	Payment(kind, outcome string)
}

// PaymentOptions are the settings of payments; the zero value of each is a sensible default.
type PaymentOptions struct {
	Concurrency int           // gateway calls under way at once; default 1,024
	Timeout     time.Duration // of one gateway call; default 5 s
	Lease       time.Duration // how long a charge in hand is left to its process; default 40 s, never less than all calls of one try, with the waits for their turns
	RetryBase   time.Duration // pause after the first error, doubled with each further one; default 1 s
	RetryMost   time.Duration // longest pause; default 30 s
	Observer    PaymentObserver
	Logger      *slog.Logger
}

// settleTimeout is how long an outcome may wait for its desk. What is not settled by then is asked again by Retry.
const settleTimeout = 10 * time.Second

// callsOfATry is how many calls a gateway gets at most under one lease: Find, Prepare (which renews the lease) and Charge.
const callsOfATry = 3

// Payments takes bookings' money and gives it back. Every charge is on disk before the gateway is asked, and stays
// open there, under a lease, until its outcome is on disk too: whatever breaks in between, Retry resolves it.
type Payments struct {
	store   PaymentStore
	office  *boxoffice.Office
	gateway payments.Gateway
	options PaymentOptions

	// In hand are twice as many charges as may be at the gateway, so that it is kept busy while others are settled.
	inHand    *slots
	asking    *slots
	elsewhere *slots // what is in hand of gateways that are not set up any more
	busy      work
	pace      pace.Pacer
	freed     atomic.Int64 // when free bookings were looked for last, Unix seconds
	names     names

	lag atomic.Int64 // of the bookings that were started last, nanoseconds
}

// NewPayments works on a store, a box office and a gateway.
func NewPayments(store PaymentStore, office *boxoffice.Office, gateway payments.Gateway, o PaymentOptions) *Payments {
	setDefault(&o.Concurrency, 1024)
	setDefault(&o.Timeout, 5*time.Second)
	setDefault(&o.Lease, 40*time.Second)
	o.Lease = max(o.Lease, callsOfATry*(mostTurn+o.Timeout)+settleTimeout)
	setDefault(&o.RetryBase, time.Second)
	setDefault(&o.RetryMost, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noPaymentObserver{}
	}
	return &Payments{
		store: store, office: office, gateway: gateway, options: o,
		inHand: newSlots(2 * o.Concurrency), asking: newSlots(o.Concurrency),
		elsewhere: newSlots(mostDue), pace: pace.Pacer{Logger: o.Logger},
		names: names{events: store},
	}
}

type noPaymentObserver struct{}

func (noPaymentObserver) Payment(string, string) {}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Charge takes the money of bookings that wait for it. It returns as soon as every one of them is confirmed (free ones)
// or its charge is on disk, where Retry finds it if this process dies: from then on the queue's message is not needed.
// The gateway is asked in the background; Charge waits before it takes more than may be in hand, and Drain waits for
// all. Bookings that nothing is to be charged for (any more) are passed over.
//
// Error: some bookings may not have been charged; send them all again. It wraps repository.ErrRejected when the fault is
// not the store's but theirs.
func (p *Payments) Charge(ctx context.Context, bookings []models.BookingRef) error {
	for len(bookings) > 0 {
		// A handful of slots, not the first free one: each round is a transaction.
		n, err := p.inHand.acquire(ctx, min(len(bookings), 1+p.inHand.size()/8), len(bookings))
		if err != nil {
			return repository.Explain(err)
		}
		if err := p.start(ctx, bookings[:n]); err != nil {
			return err
		}
		bookings = bookings[n:]
	}
	return nil
}

// Lag is how long the bookings that were started last had waited for it, by the store's clock.
func (p *Payments) Lag() time.Duration { return time.Duration(p.lag.Load()) }

// unknownLag stands for that of bookings none of which may be charged any more: they waited for too long, perhaps.
const unknownLag = 24 * time.Hour

// noteLag takes the oldest booking's.
func (p *Payments) noteLag(starts []repository.Start) {
	if len(starts) == 0 {
		p.lag.Store(int64(unknownLag))
		return
	}
	var lag time.Duration
	for i := range starts {
		if starts[i].Unknown {
			continue
		}
		lag = max(lag, starts[i].At.Sub(starts[i].Booking.CreatedAt))
	}
	p.lag.Store(int64(lag))
}

// start charges bookings that slots were taken for.
func (p *Payments) start(ctx context.Context, bookings []models.BookingRef) error {
	starts, err := write(ctx, func() ([]repository.Start, error) {
		return p.store.StartCharges(ctx, p.gateway.Name(), bookings, p.options.Lease)
	})
	if err == nil {
		p.noteLag(starts)
	}
	unused := len(bookings)
	var free []models.BookingRef
	var strays []models.Stray
	for i := range starts {
		if starts[i].Unknown {
			strays = append(strays, models.Stray{ChargeKey: models.FirstCharge(starts[i].Booking.Ref()), Gateway: p.gateway.Name()})
			continue
		}
		if starts[i].Charge == nil {
			free = append(free, starts[i].Booking.Ref())
			continue
		}
		unused--
		p.inBackground(ctx, p.inHand, func(ctx context.Context) { p.first(ctx, &starts[i]) })
	}
	p.inHand.release(unused)
	if err != nil {
		return err
	}
	if err := keepStrays(ctx, p.store, strays); err != nil {
		return err
	}
	_, err = tellEach(ctx, p.office, free, func(b models.BookingID) sale.Command { return &sale.ConfirmFree{Booking: b} })
	return err
}

// inBackground does one thing that one of the slots was taken for. It outlives the caller, whose context may end with the
// message; the gateway's and the desk's timeouts bound it.
func (p *Payments) inBackground(ctx context.Context, taken *slots, do func(context.Context)) {
	ctx = context.WithoutCancel(ctx)
	p.busy.begin()
	go func() {
		defer p.busy.end()
		defer taken.release(1)
		do(ctx)
	}()
}

// Drain waits until nothing is in hand any more, or the context ends; what is left then is resolved by Retry, here or
// elsewhere.
func (p *Payments) Drain(ctx context.Context) error {
	select {
	case <-p.busy.idle():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// first asks the gateway for a charge that has never been asked for.
func (p *Payments) first(ctx context.Context, start *repository.Start) {
	if start.Booking.Status != models.Pending { // it ended just as its charge was written: nobody wants to be charged
		p.settle(ctx, start.Charge, unsure(p.call(ctx, chargeRequest(&start.Booking, start.Charge), p.gateway.Void)))
		return
	}
	if result, mine := p.take(ctx, &start.Booking, start.Charge); mine {
		p.settle(ctx, start.Charge, result)
	}
}

// take asks for the money. A gateway that makes references of its own has to make one first, which must be on disk before
// any money moves, or a lost answer could never be asked for. mine is false when the charge is not this process's to settle
// any more, or cannot be now.
func (p *Payments) take(ctx context.Context, b *models.Booking, c *models.Charge) (result models.Result, mine bool) {
	request := chargeRequest(b, c)
	if preparer, is := p.gateway.(payments.Preparer); is && request.ProviderReference == "" {
		request.EventName = p.names.of(ctx, b.EventID)
		prepared := p.call(ctx, request, preparer.Prepare)
		if prepared.Outcome != models.Prepared {
			return nothingMoved(prepared), true
		}
		request.ProviderReference = prepared.ProviderReference
		verdict, err := p.tellSettle(ctx, c, prepared, p.options.Lease)
		if err != nil || !stillMine(verdict.Charge, prepared) {
			return models.Result{}, false
		}
		if verdict.Booking.Status != models.Pending || !verdict.Event.CancelledAt.IsZero() { // it ended meanwhile: nobody wants to be charged for it
			return unsure(p.call(ctx, request, p.gateway.Void)), true
		}
	}
	return p.call(ctx, request, p.gateway.Charge), true
}

// stillMine tells whether a charge waits for just the reference that was prepared here. If not, another process has it in
// hand under a reference of its own, or it has ended; what was prepared here in vain is never charged.
func stillMine(c *models.Charge, prepared models.Result) bool {
	return c.Status.Open() && c.ProviderReference == prepared.ProviderReference
}

// nothingMoved says of a preparation that failed what is certain: no money was taken.
func nothingMoved(r models.Result) models.Result {
	if r.Outcome != models.Declined {
		r.Outcome = models.Unavailable
	}
	return r
}

// call asks one of the gateway's questions about a charge.
func (p *Payments) call(ctx context.Context, r payments.ChargeRequest, do func(context.Context, payments.ChargeRequest) models.Result) models.Result {
	return p.ask(ctx, r.Reference, func(ctx context.Context) models.Result { return do(ctx, r) })
}

func chargeRequest(b *models.Booking, c *models.Charge) payments.ChargeRequest {
	return payments.ChargeRequest{
		Reference: c.Reference(), ProviderReference: c.ProviderReference, Booking: b.ID,
		Amount: c.Amount, Method: b.PaymentMethod, Deadline: b.PaymentDeadline,
	}
}

// settle puts an outcome before the event's desk. One that the store cannot take now is dropped: the charge is still
// open there, and Retry asks the gateway again when its lease has run out.
func (p *Payments) settle(ctx context.Context, c *models.Charge, result models.Result) {
	if _, err := p.tellSettle(ctx, c, result, p.pause(c, result)); err != nil {
		return
	}
	gone := result.Outcome == models.Gone && c.Status != models.ChargeUnknown
	if gone || c.Status.Trying() && c.Attempts >= models.MaxAttempts && failed(result) {
		p.gaveUp("charge", c.Reference(), c.ChargeKey, result)
	}
}

func (p *Payments) tellSettle(ctx context.Context, c *models.Charge, result models.Result, backoff time.Duration) (sale.Verdict, error) {
	p.options.Observer.Payment("charge", outcomeOf(result))
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	verdict, err := p.office.Tell(ctx, c.Event, &sale.Settle{Charge: c.ChargeKey, Try: c.Attempts, Result: result, Backoff: backoff})
	if err != nil {
		p.options.Logger.Warn("a charge is not settled yet", "reference", c.Reference(), "outcome", result.Outcome, "error", err)
	}
	return verdict, err
}

// failed tells whether a try had no outcome: it counts, and is something to try again.
func failed(r models.Result) bool {
	return r.Stall == "" && (r.Outcome == models.Unknown || r.Outcome == models.Unavailable || r.Outcome == models.Absent)
}

// outcomeOf is what metrics call an answer.
func outcomeOf(r models.Result) string {
	if r.Stall != "" {
		return string(r.Stall)
	}
	return string(r.Outcome)
}

func (p *Payments) gaveUp(kind, reference string, key models.ChargeKey, result models.Result) {
	p.options.Observer.Payment(kind, "dead_letter")
	p.options.Logger.Error("a payment needs a person's look: it is in the dead letters",
		"kind", kind, "event_id", key.Event, "booking_id", key.Booking, "reference", reference,
		"outcome", result.Outcome, "reason", result.Reason)
}

// pause is how long to leave a charge alone before the next try. What the gateway has not decided is asked for ever
// more rarely as it grows older, by the store's clock.
func (p *Payments) pause(c *models.Charge, result models.Result) time.Duration {
	if result.Outcome == models.StillOpen {
		age := c.UpdatedAt.Sub(c.CreatedAt)
		return min(max(p.options.RetryBase, age/4), p.options.RetryMost)
	}
	if result.Stall != "" {
		return p.stallPause()
	}
	return repository.Backoff(p.options.RetryBase, c.Attempts, p.options.RetryMost)
}
