package services_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

// preparing is the simulator as a gateway that gives a reference of its own before it charges, and can be asked by that
// one only. It complains when it is to charge under a reference that is not on disk.
type preparing struct {
	payments.Gateway
	till *till

	mu        sync.Mutex
	prepare   func(context.Context) models.Result // nil: it gives "ref_1", "ref_2", …
	beforeNow func()                              // called right before a charge; nil: nothing
	prepared  int
	charged   []string // under which references
}

func newPreparingTill(t *testing.T) (*till, *preparing) {
	t.Helper()
	s := shop.New(t)
	gateway := &preparing{Gateway: simulator.New(s.Store, simulator.Options{})}
	gateway.till = newTillOn(t, s, s.Store, gateway)
	return gateway.till, gateway
}

func (g *preparing) Prepare(ctx context.Context, _ payments.ChargeRequest) models.Result {
	g.mu.Lock()
	g.prepared++
	result := models.Result{Outcome: models.OutcomePrepared, ProviderReference: "ref_" + string(rune('0'+g.prepared))}
	scripted := g.prepare
	g.mu.Unlock()
	if scripted != nil {
		return scripted(ctx)
	}
	return result
}

func (g *preparing) Charge(ctx context.Context, r payments.ChargeRequest) models.Result {
	if g.beforeNow != nil {
		g.beforeNow()
	}
	key, err := models.ParseReference(r.Reference)
	if stored := g.till.Charge(key.BookingRef); err != nil || stored.ProviderReference != r.ProviderReference || r.ProviderReference == "" {
		g.till.t.Errorf("charged under %q; on disk is %+v", r.ProviderReference, stored)
	}
	g.mu.Lock()
	g.charged = append(g.charged, r.ProviderReference)
	g.mu.Unlock()
	return under(r, g.Gateway.Charge(ctx, r))
}

func (g *preparing) Find(ctx context.Context, r payments.ChargeRequest) models.Result {
	if r.ProviderReference == "" {
		return models.Result{Outcome: models.OutcomeAbsent}
	}
	return under(r, g.Gateway.Find(ctx, r))
}

func (g *preparing) Void(ctx context.Context, r payments.ChargeRequest) models.Result {
	if r.ProviderReference == "" {
		return models.Result{Outcome: models.OutcomeVoided}
	}
	return under(r, g.Gateway.Void(ctx, r))
}

func under(r payments.ChargeRequest, result models.Result) models.Result {
	result.ProviderReference = r.ProviderReference
	return result
}

func TestPrepare_puts_the_gateways_reference_on_disk_before_it_charges(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, 1, false)
	if c := x.Charge(ref); gateway.prepared != 1 || c.ProviderReference != "ref_1" {
		t.Errorf("prepared %d times, charge %+v", gateway.prepared, c)
	}
}

// A preparation whose answer was lost has moved no money: it is simply made again.
func TestPrepare_again_after_a_lost_answer(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	gateway.prepare = answer(models.OutcomeUnknown)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	x.wantCharge(ref, models.ChargeStarted, 1)
	gateway.prepare = nil
	x.retry(time.Second)
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, 1, false)
}

func TestPrepare_that_never_works_surely_took_nothing(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	gateway.prepare = answer(models.OutcomeUnknown)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	for range models.MaxAttempts - 1 {
		x.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeFailed, models.MaxAttempts)
}

func TestPrepare_is_declined(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	gateway.prepare = answer(models.OutcomeDeclined)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	x.wantState(ref, "CANCELLED payment_declined")
	x.wantMoney(ref, 0, false)
}

// A process that dies between the two calls leaves a reference, under which another charges.
func TestPrepare_is_not_repeated_once_its_reference_is_on_disk(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	gateway.beforeNow = func() {
		gateway.beforeNow = nil
		panic("as if the process had died")
	}
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	x.wantMoney(ref, 0, false)
	x.retry(shop.Lease)
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, 1, false)
	if gateway.prepared != 1 {
		t.Errorf("prepared %d times", gateway.prepared)
	}
}

