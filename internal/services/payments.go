package services

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/pace"
	"quantix/internal/repository"
)

// PaymentStore is what the use cases of payments need of the store.
type PaymentStore interface {
	StartCharges(
		ctx context.Context, gateway string, bookings []models.BookingRef, lease time.Duration,
	) ([]repository.Start, error)
	DueCharges(ctx context.Context, limit int, lease time.Duration) ([]repository.Due, error)
	DueRefunds(ctx context.Context, limit int, lease time.Duration) ([]repository.DueRefund, error)
	FreeBookings(ctx context.Context, after *models.Position, limit int) ([]models.Booking, error)
	AnyEvent(ctx context.Context, scope models.Scope, id models.EventID) (models.Event, error)
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
	// how long a charge in hand is left to its process; default 40 s, never less than all calls of one try, with the
	// waits for their turns
	Lease     time.Duration
	RetryBase time.Duration // pause after the first error, doubled with each further one; default 1 s
	RetryMax  time.Duration // longest pause; default 30 s
	Observer  PaymentObserver
	Logger    *slog.Logger
}

// callsOfATry is how many calls a gateway gets at most under one lease: Find, Prepare (which renews the lease) and
// Charge.
const callsOfATry = 3

// Payments takes bookings' money and gives it back. Every charge is on disk before the gateway is asked, and stays
// open there, under a lease, until its outcome is on disk too: whatever breaks in between, Retry resolves it.
type Payments struct {
	store   PaymentStore
	office  *boxoffice.Office
	gateway payments.Gateway
	options PaymentOptions

	// In hand are twice as many charges as may be at the gateway, so that it is kept busy while others are settled.
	inHand    *semaphore
	asking    *semaphore
	elsewhere *semaphore // what is in hand of gateways that are not set up any more
	busy      inFlight
	pace      pace.Pacer
	freed     atomic.Int64 // when free bookings were looked for last, Unix seconds
	names     names

	lag atomic.Int64 // of the bookings that were started last, nanoseconds
}

// NewPayments works on a store, a box office and a gateway.
func NewPayments(store PaymentStore, office *boxoffice.Office, gateway payments.Gateway, o PaymentOptions) *Payments {
	o.Concurrency = cmp.Or(o.Concurrency, 1024)
	o.Timeout = cmp.Or(o.Timeout, 5*time.Second)
	o.Lease = cmp.Or(o.Lease, 40*time.Second)
	o.Lease = max(o.Lease, callsOfATry*(maxTurn+o.Timeout)+settleTimeout)
	o.RetryBase = cmp.Or(o.RetryBase, time.Second)
	o.RetryMax = cmp.Or(o.RetryMax, 30*time.Second)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = noPaymentObserver{}
	}
	return &Payments{
		store: store, office: office, gateway: gateway, options: o,
		inHand: newSemaphore(2 * o.Concurrency), asking: newSemaphore(o.Concurrency),
		elsewhere: newSemaphore(maxDue), pace: pace.Pacer{Logger: o.Logger},
		names: names{events: store},
	}
}

type noPaymentObserver struct{}

func (noPaymentObserver) Payment(string, string) {}

// Charge takes the money of bookings that wait for it. It returns as soon as every one of them is confirmed (free ones)
// or its charge is on disk, where Retry finds it if this process dies: from then on the queue's message is not needed.
// The gateway is asked in the background; Charge waits before it takes more than may be in hand, and Drain waits for
// all. Bookings that nothing is to be charged for (any more) are passed over.
//
// Error: some bookings may not have been charged; send them all again. It wraps repository.ErrRejected when the fault
// is not the store's but theirs.
func (p *Payments) Charge(ctx context.Context, bookings []models.BookingRef) error {
	for len(bookings) > 0 {
		// A handful of slots, not the first free one: each round is a transaction.
		n, err := p.inHand.acquire(ctx, min(len(bookings), 1+p.inHand.size()/8), len(bookings))
		if err != nil {
			return repository.ToDomain(err)
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

// inBackground does one thing that one of the slots was taken for. It outlives the caller, whose context may end with
// the message; the gateway's and the desk's timeouts bound it.
func (p *Payments) inBackground(ctx context.Context, taken *semaphore, do func(context.Context)) {
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

// maxDue bounds how many due charges or refunds are taken up at once.
const maxDue = 256

// Retry takes up charges whose next try has come, because an earlier one failed, is undecided, or was cut off by a
// crash, and resolves them with the gateway in the background (see Drain). It returns how many it took up.
func (p *Payments) Retry(ctx context.Context) (int, error) {
	return takeUp(ctx, p, func(n int) ([]repository.Due, error) {
		return p.store.DueCharges(ctx, n, p.options.Lease)
	}, p.retry, func(d *repository.Due) string { return d.Charge.Gateway })
}

// Refund gives back charges that are owed back, in the background (see Drain). It returns how many it took up.
func (p *Payments) Refund(ctx context.Context) (int, error) {
	return takeUp(ctx, p, func(n int) ([]repository.DueRefund, error) {
		return p.store.DueRefunds(ctx, n, p.options.Lease)
	}, p.refund, func(d *repository.DueRefund) string { return d.Refund.Gateway })
}

// takeUp takes only what there are slots for, so that a lease never runs out while its charge waits for a slot. What is
// another gateway's needs no place at this one, and takes none.
func takeUp[T any](
	ctx context.Context, p *Payments, take func(int) ([]T, error), do func(context.Context, *T), gateway func(*T) string,
) (int, error) {
	room := p.Room(maxDue)
	if room == 0 {
		return 0, nil
	}
	n, err := p.inHand.acquire(ctx, 1, room)
	if err != nil {
		return 0, repository.ToDomain(err)
	}
	due, err := retried(ctx, func() ([]T, error) { return take(n) })
	var others []*T
	for i := range due {
		if gateway(&due[i]) != p.gateway.Name() {
			others = append(others, &due[i])
			continue
		}
		p.inBackground(ctx, p.inHand, func(ctx context.Context) { do(ctx, &due[i]) })
	}
	p.inHand.release(n - len(due) + len(others))
	// what there is no room for is taken up again when its lease runs out
	free, _ := p.elsewhere.acquire(ctx, 0, len(others))
	for _, other := range others[:free] {
		p.inBackground(ctx, p.elsewhere, func(ctx context.Context) { do(ctx, other) })
	}
	return len(due), err
}
