// Package paymentstest is the suite that every payment gateway must pass.
package paymentstest

import (
	"context"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// Script is how a gateway under test is to treat a charge.
type Script string

// The scripts.
const (
	Takes       Script = "takes"        // takes the money
	Declines    Script = "declines"     // declines
	StaysOpen   Script = "stays open"   // answers that it has not decided
	LosesAnswer Script = "loses answer" // takes the money, but the answer of Charge never arrives
)

// Bench is a gateway with what the suite needs to put it to the test.
type Bench struct {
	Gateway payments.Gateway
	// Method gives the payment method of one more charge that goes by the script, and arms whatever that needs.
	Method func(Script) models.PaymentMethod
	// Taken and Given count how often money was taken, and given back, for a charge, by our reference.
	Taken, Given func(reference string) int
}

// OpenFunc opens a gateway of its own for one test, and closes it after the test.
type OpenFunc func(tb testing.TB) Bench

// Run puts a gateway to the test.
func Run(t *testing.T, open OpenFunc) {
	tests := map[string]func(*testing.T, Bench){
		"takes money once for each reference":       testChargeOnce,
		"takes money once under concurrent calls":   testChargeConcurrently,
		"keeps to a decline":                        testDecline,
		"tells what became of a lost answer":        testLostAnswer,
		"says that it has not decided":              testStaysOpen,
		"knows nothing of what was never charged":   testAbsent,
		"charges nothing after it was voided":       testVoidThenCharge,
		"voids what it has never heard of":          testVoidUnheardOf,
		"voids nothing that was charged":            testVoidTooLate,
		"gives back once":                           testRefund,
		"gives back nothing that was never charged": testRefundNothing,
		"gives up with the caller's context":        testContext,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// NewRequest makes the request of a new charge.
func NewRequest(method models.PaymentMethod) payments.ChargeRequest {
	ref := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	return payments.ChargeRequest{
		Reference: models.FirstCharge(ref).Reference(), Booking: ref.Booking, Method: method,
		Amount: models.Money{Minor: 7550, Currency: "USD"}, Deadline: time.Now().Add(15 * time.Minute),
	}
}

// request is a new charge by the script, prepared if the gateway wants that.
func (b Bench) request(t *testing.T, script Script) payments.ChargeRequest {
	t.Helper()
	request := NewRequest(b.Method(script))
	preparer, is := b.Gateway.(payments.Preparer)
	if !is {
		return request
	}
	result := preparer.Prepare(t.Context(), request)
	if result.Outcome != models.Prepared || result.ProviderReference == "" {
		t.Fatalf("prepare: %+v, want a reference", result)
	}
	request.ProviderReference = result.ProviderReference
	return request
}

// want fails unless an outcome is one of some.
func want(t *testing.T, what string, got models.Result, outcomes ...models.Outcome) {
	t.Helper()
	for _, outcome := range outcomes {
		if got.Outcome == outcome {
			return
		}
	}
	t.Errorf("%s: %+v, want %v", what, got, outcomes)
}

func (b Bench) wantMoney(t *testing.T, reference string, taken, given int) {
	t.Helper()
	if b.Taken(reference) != taken || b.Given(reference) != given {
		t.Errorf("money was taken %d times and given back %d times, want %d and %d", b.Taken(reference), b.Given(reference), taken, given)
	}
}

func testChargeOnce(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	first := b.Gateway.Charge(t.Context(), request)
	want(t, "charge", first, models.Succeeded)
	if first.ProviderReference == "" {
		t.Error("a charge has no reference of the provider")
	}
	request.ProviderReference = first.ProviderReference
	for range 2 {
		again := b.Gateway.Charge(t.Context(), request)
		want(t, "charge again", again, models.Succeeded)
		if again.ProviderReference != first.ProviderReference {
			t.Errorf("the charge is now called %q, was %q", again.ProviderReference, first.ProviderReference)
		}
	}
	want(t, "find", b.Gateway.Find(t.Context(), request), models.Succeeded)
	b.wantMoney(t, request.Reference, 1, 0)
}

func testChargeConcurrently(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() {
			// A try may collide with another, but must not claim that the charge was declined.
			want(t, "charge", b.Gateway.Charge(t.Context(), request), models.Succeeded, models.StillOpen, models.Unknown,
				models.Unavailable)
		})
	}
	calls.Wait()
	want(t, "find", b.Gateway.Find(t.Context(), request), models.Succeeded)
	b.wantMoney(t, request.Reference, 1, 0)
}

func testDecline(t *testing.T, b Bench) {
	request := b.request(t, Declines)
	for range 2 {
		result := b.Gateway.Charge(t.Context(), request)
		want(t, "charge", result, models.Declined)
		if result.Reason == "" {
			t.Error("a decline has no reason")
		}
	}
	want(t, "find", b.Gateway.Find(t.Context(), request), models.Declined)
	b.wantMoney(t, request.Reference, 0, 0)
}

func testLostAnswer(t *testing.T, b Bench) {
	request := b.request(t, LosesAnswer)
	want(t, "charge", b.Gateway.Charge(t.Context(), request), models.Unknown)
	want(t, "find", b.Gateway.Find(t.Context(), request), models.Succeeded)
	want(t, "charge again", b.Gateway.Charge(t.Context(), request), models.Succeeded, models.Unknown)
	b.wantMoney(t, request.Reference, 1, 0)
}

func testStaysOpen(t *testing.T, b Bench) {
	request := b.request(t, StaysOpen)
	want(t, "charge", b.Gateway.Charge(t.Context(), request), models.StillOpen)
	want(t, "find", b.Gateway.Find(t.Context(), request), models.StillOpen)
	b.wantMoney(t, request.Reference, 0, 0)
}

func testAbsent(t *testing.T, b Bench) {
	want(t, "find one never heard of", b.Gateway.Find(t.Context(), NewRequest(b.Method(Takes))), models.Absent)
	want(t, "find one not charged", b.Gateway.Find(t.Context(), b.request(t, Takes)), models.Absent)
}

func testVoidThenCharge(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	for range 2 {
		want(t, "void", b.Gateway.Void(t.Context(), request), models.Voided)
	}
	want(t, "charge", b.Gateway.Charge(t.Context(), request), models.Declined, models.Unavailable)
	want(t, "find", b.Gateway.Find(t.Context(), request), models.Voided)
	b.wantMoney(t, request.Reference, 0, 0)
}

func testVoidUnheardOf(t *testing.T, b Bench) {
	request := NewRequest(b.Method(Takes))
	want(t, "void", b.Gateway.Void(t.Context(), request), models.Voided)
	want(t, "charge", b.Gateway.Charge(t.Context(), request), models.Declined, models.Unavailable)
	b.wantMoney(t, request.Reference, 0, 0)
}

func testVoidTooLate(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	want(t, "charge", b.Gateway.Charge(t.Context(), request), models.Succeeded)
	want(t, "void", b.Gateway.Void(t.Context(), request), models.Succeeded)
	want(t, "find", b.Gateway.Find(t.Context(), request), models.Succeeded)
	b.wantMoney(t, request.Reference, 1, 0)
}

// refundOf asks for a charge's money back, as the engine does.
func refundOf(request payments.ChargeRequest, provider string) payments.RefundRequest {
	return payments.RefundRequest{
		Key: "refund:" + request.Reference, Reference: request.Reference, ProviderReference: provider, Amount: request.Amount,
	}
}

func testRefund(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	charged := b.Gateway.Charge(t.Context(), request)
	want(t, "charge", charged, models.Succeeded)
	refund := refundOf(request, charged.ProviderReference)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			want(t, "refund", b.Gateway.Refund(t.Context(), refund), models.Succeeded, models.Unknown, models.Unavailable)
		})
	}
	calls.Wait()
	result := b.Gateway.Refund(t.Context(), refund)
	want(t, "refund again", result, models.Succeeded)
	if result.ProviderReference == "" {
		t.Error("a refund has no reference of the provider")
	}
	b.wantMoney(t, request.Reference, 1, 1)
}

func testRefundNothing(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	want(t, "refund", b.Gateway.Refund(t.Context(), refundOf(request, request.ProviderReference)), models.Unavailable,
		models.Unknown)
	b.wantMoney(t, request.Reference, 0, 0)
}

func testContext(t *testing.T, b Bench) {
	request := b.request(t, Takes)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, "charge", b.Gateway.Charge(ended, request), models.Unknown, models.Unavailable)
	want(t, "find", b.Gateway.Find(ended, request), models.Unknown)
	want(t, "void", b.Gateway.Void(ended, request), models.Unknown)
	want(t, "refund", b.Gateway.Refund(ended, refundOf(request, request.ProviderReference)), models.Unknown,
		models.Unavailable)
}