// Each of a try's calls may take as long as it is given: however long together, no other process takes the charge up
// while this one is at it.
func TestRetry_of_calls_that_take_their_time_keeps_its_charge(t *testing.T) {
	t.Parallel()
	const timeout = time.Minute
	s := shop.New(t)
	gateway := &slowly{preparing: &preparing{Gateway: simulator.New(s.Store, simulator.Options{})}, t: t, took: timeout - time.Second, clock: s.Clock}
	open := func() *till {
		x := newTillOn(t, s, s.Store, gateway)
		x.payments = services.NewPayments(s.Store, shop.OpenOffice(t, s.Store), gateway, services.PaymentOptions{Timeout: timeout})
		return x
	}
	x := open()
	gateway.till, gateway.other = x, open().payments
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), gateway.Name(), []models.BookingRef{ref}, time.Second); err != nil {
		t.Fatal(err)
	}
	x.retry(time.Second) // as if another process had died: it is asked for, prepared and charged
	x.wantState(ref, "CONFIRMED")
	if gateway.calls != 3 {
		t.Errorf("%d calls, want Find, Prepare and Charge", gateway.calls)
	}
}

// slowly is a gateway whose every call takes some time by the store's clock, at whose end another process looks for
// what is due.
type slowly struct {
	*preparing
	t     *testing.T
	took  time.Duration
	clock *testkit.Clock
	other *services.Payments
	calls int
}

func (g *slowly) pass(ctx context.Context) {
	g.calls++
	g.clock.Advance(g.took)
	if n, err := g.other.Retry(ctx); n != 0 || err != nil {
		g.t.Errorf("at the end of call %d another process took up %d charges (%v)", g.calls, n, err)
	}
}

func (g *slowly) Find(ctx context.Context, r payments.ChargeRequest) models.Result {
	defer g.pass(ctx)
	return g.preparing.Find(ctx, r)
}

func (g *slowly) Prepare(ctx context.Context, r payments.ChargeRequest) models.Result {
	defer g.pass(ctx)
	return g.preparing.Prepare(ctx, r)
}

func (g *slowly) Charge(ctx context.Context, r payments.ChargeRequest) models.Result {
	defer g.pass(ctx)
	return g.preparing.Charge(ctx, r)
}

// While a charge is prepared, its user gives the booking up: no money is taken.
func TestPrepare_of_a_booking_that_ends_meanwhile_is_voided(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	gateway.prepare = func(context.Context) models.Result {
		x.Cancel(ref)
		return models.Result{Outcome: models.OutcomePrepared, ProviderReference: "ref_1"}
	}
	x.charge(ref)
	x.wantCharge(ref, models.ChargeVoided, 1)
	x.wantMoney(ref, 0, false)
	if len(gateway.charged) != 0 {
		t.Errorf("charged under %v", gateway.charged)
	}
}

// A process sleeps through its lease while it prepares; another one prepares and charges. When the first one wakes up,
// the charge is not its any more.
func TestPrepare_twice_charges_under_one_reference(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	asleep, wake := make(chan struct{}), make(chan struct{})
	gateway.prepare = func(context.Context) models.Result {
		gateway.mu.Lock()
		gateway.prepare = nil
		gateway.mu.Unlock()
		close(asleep)
		<-wake
		return models.Result{Outcome: models.OutcomePrepared, ProviderReference: "ref_late"}
	}
	ref := x.Book(x.Event(10).ID, 1, simulator.Slow)
	if err := x.payments.Charge(t.Context(), []models.BookingRef{ref}); err != nil {
		t.Fatal(err)
	}
	<-asleep
	other := newTillOn(t, x.Shop, x.Store, gateway)
	other.retry(shop.Lease)
	x.wantCharge(ref, models.ChargePending, 2)
	close(wake)
	x.drain(t.Context())
	if c := x.Charge(ref); c.ProviderReference != "ref_2" || len(gateway.charged) != 1 {
		t.Errorf("charge %+v, charged under %v", c, gateway.charged)
	}
}

