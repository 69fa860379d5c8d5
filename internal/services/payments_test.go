package services_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

// till is a shop with its payments.
type till struct {
	*shop.Shop
	t        *testing.T
	payments *services.Payments
	gateway  payments.Gateway
	seen     *tally
}

// tally counts what the payments' observer is told.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (y *tally) Payment(kind, outcome string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.counts[kind+" "+outcome]++
}

func (y *tally) of(what string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.counts[what]
}

func newTill(t *testing.T) *till {
	t.Helper()
	s := shop.New(t)
	return newTillOn(t, s, s.Store, simulator.New(s.Store, simulator.Options{}))
}

// newTillOn has payments of its own, as a further process would, whose store and gateway a test may break.
func newTillOn(t *testing.T, s *shop.Shop, store shop.Store, gateway payments.Gateway) *till {
	t.Helper()
	x := &till{Shop: s, t: t, gateway: gateway, seen: &tally{counts: map[string]int{}}}
	x.payments = services.NewPayments(store, shop.OpenOffice(t, store), gateway, services.PaymentOptions{
		Timeout: time.Second, Observer: x.seen,
	})
	t.Cleanup(func() { x.drain(context.Background()) })
	return x
}

func (x *till) drain(ctx context.Context) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := x.payments.Drain(ctx); err != nil {
		x.t.Fatalf("drain: %v", err)
	}
}

// charge charges bookings and waits until that is settled.
func (x *till) charge(refs ...models.BookingRef) {
	x.t.Helper()
	if err := x.payments.Charge(x.t.Context(), refs); err != nil {
		x.t.Fatalf("charge: %v", err)
	}
	x.drain(x.t.Context())
}

// retry passes time and resolves what is due then. It returns how many charges that were.
func (x *till) retry(pass time.Duration) int {
	x.t.Helper()
	x.Clock.Advance(pass)
	n, err := x.payments.Retry(x.t.Context())
	if err != nil {
		x.t.Fatalf("retry: %v", err)
	}
	x.drain(x.t.Context())
	return n
}

// refund makes what refunds are due.
func (x *till) refund() int {
	x.t.Helper()
	n, err := x.payments.Refund(x.t.Context())
	if err != nil {
		x.t.Fatalf("refund: %v", err)
	}
	x.drain(x.t.Context())
	return n
}

// expire passes the payment deadline and ends what is unpaid.
func (x *till) expire() {
	x.t.Helper()
	x.Clock.Advance(shop.Deadline)
	if _, err := services.NewUpkeep(x.Store, x.Office).Expire(x.t.Context(), 1000); err != nil {
		x.t.Fatalf("expire: %v", err)
	}
}

func (x *till) wantState(ref models.BookingRef, want string) {
	x.t.Helper()
	if got := x.State(ref); got != want {
		x.t.Fatalf("the booking is %s, want %s", got, want)
	}
}

func (x *till) wantCharge(ref models.BookingRef, status models.ChargeStatus, attempts int) {
	x.t.Helper()
	c := x.Charge(ref)
	if c == nil || c.Status != status || c.Attempts != attempts {
		x.t.Fatalf("the charge is %+v, want %s after %d attempts", c, status, attempts)
	}
}

// wantMoney checks how often the gateway took money, and whether it gave it back.
func (x *till) wantMoney(ref models.BookingRef, charges int, refunded bool) {
	x.t.Helper()
	record := x.Record(ref)
	if record == nil {
		record = &simulator.Record{}
	}
	if record.Charges != charges || !record.RefundedAt.IsZero() != refunded {
		x.t.Fatalf("the gateway remembers %+v, want %d charges, refunded: %t", record, charges, refunded)
	}
}

func TestCharge_confirms_a_paid_booking(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event := x.Event(10).ID
	ref := x.Book(event, 3, simulator.OK)
	x.charge(ref)
	x.wantState(ref, "CONFIRMED")
	x.wantCharge(ref, models.ChargeSucceeded, 1)
	x.wantMoney(ref, 1, false)
	if stock := x.Stock(event); stock.Sold != 3 || stock.Held != 0 || stock.SoldAmount != 3*7550 {
		t.Errorf("stock %+v", stock)
	}
	if x.seen.of("charge succeeded") != 1 {
		t.Errorf("the observer was told %v", x.seen.counts)
	}
}

