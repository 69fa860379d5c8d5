package simulator_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func request(method models.PaymentMethod) payments.ChargeRequest {
	ref := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	return requestFor(ref, method)
}

func requestFor(ref models.BookingRef, method models.PaymentMethod) payments.ChargeRequest {
	return payments.ChargeRequest{
		Reference: models.FirstCharge(ref).Reference(), Booking: ref.Booking, Method: method,
		Amount: models.Money{Minor: 7550, Currency: "USD"}, Deadline: shop.Opening.Add(shop.Deadline),
	}
}

func want(t *testing.T, what string, got models.Result, outcome models.Outcome) {
	t.Helper()
	if got.Outcome != outcome {
		t.Errorf("%s: %+v, want %s", what, got, outcome)
	}
}

// The ledger, not the gateway's memory, knows what was charged: a new process answers as the old one did.
func TestGateway_remembers_across_restarts(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	r := request(simulator.Lost)
	want(t, "charge", simulator.New(s.Store, simulator.Options{}).Charge(t.Context(), r), models.Unknown)
	restarted := simulator.New(s.Store, simulator.Options{})
	found := restarted.Find(t.Context(), r)
	want(t, "find", found, models.Succeeded)
	again := restarted.Void(t.Context(), r)
	want(t, "void", again, models.Succeeded)
	if found.ProviderReference == "" || found.ProviderReference != again.ProviderReference {
		t.Errorf("provider references %q and %q", found.ProviderReference, again.ProviderReference)
	}
	refund := payments.RefundRequest{Key: "refund:" + r.Reference, Reference: r.Reference, Amount: r.Amount}
	want(t, "refund", restarted.Refund(t.Context(), refund), models.Succeeded)
	want(t, "refund again", restarted.Refund(t.Context(), refund), models.Succeeded)
}

func TestGateway_slow_by_the_stores_clock(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	g, r := simulator.New(s.Store, simulator.Options{}), request(simulator.Slow)
	want(t, "charge", g.Charge(t.Context(), r), models.StillOpen)
	s.Clock.Advance(shop.Deadline)
	want(t, "at the deadline", g.Find(t.Context(), r), models.StillOpen)
	s.Clock.Advance(time.Minute)
	want(t, "after the deadline", g.Find(t.Context(), r), models.Succeeded)
}

// However many workers charge one booking at once, money is taken once.
func TestGateway_charges_a_reference_once(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	ref := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	gateways := []*simulator.Gateway{simulator.New(s.Store, simulator.Options{}), simulator.New(s.Store, simulator.Options{})}
	const calls = 100
	var group sync.WaitGroup
	for i := range calls {
		group.Go(func() {
			got := gateways[i%2].Charge(t.Context(), requestFor(ref, simulator.OK))
			want(t, "charge", got, models.Succeeded)
		})
	}
	group.Wait()
	if record := s.Record(ref); record.Calls != calls || record.Charges != 1 {
		t.Errorf("%d calls charged %d times, want %d and 1", record.Calls, record.Charges, calls)
	}
}

func TestGateway_takes_its_time_and_no_longer(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	g := simulator.New(s.Store, simulator.Options{Latency: 30 * time.Millisecond})
	begun := time.Now()
	want(t, "charge", g.Charge(t.Context(), request(simulator.OK)), models.Succeeded)
	if took := time.Since(begun); took < 30*time.Millisecond {
		t.Errorf("took %s", took)
	}
	slow := simulator.New(s.Store, simulator.Options{Latency: time.Hour})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	want(t, "charge in a hurry", slow.Charge(ctx, request(simulator.OK)), models.Unknown)
}

