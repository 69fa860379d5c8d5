package stripe_test

import (
	"fmt"
	"testing"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/stripe"
)

// charged takes a charge's money.
func charged(t *testing.T, g *stripe.Gateway) payments.ChargeRequest {
	t.Helper()
	request := prepared(t, g, "pm_card_visa")
	wantOutcome(t, "charge", g.Charge(t.Context(), request), models.OutcomeSucceeded)
	return request
}

// refundOf asks for a charge's money back, as the engine does.
func refundOf(request payments.ChargeRequest) payments.RefundRequest {
	return payments.RefundRequest{
		Key: "refund:" + request.Reference, Reference: request.Reference,
		ProviderReference: request.ProviderReference, Amount: request.Amount,
	}
}

// giveByHand is what an organiser does at Stripe.
func (f *fakeStripe) giveByHand(request payments.ChargeRequest, amount int64, status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refunds = append(f.refunds, &refund{ID: "re_hand", PaymentIntent: request.ProviderReference, Amount: amount, Status: status})
}

func TestRefund_gives_back_once_after_the_key_is_forgotten(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	refund := refundOf(charged(t, g))
	first := g.Refund(t.Context(), refund)
	f.forget()
	again := g.Refund(t.Context(), refund)
	if first.Outcome != models.OutcomeSucceeded || again != first || f.count("POST /v1/refunds") != 1 {
		t.Errorf("%+v, then %+v, after %d requests", first, again, f.count("POST /v1/refunds"))
	}
}

// The list of refunds shows nothing, and Stripe refuses: whoever was faster, the money has moved.
func TestRefund_of_what_was_given_back_otherwise_is_moved(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	refund := refundOf(charged(t, g))
	f.fail("POST /v1/refunds", fault{status: 400, Type: "invalid_request_error", Code: "charge_already_refunded"})
	wantOutcome(t, "refund", g.Refund(t.Context(), refund), models.OutcomeMoved)
}

func TestRefund_tells_what_a_failure_means(t *testing.T) {
	t.Parallel()
	const look, give = "GET /v1/refunds", "POST /v1/refunds"
	for name, test := range map[string]struct {
		on    string
		fault fault
		want  models.Outcome
	}{
		"done, but cut":             {give, fault{effect: true, hijack: cut}, models.OutcomeUnknown},
		"done, but too late":        {give, fault{effect: true, late: true}, models.OutcomeUnknown},
		"too many requests":         {give, fault{status: 429, Type: "invalid_request_error"}, models.OutcomeUnavailable},
		"a wrong key":               {give, fault{status: 401, Type: "invalid_request_error"}, models.OutcomeUnavailable},
		"disputed by the buyer":     {give, fault{status: 400, Type: "invalid_request_error", Code: "charge_disputed"}, models.OutcomeMoved},
		"more than is left":         {give, fault{status: 400, Type: "invalid_request_error", Param: "amount"}, models.OutcomeMoved},
		"no look at earlier ones":   {look, fault{hijack: cut}, models.OutcomeUnknown},
		"no look, by rate":          {look, fault{status: 429, Type: "invalid_request_error"}, models.OutcomeUnknown},
		"looked for, and not known": {look, fault{status: 404, Type: "invalid_request_error", Code: "resource_missing"}, models.OutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, g := setup(t)
			request := charged(t, g)
			wantOutcome(t, "refund", g.Refund(f.failing(t, test.on, test.fault), refundOf(request)), test.want)
			wantOutcome(t, "refund again", g.Refund(t.Context(), refundOf(request)), models.OutcomeSucceeded)
			if f.given(request.Reference) != 1 {
				t.Errorf("given back %d times", f.given(request.Reference))
			}
		})
	}
}

// A refund that Stripe has not finished may still fail; then it is made again.
func TestRefund_is_done_only_when_it_is(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	request := charged(t, g)
	set := func(status string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.refunds[0].Status = status
	}
	f.refundStatus = "pending"
	for range 2 {
		wantOutcome(t, "pending", g.Refund(t.Context(), refundOf(request)), models.OutcomePending)
	}
	set("failed")
	f.refundStatus = "failed"
	wantOutcome(t, "failed", g.Refund(t.Context(), refundOf(request)), models.OutcomeUnavailable)
	f.refundStatus = "succeeded"
	again := g.Refund(t.Context(), refundOf(request))
	wantOutcome(t, "again", again, models.OutcomeSucceeded)
	if again.ProviderReference != "re_3" || f.given(request.Reference) != 1 {
		t.Errorf("%+v, given back %d times", again, f.given(request.Reference))
	}
}

// What an organiser has given back by hand is not there to be given again: whoever asks has to look first.
func TestRefund_sees_what_was_given_back_by_hand(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		parts []int64
		want  models.Outcome
	}{{[]int64{7550}, models.OutcomeMoved}, {[]int64{7000, 550}, models.OutcomeMoved}, {[]int64{500}, models.OutcomeMoved}} {
		f, g := setup(t)
		request := charged(t, g)
		for _, part := range test.parts {
			f.giveByHand(request, part, "succeeded")
		}
		wantOutcome(t, "refund", g.Refund(t.Context(), refundOf(request)), test.want)
		if len(f.refunds) != len(test.parts) {
			t.Errorf("%v by hand: more was given back", test.parts)
		}
	}
}

// A part that Stripe has not finished may still fail, wherever it stands among the others: the charge is given back
// when all of its parts are.
func TestRefund_waits_for_every_part_given_back_by_hand(t *testing.T) {
	t.Parallel()
	for _, statuses := range [][]string{
		{"pending", "succeeded", "succeeded"}, {"succeeded", "pending", "succeeded"}, {"succeeded", "succeeded", "pending"},
		{"requires_action", "succeeded", "succeeded"}, {"pending", "pending", "pending"},
	} {
		f, g := setup(t)
		request := charged(t, g)
		for i, status := range statuses {
			f.giveByHand(request, []int64{5000, 2000, 550}[i], status)
		}
		wantOutcome(t, fmt.Sprintf("parts that are %v", statuses), g.Refund(t.Context(), refundOf(request)), models.OutcomeMoved)
		for _, part := range f.refunds {
			part.Status = "succeeded"
		}
		wantOutcome(t, "once all have succeeded", g.Refund(t.Context(), refundOf(request)), models.OutcomeMoved)
		if len(f.refunds) != len(statuses) {
			t.Errorf("parts that are %v: more was given back", statuses)
		}
	}
}

func TestRefund_needs_a_charge(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	wantOutcome(t, "refund", g.Refund(t.Context(), payments.RefundRequest{Key: "k", Amount: models.Money{Minor: 100, Currency: "USD"}}), models.OutcomeUnavailable)
	if f.count("") != 0 {
		t.Error("Stripe was asked")
	}
}