func TestCharge_confirms_a_free_booking_without_a_charge(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10, shop.Free).ID, 2, simulator.Decline)
	x.charge(ref)
	x.charge(ref)
	x.wantState(ref, "CONFIRMED")
	if c, record := x.Charge(ref), x.Record(ref); c != nil || record != nil {
		t.Errorf("charge %+v, gateway %+v", c, record)
	}
}

func TestCharge_releases_the_tickets_of_a_declined_booking(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event := x.Event(3).ID
	ref := x.Book(event, 3, simulator.Decline)
	x.charge(ref)
	x.wantState(ref, "CANCELLED payment_declined")
	x.wantCharge(ref, models.ChargeDeclined, 1)
	if stock := x.Stock(event); stock.Available != 3 {
		t.Errorf("stock %+v", stock)
	}
	x.charge(ref)
	if x.retry(time.Hour) != 0 || x.Record(ref).Calls != 1 {
		t.Error("a declined charge was tried again")
	}
}

func TestCharge_passes_over_what_nothing_is_to_be_charged_for(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event := x.Event(10).ID
	cancelled, expired := x.Book(event, 1, simulator.OK), x.Book(event, 1, simulator.OK)
	vanished := models.BookingRef{Event: event, Booking: models.NewID[models.BookingID]()}
	elsewhere := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	x.Cancel(cancelled)
	x.Clock.Advance(shop.Deadline) // at the very deadline no charge is started any more
	fresh := x.Book(event, 1, simulator.OK)
	x.charge(cancelled, vanished, expired, elsewhere, fresh)
	x.wantState(fresh, "CONFIRMED")
	for _, ref := range []models.BookingRef{cancelled, expired, vanished, elsewhere} {
		if c := x.Charge(ref); c != nil {
			t.Errorf("charged: %+v", c)
		}
	}
}

func TestCharge_the_same_booking_many_times_at_once_takes_money_once(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	other := newTillOn(t, x.Shop, x.Store, x.gateway)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			if err := []*till{x, other}[i%2].payments.Charge(t.Context(), []models.BookingRef{ref, ref}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	x.drain(t.Context())
	other.drain(t.Context())
	x.wantState(ref, "CONFIRMED")
	if record := x.Record(ref); record.Charges != 1 || record.Calls != 1 {
		t.Errorf("the gateway remembers %+v", record)
	}
}

func TestCharge_more_than_there_are_slots_for(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	gateway := &watched{Gateway: simulator.New(s.Store, simulator.Options{Latency: time.Millisecond})}
	office := shop.OpenOffice(t, s.Store)
	p := services.NewPayments(s.Store, office, gateway, services.PaymentOptions{Concurrency: 3})
	refs := s.BookMany(s.Event(100).ID, 100, simulator.OK)
	if err := p.Charge(t.Context(), refs); err != nil {
		t.Fatal(err)
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		if state := s.State(ref); state != "CONFIRMED" {
			t.Fatalf("a booking is %s", state)
		}
	}
	if most := gateway.most.Load(); most > 3 {
		t.Errorf("%d calls at once, want at most 3", most)
	}
}

// What nothing is to be charged for takes no slot, or a till would stand still after a thousand messages too many.
func TestCharge_gives_the_slots_back_that_no_charge_needs(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	event, free := s.Event(10).ID, s.Event(10, shop.Free).ID
	cancelled := s.Book(event, 1, simulator.OK)
	s.Cancel(cancelled)
	p := services.NewPayments(s.Store, s.Office, simulator.New(s.Store, simulator.Options{}), services.PaymentOptions{Concurrency: 2})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 10 { // twice as many slots as there are
		if err := p.Charge(ctx, []models.BookingRef{cancelled, cancelled, s.Book(free, 1, simulator.OK)}); err != nil {
			t.Fatal(err)
		}
	}
	paid := s.Book(event, 1, simulator.OK)
	if err := p.Charge(ctx, []models.BookingRef{paid}); err != nil {
		t.Fatal(err)
	}
	if err := p.Drain(ctx); err != nil || s.State(paid) != "CONFIRMED" {
		t.Errorf("the booking is %s, %v", s.State(paid), err)
	}
}

// watched notes how many charges are under way at once.
type watched struct {
	payments.Gateway
	now, most atomic.Int64
}

func (g *watched) Charge(ctx context.Context, r payments.ChargeRequest) models.Result {
	now := g.now.Add(1)
	defer g.now.Add(-1)
	for most := g.most.Load(); now > most && !g.most.CompareAndSwap(most, now); most = g.most.Load() {
	}
	return g.Gateway.Charge(ctx, r)
}

func TestRetry_until_a_flaky_gateway_succeeds(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.Flaky)
	x.charge(ref)
	x.wantCharge(ref, models.ChargeStarted, 1)
	if x.retry(0) != 0 {
		t.Error("tried again without a pause")
	}
	x.retry(time.Second)
	x.wantCharge(ref, models.ChargeStarted, 2)
	x.wantState(ref, "PENDING")
	if x.retry(time.Second/2) != 0 {
		t.Error("the second pause is not longer")
	}
	x.retry(2 * time.Second)
	x.wantCharge(ref, models.ChargeSucceeded, 3)
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, 1, false)
}