func TestGateway_fails_as_often_as_set(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	var next atomic.Int64
	thirds := func() float64 { return float64(next.Add(1)%3) / 3 } // 1/3, 2/3, 0, …
	g := simulator.New(s.Store, simulator.Options{FailureRate: 0.3, Random: thirds})
	r := request(simulator.OK)
	want(t, "1st", g.Charge(t.Context(), r), models.Succeeded)
	want(t, "2nd", g.Find(t.Context(), r), models.Succeeded)
	want(t, "3rd", g.Find(t.Context(), r), models.Unknown)
	next.Add(2)
	want(t, "6th", g.Charge(t.Context(), request(simulator.OK)), models.Unavailable)
}

// ledger is a ledger that fails.
type ledger struct{ err error }

func (l ledger) SimCharges(context.Context, []string, func(time.Time, map[string]*simulator.Record)) error {
	return l.err
}

// A broken ledger is told apart by whether anything may have been written.
func TestGateway_on_a_broken_ledger(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		charge models.Outcome
	}{
		{repository.ErrUnavailable, models.Unavailable},
		{repository.ErrRejected, models.Unavailable},
		{repository.ErrCommitUnknown, models.Unknown},
		{errors.New("something else"), models.Unknown},
	} {
		g := simulator.New(ledger{test.err}, simulator.Options{})
		want(t, "charge", g.Charge(t.Context(), request(simulator.OK)), test.charge)
		want(t, "find", g.Find(t.Context(), request(simulator.OK)), models.Unknown)
		want(t, "void", g.Void(t.Context(), request(simulator.OK)), models.Unknown)
		want(t, "refund", g.Refund(t.Context(), payments.RefundRequest{Key: "k", Reference: "r"}), test.charge)
	}
}

// slowLedger counts transactions, each of which waits for permission.
type slowLedger struct {
	calls, references atomic.Int64
	permit            chan struct{}
}

func (l *slowLedger) SimCharges(_ context.Context, references []string, decide func(time.Time, map[string]*simulator.Record)) error {
	l.calls.Add(1)
	l.references.Add(int64(len(references)))
	<-l.permit
	decide(shop.Opening, map[string]*simulator.Record{})
	return nil
}

// What comes while one transaction is under way goes together in the next.
func TestGateway_batches_what_waits(t *testing.T) {
	t.Parallel()
	l := &slowLedger{permit: make(chan struct{})}
	g := simulator.New(l, simulator.Options{})
	var group sync.WaitGroup
	charge := func() { want(t, "charge", g.Charge(t.Context(), request(simulator.OK)), models.Succeeded) }
	group.Go(charge)
	testkit.Eventually(t, 5*time.Second, func() error {
		if l.calls.Load() == 0 {
			return errors.New("the lone call waits")
		}
		return nil
	})
	var begun sync.WaitGroup
	for range 50 {
		begun.Add(1)
		group.Go(func() {
			begun.Done()
			charge()
		})
	}
	begun.Wait()
	close(l.permit)
	group.Wait()
	if calls := l.calls.Load(); calls >= 51 || l.references.Load() != 51 {
		t.Errorf("%d charges took %d transactions", l.references.Load(), calls)
	}
}

func BenchmarkCharge(b *testing.B) {
	s := shop.New(b)
	g := simulator.New(s.Store, simulator.Options{})
	b.SetParallelism(128)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if got := g.Charge(b.Context(), request(simulator.OK)); got.Outcome != models.Succeeded {
				b.Errorf("charge: %+v", got)
			}
		}
	})
}

// A caller without time left must not learn of a success by luck, and a call that was never sent has no effect.
func TestGateway_does_nothing_for_a_context_that_has_ended(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	g := simulator.New(s.Store, simulator.Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		r := request(simulator.OK)
		want(t, "charge", g.Charge(ended, r), models.Unavailable)
		want(t, "find", g.Find(ended, r), models.Unknown)
		want(t, "void", g.Void(ended, r), models.Unknown)
		refund := payments.RefundRequest{Key: "refund:" + r.Reference, Reference: r.Reference, Amount: r.Amount}
		want(t, "refund", g.Refund(ended, refund), models.Unavailable)
		want(t, "find it with time", g.Find(t.Context(), r), models.Absent)
	}
}