// A gateway that gives the same reference again, as Stripe does within a day, tells a process that slept nothing: what
// has become of the charge meanwhile does. One that was given up waits for a person, and is neither charged nor voided.
func TestPrepare_of_a_charge_that_was_given_up_meanwhile_does_nothing(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	asleep, wake := make(chan struct{}), make(chan struct{})
	var awake atomic.Bool
	gateway.prepare = func(context.Context) models.Result {
		if awake.CompareAndSwap(false, true) {
			close(asleep)
			<-wake
		}
		return models.Result{Outcome: models.OutcomePrepared, ProviderReference: "ref_same"}
	}
	ref := x.Book(x.Event(10).ID, 1, simulator.Error) // surely not charged, however often it is asked
	if err := x.payments.Charge(t.Context(), []models.BookingRef{ref}); err != nil {
		t.Fatal(err)
	}
	<-asleep
	other := newTillOn(t, x.Shop, x.Store, gateway)
	for range models.MaxAttempts - 1 {
		other.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeFailed, models.MaxAttempts)
	x.wantState(ref, "PENDING")
	asked := x.Record(ref).Calls
	close(wake)
	x.drain(t.Context())
	x.wantCharge(ref, models.ChargeFailed, models.MaxAttempts)
	if record := x.Record(ref); record.Calls != asked || len(x.Letters()) != 1 {
		t.Errorf("asked %d times, then %d; letters %+v", asked, record.Calls, x.Letters())
	}
}

// A word on a reference that was prepared in vain is no news of the charge; money that was taken under it goes back.
func TestSettle_drops_what_is_said_of_another_reference(t *testing.T) {
	t.Parallel()
	x, _ := newPreparingTill(t)
	event := x.Event(10).ID
	ref := x.Book(event, 1, simulator.Slow)
	x.charge(ref)
	tell := func(o models.Outcome) {
		result := models.Result{Outcome: o, ProviderReference: "ref_other"}
		if _, err := x.Office.Tell(t.Context(), event, &sale.Settle{Charge: models.FirstCharge(ref), Result: result}); err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range []models.Outcome{models.OutcomeDeclined, models.OutcomeVoided, models.OutcomeUnknown, models.OutcomePrepared} {
		tell(o)
		x.wantCharge(ref, models.ChargePending, 1)
		x.wantState(ref, "PENDING")
	}
	for range 3 {
		tell(models.OutcomeSucceeded)
	}
	x.wantState(ref, "PENDING") // what was asked for may still succeed
	charges, refunds, err := x.Store.PaymentsOf(t.Context(), ref)
	if err != nil || len(charges) != 2 || charges[0].Status != models.ChargePending || charges[1].ProviderReference != "ref_other" ||
		len(refunds) != 1 || refunds[0].N != 2 || refunds[0].ChargeReference != "ref_other" {
		t.Errorf("the money was taken under ref_other; the charges are %+v, the refunds %+v, %v", charges, refunds, err)
	}
}

// With a gateway without a default method only free bookings need none.
func TestBookings_paid_with_another_gateway(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	bookings := services.NewBookings(s.Store, s.Office, services.BookingOptions{MaxTickets: 100, Methods: payments.Methods{
		Accept: func(m models.PaymentMethod) bool { return m == "pm_1" },
	}})
	priced, free, user := s.Event(10).ID, s.Event(10, shop.Free).ID, s.User().ID
	for _, test := range []struct {
		event  models.EventID
		method models.PaymentMethod
		fine   bool
	}{{priced, "pm_1", true}, {priced, "", false}, {priced, simulator.OK, false}, {free, "", true}, {free, "pm_1", true}} {
		b, _, err := bookings.Create(t.Context(), models.TheOperator, services.BookingRequest{User: user, Event: test.event, Quantity: 1, Method: test.method})
		if (err == nil) != test.fine || err == nil && b.PaymentMethod != test.method {
			t.Errorf("%q: %+v, %v", test.method, b, err)
		}
	}
}