// After five attempts a charge is given up: its letter may be retried by hand, for another five.
func TestRetry_gives_up_after_five_attempts(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.Error)
	x.charge(ref)
	for range models.MaxAttempts - 1 {
		x.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeFailed, models.MaxAttempts)
	if x.retry(time.Minute) != 0 || x.Record(ref).Calls != models.MaxAttempts {
		t.Errorf("%d calls", x.Record(ref).Calls)
	}
	letters := x.Letters()
	if len(letters) != 1 || letters[0].Kind != models.LetterCharge || letters[0].Booking != ref.Booking ||
		letters[0].Attempts != models.MaxAttempts || letters[0].LastError == "" {
		t.Fatalf("dead letters %+v", letters)
	}
	if x.seen.of("charge dead_letter") != 1 {
		t.Errorf("the observer was told %v", x.seen.counts)
	}
	if err := services.NewLetters(x.Store, x.Office).Retry(t.Context(), models.TheOperator, letters[0].ID); err != nil {
		t.Fatal(err)
	}
	if x.retry(0) != 1 || len(x.Letters()) != 0 {
		t.Fatalf("the retry left %+v", x.Letters())
	}
	x.wantCharge(ref, models.ChargeStarted, 1)
	x.expire()
	x.wantState(ref, "CANCELLED expired")
	x.retry(time.Minute)
	x.wantCharge(ref, models.ChargeVoided, 2)
}

// What may have been charged is asked for, never charged blindly: a lost answer is found.
func TestRetry_finds_a_lost_answer(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.Lost)
	x.charge(ref)
	x.wantState(ref, "PENDING")
	x.wantCharge(ref, models.ChargeDoubtful, 1)
	x.retry(time.Second)
	x.wantState(ref, "CONFIRMED")
	if record := x.Record(ref); record.Charges != 1 || record.Calls != 1 {
		t.Errorf("the gateway remembers %+v", record)
	}
}

func TestRetry_a_lost_answer_found_after_a_cancellation_is_refunded(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event := x.Event(10).ID
	ref := x.Book(event, 1, simulator.Lost)
	x.charge(ref)
	x.Cancel(ref)
	x.retry(time.Second)
	x.wantState(ref, "CANCELLED user")
	x.wantMoney(ref, 1, false)
	if r := x.Refund(ref); r == nil || r.Status != models.RefundPending {
		t.Fatalf("refund %+v", r)
	}
	if x.refund() != 1 || x.Refund(ref).Status != models.RefundSucceeded {
		t.Errorf("refund %+v", x.Refund(ref))
	}
	x.wantMoney(ref, 1, true)
	if x.refund() != 0 {
		t.Error("refunded again")
	}
	if stock := x.Stock(event); stock.Available != 10 || stock.SoldAmount != 0 {
		t.Errorf("stock %+v", stock)
	}
}

