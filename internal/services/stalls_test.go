package services_test

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/testkit/shop"
)

// newAwayTill is a till whose gateway is away while a file is there.
func newAwayTill(t *testing.T) (x *till, leave, come func()) {
	t.Helper()
	s := shop.New(t)
	file := filepath.Join(t.TempDir(), "away")
	x = newTillOn(t, s, s.Store, simulator.New(s.Store, simulator.Options{AwayFile: file}))
	leave = func() {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	come = func() {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	return x, leave, come
}

// retryUntil retries once a second of the store's clock until that has settled something.
func (x *till) retryUntil(settled func() bool) {
	x.t.Helper()
	for range 100 {
		if settled() {
			return
		}
		<-time.After(50 * time.Millisecond) // the pacer's own second goes by
		x.retry(time.Second)
	}
	x.t.Fatal("nothing was settled")
}

// However long the gateway is away before the deadline, no try is counted, and no payment is given up.
func TestCharge_waits_for_a_gateway_that_is_away(t *testing.T) {
	t.Parallel()
	x, leave, come := newAwayTill(t)
	ref := x.bookOne(simulator.OK)
	leave()
	x.charge(ref)
	x.wantCharge(ref, models.ChargeStarted, 0)
	for range 2 * models.MaxAttempts {
		x.retry(shop.Lease)
		x.wantCharge(ref, models.ChargeStarted, 0)
	}
	if x.seen.of("charge away") == 0 {
		t.Errorf("metrics saw %v", x.seen.counts)
	}
	come()
	x.retryUntil(func() bool { return x.State(ref) == "CONFIRMED" })
	x.wantMoney(ref, 1, false)
}

// What may have been charged stays in doubt while the gateway is away, and is found when it is back.
func TestRetry_of_a_doubtful_charge_waits_for_a_gateway_that_is_away(t *testing.T) {
	t.Parallel()
	x, leave, come := newAwayTill(t)
	ref := x.bookOne(simulator.Lost)
	x.charge(ref)
	leave()
	for range 2 * models.MaxAttempts {
		x.retry(shop.Lease)
		x.wantCharge(ref, models.ChargeDoubtful, 1)
	}
	come()
	x.retryUntil(func() bool { return x.State(ref) == "CONFIRMED" })
	x.wantMoney(ref, 1, false)
}

// At the deadline the booking expires as ever; whatever became of the charge is asked when the gateway is back.
func TestCharge_of_an_expired_booking_is_voided_when_the_gateway_is_back(t *testing.T) {
	t.Parallel()
	x, leave, come := newAwayTill(t)
	ref := x.bookOne(simulator.OK)
	leave()
	x.charge(ref)
	x.expire()
	x.wantState(ref, "CANCELLED expired")
	for range 2 * models.MaxAttempts {
		x.retry(shop.Lease)
	}
	come()
	x.retryUntil(func() bool { return x.Charge(ref).Status == models.ChargeVoided })
	x.wantMoney(ref, 0, false)
}

// A gateway that limits the rate of calls has not looked at a payment: that is no try.
func TestCharge_counts_no_try_that_the_gateway_would_not_look_at(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	var open atomic.Bool
	limited := func(context.Context) models.Result {
		if open.Load() {
			return models.Result{Outcome: models.Succeeded}
		}
		return models.Result{Outcome: models.Unavailable, Stall: models.Throttled}
	}
	gateway.charge, gateway.find = limited, answer(models.Absent)
	ref := x.bookOne(simulator.OK)
	x.charge(ref)
	x.wantCharge(ref, models.ChargeStarted, 0)
	for range 2 * models.MaxAttempts {
		x.retry(shop.Lease)
		x.wantCharge(ref, models.ChargeStarted, 0)
	}
	if x.seen.of("charge throttled") == 0 {
		t.Errorf("metrics saw %v", x.seen.counts)
	}
	open.Store(true)
	x.retryUntil(func() bool { return x.State(ref) == "CONFIRMED" })
}

// A refund of a gateway that is away is no try either.
func TestRefund_waits_for_a_gateway_that_is_away(t *testing.T) {
	t.Parallel()
	x, leave, come := newAwayTill(t)
	ref := x.bookOne(simulator.OK)
	x.charge(ref)
	x.Cancel(ref)
	leave()
	for range 2 * models.MaxAttempts {
		x.Clock.Advance(shop.Lease)
		x.refund()
	}
	if letters, err := x.Store.CountDeadLetters(t.Context()); err != nil || letters != 0 {
		t.Fatalf("%d dead letters, %v", letters, err)
	}
	come()
	for range 100 {
		if x.Clock.Advance(time.Second); x.refund() > 0 && !x.Record(ref).RefundedAt.IsZero() {
			return
		}
		<-time.After(50 * time.Millisecond)
	}
	t.Fatal("the money was not given back")
}

// bookOne books a ticket of an event of its own.
func (x *till) bookOne(method models.PaymentMethod) models.BookingRef {
	x.t.Helper()
	return x.Book(x.Event(10).ID, 1, method)
}

// A free booking needs no gateway: it does not wait for one.
func TestConfirmFree_does_not_wait_for_the_gateway(t *testing.T) {
	t.Parallel()
	x, leave, _ := newAwayTill(t)
	leave()
	paid := x.bookOne(simulator.OK)
	free := x.Book(x.Event(10, func(d *models.EventDraft) { d.TicketPrice.Minor = 0 }).ID, 2, simulator.OK)
	if n, err := x.payments.ConfirmFree(t.Context()); n != 1 || err != nil {
		t.Fatalf("confirmed %d: %v", n, err)
	}
	x.wantState(free, "CONFIRMED")
	x.wantState(paid, "PENDING")
}
