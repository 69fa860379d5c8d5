package stripe_test

import (
	"fmt"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/testkit"
)

// read reads the list of events, a minute later, and returns how many charges were looked at for it.
func (x *sale) read() int {
	x.t.Helper()
	x.Clock.Advance(time.Minute)
	n, err := x.payments.ReadChronicle(x.t.Context())
	x.must(err)
	return n
}

// Money that moves at Stripe while no callback comes is found in Stripe's own list, a minute later, and looked at once.
func TestChronicle_finds_what_no_callback_told(t *testing.T) {
	t.Parallel()
	x, ref, intent := paidSale(t)
	all := x.Booking(ref).TotalAmount.Minor
	x.read()
	x.fake.happen("refund.created", x.fake.byHand(intent, 1000))
	if n, err := x.payments.ReadChronicle(t.Context()); n != 0 || err != nil {
		t.Errorf("read again at once: %d, %v", n, err)
	}
	if n := x.read(); n != 1 {
		t.Errorf("looked at %d charges", n)
	}
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, all-1000, 1000, models.LetterMoved)
	if n := x.read(); n != 0 {
		t.Errorf("looked at %d charges again", n)
	}
	d := x.fake.dispute(intent, "needs_response")
	x.fake.happen("charge.dispute.created", d)
	x.fake.happen("charge.dispute.funds_withdrawn", d)
	if n := x.read(); n != 1 {
		t.Errorf("looked at %d charges for two events of one", n)
	}
	if got := x.Stock(ref.Event).SoldAmount; got != 0 {
		t.Errorf("earned %d", got)
	}
}

// What is refunded from here is known: the list costs one call, however many refunds there are.
func TestChronicle_looks_at_no_refund_of_our_own(t *testing.T) {
	t.Parallel()
	x, ref, _ := paidSale(t)
	x.fake.happen("refund.created", map[string]any{"object": "refund"})
	x.read()
	x.Cancel(ref)
	x.refund()
	for range 120 { // more than a piece
		x.fake.happen("refund.created", x.fake.refunds[0])
	}
	before := len(x.fake.seen)
	if n := x.read(); n != 0 {
		t.Errorf("looked at %d charges", n)
	}
	if calls := len(x.fake.seen) - before; calls != 3 {
		t.Errorf("%d calls for 120 events", calls)
	}
	x.fake.set(func() { x.fake.refunds[0].Status = "failed" })
	x.fake.happen("refund.failed", x.fake.refunds[0])
	if n := x.read(); n != 1 || x.Refund(ref).Status != models.RefundPending {
		t.Errorf("looked at %d charges, the refund is %+v", n, x.Refund(ref))
	}
}

// What cannot be looked at now is read again; nothing is passed over.
func TestChronicle_reads_again_what_it_could_not_look_at(t *testing.T) {
	t.Parallel()
	x, ref, intent := paidSale(t)
	x.fake.happen("refund.created", x.fake.byHand(intent, 1000))
	x.fake.fail("GET /v1/refunds", fault{status: 500, Type: "api_error"})
	x.Clock.Advance(time.Minute)
	if n, err := x.payments.ReadChronicle(t.Context()); n != 0 || err == nil {
		t.Errorf("looked at %d, %v", n, err)
	}
	if n := x.read(); n != 1 {
		t.Errorf("looked at %d charges", n)
	}
	x.wantMoney(ref, x.Booking(ref).TotalAmount.Minor-1000, 1000, models.LetterMoved)
}

// Another system's events, an event that Stripe has forgotten, and a key that may not read the list harm nothing.
func TestChronicle_of_what_is_none_of_ours(t *testing.T) {
	t.Parallel()
	fake, gateway := setup(t)
	fake.happen("refund.created", map[string]any{"object": "refund", "payment_intent": nil})
	fake.happen("refund.created", map[string]any{"object": "refund", "payment_intent": "pi_4242 s3cret"})
	fake.happen("refund.created", map[string]any{"object": "refund", "payment_intent": 7, "metadata": "none"})
	fake.happen("customer.created", map[string]any{"object": "customer", "payment_intent": "pi_1"})
	since := func(place string) payments.Chronicle {
		t.Helper()
		list := gateway.Since(t.Context(), place)
		if list.Result.Outcome != models.OutcomeSucceeded {
			t.Errorf("%q: %+v", place, list)
		}
		return list
	}
	if list := since(""); len(list.Charges) != 0 || list.Place != "evt_3" || list.More {
		t.Errorf("the list is %+v", list)
	}
	if list := since("evt_gone"); list.Place != "" || len(list.Charges) != 0 {
		t.Errorf("behind an event that is gone: %+v", list)
	}
	fake.fail("GET /v1/events", fault{status: 403, Type: "invalid_request_error"})
	if list := since("evt_3"); list.Place != "evt_3" {
		t.Errorf("with a key that may not: %+v", list)
	}
	fake.fail("GET /v1/events", fault{status: 429, Code: "rate_limit"})
	if list := gateway.Since(t.Context(), "evt_3"); list.Place != "evt_3" || list.Result.Stall != models.StallThrottled {
		t.Errorf("limited: %+v", list)
	}
}

// A list that is longer than a piece is read from the oldest on, and nothing twice.
func TestChronicle_goes_on_where_it_was(t *testing.T) {
	t.Parallel()
	fake, gateway := setup(t)
	fake.happen("refund.created", map[string]any{"object": "refund", "payment_intent": "pi_0"})
	place := gateway.Since(t.Context(), "").Place
	const all = 130
	for i := range all {
		fake.happen("refund.created", map[string]any{"object": "refund", "payment_intent": fmt.Sprintf("pi_%d", i+1)})
	}
	var got []string
	for more := true; more; {
		list := gateway.Since(t.Context(), place)
		got, place, more = append(got, list.Charges...), list.Place, list.More
	}
	if len(got) != all || got[0] != "pi_1" || got[all-1] != fmt.Sprintf("pi_%d", all) {
		t.Errorf("read %d: %v", len(got), got)
	}
}

// A gateway that has limited its calls once is asked again, however few calls there are by which its rate could
// recover.
func TestChronicle_is_read_again_after_a_limit(t *testing.T) {
	t.Parallel()
	x, _, intent := paidSale(t)
	x.read()
	x.fake.fail("GET /v1/events", fault{status: 429, Code: "rate_limit"})
	x.read()
	x.fake.happen("refund.created", x.fake.byHand(intent, 1000))
	testkit.Eventually(t, time.Minute, func() error { // the pacer's clock is the machine's
		if n := x.read(); n != 1 {
			return fmt.Errorf("looked at %d charges", n)
		}
		return nil
	})
}