func TestSlow_payment_after_the_deadline(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		meanwhile func(*till, models.EventID)
		state     string
		refunded  bool
	}{
		"confirms while there is stock":      {func(*till, models.EventID) {}, "CONFIRMED", false},
		"is refunded when it was sold again": {func(x *till, e models.EventID) { x.Book(e, 2, simulator.OK) }, "CANCELLED expired", true},
		"is refunded when the event is cancelled": {func(x *till, e models.EventID) {
			if _, err := services.NewEvents(x.Store, x.Office).Cancel(x.t.Context(), models.TheOperator, e); err != nil {
				x.t.Fatal(err)
			}
		}, "CANCELLED expired", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newTill(t)
			event := x.Event(2).ID
			ref := x.Book(event, 2, simulator.Slow)
			x.charge(ref)
			x.wantCharge(ref, models.ChargePending, 1)
			x.retry(time.Second)
			x.wantCharge(ref, models.ChargePending, 1)
			x.expire()
			x.wantState(ref, "CANCELLED expired")
			test.meanwhile(x, event)
			x.retry(time.Minute)
			x.wantState(ref, test.state)
			x.refund()
			x.wantMoney(ref, 1, test.refunded)
		})
	}
}

// A booking that its user gave up is not paid any more if that can still be stopped.
func TestSlow_payment_of_a_cancelled_booking_is_voided(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(2).ID, 2, simulator.Slow)
	x.charge(ref)
	x.Cancel(ref)
	x.retry(time.Second)
	x.wantCharge(ref, models.ChargeVoided, 1)
	x.expire()
	x.retry(time.Hour)
	x.wantMoney(ref, 0, false)
}

func TestSlow_payment_is_asked_for_ever_more_rarely(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	x.charge(x.Book(x.Event(2).ID, 2, simulator.Slow))
	asked := 0
	for range 14 * 12 {
		asked += x.retry(5 * time.Second)
	}
	if asked < 15 || asked > 60 {
		t.Errorf("asked %d times in 14 minutes", asked)
	}
}

// Between the commit of the charge and the gateway's call a process died: another one charges, once.
func TestRetry_takes_up_a_charge_that_a_crash_cut_off_before_the_gateway(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), "simulated", []models.BookingRef{ref}, shop.Lease); err != nil {
		t.Fatal(err)
	}
	if x.retry(shop.Lease-time.Second) != 0 {
		t.Error("took up a charge that another process may still be at")
	}
	x.retry(time.Second)
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, 1, false)
}

// The same after the gateway has taken the money: it is found, and not taken again.
func TestRetry_takes_up_a_charge_that_a_crash_cut_off_after_the_gateway(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), "simulated", []models.BookingRef{ref}, shop.Lease); err != nil {
		t.Fatal(err)
	}
	booking := x.Booking(ref)
	x.gateway.Charge(t.Context(), payments.ChargeRequest{
		Reference: models.FirstCharge(ref).Reference(), Booking: ref.Booking, Amount: booking.TotalAmount, Method: simulator.OK,
	})
	x.retry(shop.Lease)
	x.wantState(ref, "CONFIRMED")
	if record := x.Record(ref); record.Charges != 1 || record.Calls != 1 {
		t.Errorf("the gateway remembers %+v", record)
	}
}

// A process that died, and whose booking has expired since: the charge can never be made any more, even by a process
// that was only asleep.
func TestRetry_voids_what_is_too_late_to_charge(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), "simulated", []models.BookingRef{ref}, shop.Lease); err != nil {
		t.Fatal(err)
	}
	x.expire()
	x.retry(0)
	x.wantCharge(ref, models.ChargeVoided, 2)
	late := x.gateway.Charge(t.Context(), payments.ChargeRequest{
		Reference: models.FirstCharge(ref).Reference(), Booking: ref.Booking, Method: simulator.OK,
	})
	if late.Outcome == models.OutcomeSucceeded {
		t.Error("the voided charge was made")
	}
	x.wantMoney(ref, 0, false)
}

// scripted is a gateway that answers as a test says; a nil function answers as the one below it.
type scripted struct {
	payments.Gateway
	charge, find, void func(context.Context) models.Result
	refund             func(context.Context) models.Result
}

func answer(o models.Outcome) func(context.Context) models.Result {
	return func(context.Context) models.Result { return models.Result{Outcome: o, Reason: "as scripted"} }
}

func (g *scripted) Charge(ctx context.Context, r payments.ChargeRequest) models.Result {
	if g.charge != nil {
		return g.charge(ctx)
	}
	return g.Gateway.Charge(ctx, r)
}

func (g *scripted) Find(ctx context.Context, r payments.ChargeRequest) models.Result {
	if g.find != nil {
		return g.find(ctx)
	}
	return g.Gateway.Find(ctx, r)
}

func (g *scripted) Void(ctx context.Context, r payments.ChargeRequest) models.Result {
	if g.void != nil {
		return g.void(ctx)
	}
	return g.Gateway.Void(ctx, r)
}

func (g *scripted) Refund(ctx context.Context, r payments.RefundRequest) models.Result {
	if g.refund != nil {
		return g.refund(ctx)
	}
	return g.Gateway.Refund(ctx, r)
}

func newScriptedTill(t *testing.T) (*till, *scripted) {
	t.Helper()
	s := shop.New(t)
	gateway := &scripted{Gateway: simulator.New(s.Store, simulator.Options{})}
	return newTillOn(t, s, s.Store, gateway), gateway
}

// Payments of a gateway that is not set up any more wait for nothing but their desk, and meanwhile take no place of
// those that have a gateway.
func TestRetry_of_another_gateways_charges_takes_no_place_at_this_one(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	held := s.Event(10).ID
	store := &heldDesk{Store: s.Store, event: held, free: make(chan struct{})}
	gateway := simulator.New(s.Store, simulator.Options{})
	p := services.NewPayments(store, shop.OpenOffice(t, store), gateway, services.PaymentOptions{Concurrency: 1})
	start := func(gateway string, event models.EventID, n int) []models.BookingRef {
		refs := s.BookMany(event, n, simulator.OK)
		if _, err := s.Store.StartCharges(t.Context(), gateway, refs, shop.Lease); err != nil {
			t.Fatal(err)
		}
		return refs
	}
	start("before", held, 4)
	s.Clock.Advance(time.Second)
	present := start(gateway.Name(), s.Event(10).ID, 1)[0]
	s.Clock.Advance(2 * shop.Lease)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	testkit.Eventually(t, time.Minute, func() error {
		if _, err := p.Retry(ctx); err != nil {
			t.Fatal(err)
		}
		if state := s.State(present); state != "CONFIRMED" {
			return fmt.Errorf("the booking is %s", state)
		}
		return nil
	})
	close(store.free)
	if err := p.Drain(ctx); err != nil {
		t.Error(err)
	}
	if letters := s.Letters(); len(letters) != 4 {
		t.Errorf("letters %+v", letters)
	}
}

// heldDesk is a store in which one event's row is held by somebody else.
type heldDesk struct {
	shop.Store
	event models.EventID
	free  chan struct{}
}

func (s *heldDesk) AtDesk(ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State)) error {
	if event == s.event {
		<-s.free
	}
	return s.Store.AtDesk(ctx, event, batch, need, decide)
}

// A gateway that cannot be asked leaves a charge unknown, however surely the charge itself might have failed: its
// letter cannot be discarded, and it is asked for until an answer comes.
func TestRetry_goes_on_asking_for_an_unknown_charge(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	gateway.find = answer(models.OutcomeUnavailable)
	ref := x.Book(x.Event(10).ID, 1, simulator.Lost)
	x.charge(ref)
	for range models.MaxAttempts - 1 {
		x.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeUnknown, models.MaxAttempts)
	letters := x.Letters()
	if len(letters) != 1 {
		t.Fatalf("dead letters %+v", letters)
	}
	if err := services.NewLetters(x.Store, x.Office).Discard(t.Context(), models.TheOperator, letters[0].ID); !errors.Is(err, models.ErrLetterUnknown) {
		t.Errorf("discarding gave %v", err)
	}
	x.expire()
	if x.retry(shop.Lease) != 1 {
		t.Error("given up for good")
	}
	x.wantCharge(ref, models.ChargeUnknown, models.MaxAttempts)
	gateway.find = nil
	x.retry(shop.Lease)
	x.wantState(ref, "CONFIRMED") // there is stock, though the booking had expired
	if letters := x.Letters(); len(letters) != 0 {
		t.Errorf("dead letters %+v", letters)
	}
}

// A process died before its charge had an answer, and the gateway cannot be asked: that it is unavailable says nothing
// of what it did before, so the charge stays in doubt and its letter cannot be discarded.
func TestRetry_learns_nothing_from_a_gateway_that_cannot_be_asked(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), gateway.Name(), []models.BookingRef{ref}, shop.Lease); err != nil {
		t.Fatal(err)
	}
	gateway.find = answer(models.OutcomeUnavailable)
	x.retry(shop.Lease)
	x.wantCharge(ref, models.ChargeDoubtful, 2)
	for range models.MaxAttempts - 2 {
		x.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeUnknown, models.MaxAttempts)
	if err := services.NewLetters(x.Store, x.Office).Discard(t.Context(), models.TheOperator, x.Letters()[0].ID); !errors.Is(err, models.ErrLetterUnknown) {
		t.Errorf("discarding gave %v", err)
	}
	x.wantMoney(ref, 0, false)
}

// What another gateway took is neither asked for nor given back at this one, which would say that it never heard of it.
func TestRetry_leaves_another_gateways_charge_alone(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	asked := func(context.Context) models.Result {
		t.Error("this gateway was asked")
		return models.Result{Outcome: models.OutcomeAbsent}
	}
	gateway.charge, gateway.find, gateway.void = asked, asked, asked
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), "another", []models.BookingRef{ref}, shop.Lease); err != nil {
		t.Fatal(err)
	}
	if x.retry(shop.Lease) != 1 {
		t.Error("it was not taken up")
	}
	x.wantCharge(ref, models.ChargeUnknown, 2)
}

func TestRefund_leaves_another_gateways_refund_alone(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	gateway.refund = func(context.Context) models.Result {
		t.Error("this gateway was asked")
		return models.Result{Outcome: models.OutcomeSucceeded}
	}
	event := x.Event(10).ID
	ref := x.Book(event, 1, simulator.OK)
	if _, err := x.Store.StartCharges(t.Context(), "another", []models.BookingRef{ref}, shop.Lease); err != nil {
		t.Fatal(err)
	}
	paid := &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: "theirs"}}
	if _, err := x.Office.Tell(t.Context(), event, paid); err != nil {
		t.Fatal(err)
	}
	x.Cancel(ref)
	if x.refund() != 1 || x.Refund(ref).Status != models.RefundPending {
		t.Errorf("refund %+v", x.Refund(ref))
	}
}

func TestRetry_an_unknown_charge_that_was_never_made(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	gateway.charge, gateway.find = answer(models.OutcomeUnknown), answer(models.OutcomeUnknown)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	for range models.MaxAttempts - 1 {
		x.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeUnknown, models.MaxAttempts)
	gateway.charge, gateway.find = nil, nil
	x.retry(shop.Lease)
	x.wantCharge(ref, models.ChargeFailed, models.MaxAttempts) // surely not made, and not made behind the person's back
	letters := x.Letters()
	if len(letters) != 1 {
		t.Fatalf("dead letters %+v", letters)
	}
	if err := services.NewLetters(x.Store, x.Office).Discard(t.Context(), models.TheOperator, letters[0].ID); err != nil {
		t.Errorf("discard: %v", err)
	}
	x.wantMoney(ref, 0, false)
}

// A fault of the gateway's code is an answer that did not come; the others are charged.
func TestCharge_survives_a_gateway_that_panics(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	var calls atomic.Int64
	gateway.charge = func(context.Context) models.Result {
		if calls.Add(1) == 1 {
			panic("the gateway's fault")
		}
		return models.Result{Outcome: models.OutcomeSucceeded}
	}
	event := x.Event(10).ID
	refs := []models.BookingRef{x.Book(event, 1, simulator.OK), x.Book(event, 1, simulator.OK), x.Book(event, 1, simulator.OK)}
	x.charge(refs...)
	if stock := x.Stock(event); stock.Confirmed != 2 || stock.Pending != 1 {
		t.Fatalf("stock %+v", stock)
	}
	x.retry(time.Second)
	if stock := x.Stock(event); stock.Confirmed != 3 {
		t.Errorf("stock %+v", stock)
	}
}

func TestCharge_does_not_wait_for_a_gateway_that_hangs(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	gateway.charge = func(ctx context.Context) models.Result {
		<-ctx.Done()
		return models.Result{Outcome: models.OutcomeUnknown, Reason: "time out"}
	}
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	begun := time.Now()
	x.charge(ref)
	if took := time.Since(begun); took < time.Second || took > 10*time.Second {
		t.Errorf("took %s, want the timeout of 1 s", took)
	}
	x.wantCharge(ref, models.ChargeDoubtful, 1)
}

func TestRefund_goes_on_until_it_succeeds(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	gateway.refund = answer(models.OutcomeUnavailable)
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	x.Cancel(ref)
	for range models.MaxAttempts + 2 {
		x.refund()
		x.Clock.Advance(shop.Lease)
	}
	letters := x.Letters()
	if len(letters) != 1 || letters[0].Kind != models.LetterRefund {
		t.Fatalf("dead letters %+v", letters)
	}
	if x.seen.of("refund dead_letter") != 1 {
		t.Errorf("the observer was told %v", x.seen.counts)
	}
	gateway.refund = nil
	x.refund()
	x.wantMoney(ref, 1, true)
	if letters := x.Letters(); len(letters) != 0 {
		t.Errorf("dead letters %+v", letters)
	}
}

// brokenDesk is a store whose desk fails: before the commit, or after it.
type brokenDesk struct {
	shop.Store
	before, after atomic.Pointer[error]
}

func (s *brokenDesk) AtDesk(ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State)) error {
	if err := s.before.Load(); err != nil {
		return *err
	}
	if err := s.Store.AtDesk(ctx, event, batch, need, decide); err != nil {
		return err
	}
	if err := s.after.Swap(nil); err != nil {
		return *err
	}
	return nil
}

// An outcome that the store cannot take is asked for again when the lease has run out.
func TestCharge_keeps_a_charge_that_cannot_be_settled_now(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := &brokenDesk{Store: s.Store}
	x := newTillOn(t, s, store, simulator.New(s.Store, simulator.Options{}))
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	store.before.Store(new(repository.ErrUnavailable))
	x.charge(ref)
	store.before.Store(nil)
	x.wantState(ref, "PENDING")
	x.wantMoney(ref, 1, false)
	if x.retry(shop.Lease-time.Second) != 0 {
		t.Error("taken up before its lease ran out")
	}
	x.retry(time.Second)
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, 1, false)
}

// A commit whose answer was lost is looked up by the desk: settled once.
func TestCharge_settles_once_when_the_commits_answer_is_lost(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := &brokenDesk{Store: s.Store}
	x := newTillOn(t, s, store, simulator.New(s.Store, simulator.Options{}))
	event := x.Event(10).ID
	ref := x.Book(event, 2, simulator.OK)
	store.after.Store(new(repository.ErrCommitUnknown))
	x.charge(ref)
	x.wantState(ref, "CONFIRMED")
	if stock := x.Stock(event); stock.Sold != 2 || stock.Available != 8 {
		t.Errorf("stock %+v", stock)
	}
}

// So is the retry of a dead letter: it was done, and is answered so.
func TestRetry_of_a_letter_whose_commits_answer_is_lost(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := &brokenDesk{Store: s.Store}
	x := newTillOn(t, s, store, simulator.New(s.Store, simulator.Options{}))
	ref := x.Book(x.Event(10).ID, 1, simulator.Error)
	x.charge(ref)
	for range models.MaxAttempts - 1 {
		x.retry(shop.Lease)
	}
	x.wantCharge(ref, models.ChargeFailed, models.MaxAttempts)
	store.after.Store(new(repository.ErrCommitUnknown))
	letters := services.NewLetters(store, shop.OpenOffice(t, store))
	if err := letters.Retry(t.Context(), models.TheOperator, x.Letters()[0].ID); err != nil {
		t.Errorf("the retry that was done is answered: %v", err)
	}
	x.wantCharge(ref, models.ChargeStarted, 0)
	if left := x.Letters(); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
}

// Settling again, in any order, changes nothing: cases 20 and 21.
func TestSettle_again_and_out_of_order(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event := x.Event(10).ID
	paid, refused := x.Book(event, 1, simulator.OK), x.Book(event, 2, simulator.Decline)
	x.charge(paid, refused)
	for _, outcome := range []models.Outcome{
		models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomeUnknown, models.OutcomeUnavailable, models.OutcomeVoided, models.OutcomePending, models.OutcomeSucceeded,
	} {
		if _, err := x.Office.Tell(t.Context(), event, &sale.Settle{Charge: models.FirstCharge(paid), Result: models.Result{Outcome: outcome}}); err != nil {
			t.Fatalf("settle %s: %v", outcome, err)
		}
	}
	for range 3 {
		if _, err := x.Office.Tell(t.Context(), event, &sale.Settle{Charge: models.FirstCharge(refused), Result: models.Result{Outcome: models.OutcomeDeclined}}); err != nil {
			t.Fatal(err)
		}
	}
	x.wantState(paid, "CONFIRMED")
	x.wantState(refused, "CANCELLED payment_declined")
	if stock := x.Stock(event); stock.Available != 9 || stock.Sold != 1 {
		t.Errorf("stock %+v", stock)
	}
}

// A user's cancellation and a worker's confirmation at the same instant: one terminal state, one stock movement, and
// money taken is given back. Case 16.
func TestCancel_against_confirm(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event := x.Event(200).ID
	refs := x.BookMany(event, 100, simulator.OK)
	bookings := services.NewBookings(x.Store, x.Office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith})
	var group sync.WaitGroup
	for _, ref := range refs {
		group.Go(func() {
			if err := x.payments.Charge(t.Context(), []models.BookingRef{ref}); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if _, err := bookings.Cancel(t.Context(), models.TheOperator, ref.Booking); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	x.drain(t.Context())
	for x.retry(time.Minute)+x.refund() > 0 {
	}
	for _, ref := range refs {
		x.wantState(ref, "CANCELLED user")
		if record := x.Record(ref); record != nil && record.Charges > 0 && record.RefundedAt.IsZero() {
			t.Errorf("money was kept: %+v", record)
		}
	}
	if stock := x.Stock(event); stock.Available != 200 || stock.Cancelled != 100 {
		t.Errorf("stock %+v", stock)
	}
}

// cancellingStore cancels each booking just after its charge was written.
type cancellingStore struct {
	shop.Store
	cancel func(models.BookingRef) models.Booking
}

func (c *cancellingStore) StartCharges(ctx context.Context, gateway string, refs []models.BookingRef, lease time.Duration) ([]repository.Start, error) {
	starts, err := c.Store.StartCharges(ctx, gateway, refs, lease)
	for i := range starts {
		starts[i].Booking = c.cancel(starts[i].Booking.Ref())
	}
	return starts, err
}

func TestCharge_takes_no_money_for_a_booking_that_ended_as_its_charge_was_written(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	ref := s.Book(s.Event(10).ID, 1, simulator.OK)
	store := &cancellingStore{Store: s.Store, cancel: func(ref models.BookingRef) models.Booking {
		verdict, err := s.Office.Ask(context.Background(), ref.Event, &sale.Cancel{Booking: ref.Booking})
		if err != nil {
			t.Error(err)
		}
		return *verdict.Booking
	}}
	till := services.NewPayments(store, s.Office, simulator.New(s.Store, simulator.Options{}), services.PaymentOptions{})
	if err := till.Charge(t.Context(), []models.BookingRef{ref}); err != nil {
		t.Fatal(err)
	}
	if err := till.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	charges, refunds, err := s.Store.PaymentsOf(t.Context(), ref)
	if err != nil || len(charges) != 1 || charges[0].Status != models.ChargeVoided || len(refunds) != 0 {
		t.Errorf("charges %+v, refunds %+v, %v; want one, voided", charges, refunds, err)
	}
}
