package stripe_test

import (
	"encoding/json"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// paidSale has one booking of 2 tickets that was paid.
func paidSale(t *testing.T) (x *sale, ref models.BookingRef, intent string) {
	t.Helper()
	x = newSale(t)
	ref = x.book(x.Event(10).ID, "pm_card_visa")
	x.charge(ref)
	x.wantState(ref, "CONFIRMED")
	return x, ref, x.Charge(ref).ProviderReference
}

func (x *sale) wantState(ref models.BookingRef, want string) {
	x.t.Helper()
	if got := x.State(ref); got != want {
		x.t.Fatalf("the booking is %s, want %s; the charge is %+v", got, want, x.Charge(ref))
	}
}

// hear delivers an event about an object of Stripe's.
func (x *sale) hear(kind string, object any) {
	x.t.Helper()
	x.fake.mu.Lock()
	body, err := json.Marshal(map[string]any{"object": "event", "type": kind, "data": map[string]any{"object": object}})
	x.fake.mu.Unlock()
	x.must(err)
	sum := signature(x.Clock.Now(), body, webhookSecret)
	x.must(x.callbacks.Receive(x.t.Context(), "stripe", func(string) string { return sum }, body))
}

// wantMoney checks what the event earns, what went back of the booking's money, and the kinds of letters.
func (x *sale) wantMoney(ref models.BookingRef, earned, back int64, letters ...models.LetterKind) {
	x.t.Helper()
	if got := x.Stock(ref.Event).SoldAmount; got != earned {
		x.t.Errorf("the event has earned %d, want %d", got, earned)
	}
	if got := x.fake.back(models.FirstCharge(ref).Reference()); got != back {
		x.t.Errorf("%d went back, want %d", got, back)
	}
	var kinds []models.LetterKind
	for _, l := range x.Letters() {
		kinds = append(kinds, l.Kind)
	}
	if len(kinds) != len(letters) || len(kinds) > 0 && kinds[0] != letters[0] {
		x.t.Errorf("the letters are %v, want %v", kinds, letters)
	}
}

// refund lets everything that is owed be given back, as far as it goes.
func (x *sale) refund() {
	x.t.Helper()
	for range 8 {
		x.Clock.Advance(time.Minute)
		x.do(x.payments.Refund)
	}
}

func (x *sale) close(reason string) {
	x.t.Helper()
	letters := services.NewLetters(x.Store, x.Office)
	x.must(letters.Close(x.t.Context(), models.TheOperator, x.Letters()[0].ID, reason))
}

// TestMoved is the table of docs/states.md, with Stripe.
func TestMoved(t *testing.T) {
	t.Parallel()
	total := func(x *sale, ref models.BookingRef) int64 { return x.Booking(ref).TotalAmount.Minor }
	for name, live := range map[string]func(x *sale, ref models.BookingRef, intent string, all int64){
		"a part by hand, kept": func(x *sale, ref models.BookingRef, intent string, all int64) {
			r := x.fake.byHand(intent, 1000)
			for range 3 { // events come twice, and in any order
				x.hear("refund.created", r)
				x.hear("charge.refunded", map[string]any{"object": "charge", "payment_intent": intent})
			}
			x.wantState(ref, "CONFIRMED")
			x.wantMoney(ref, all-1000, 1000, models.LetterMoved)
			x.close("the buyer had a complaint")
			x.hear("refund.updated", r)
			x.wantMoney(ref, all-1000, 1000)
		},
		"a part by hand, then cancelled": func(x *sale, ref models.BookingRef, intent string, all int64) {
			x.hear("refund.created", x.fake.byHand(intent, 1000))
			x.Cancel(ref)
			x.wantMoney(ref, 0, 1000, models.LetterMoved)
			x.refund()
			x.wantMoney(ref, 0, all)
		},
		"a part by hand that nobody told of, then cancelled": func(x *sale, ref models.BookingRef, intent string, all int64) {
			x.fake.byHand(intent, 1000)
			x.Cancel(ref)
			x.refund()
			x.wantState(ref, "CANCELLED user")
			x.wantMoney(ref, 0, all)
		},
		"all by hand, then cancelled": func(x *sale, ref models.BookingRef, intent string, all int64) {
			x.hear("refund.created", x.fake.byHand(intent, all))
			x.wantState(ref, "CONFIRMED")
			x.wantMoney(ref, 0, all, models.LetterMoved)
			x.Cancel(ref)
			x.refund()
			x.wantMoney(ref, 0, all)
		},
		"all by hand that nobody told of, then cancelled": func(x *sale, ref models.BookingRef, intent string, all int64) {
			x.fake.byHand(intent, all)
			x.Cancel(ref)
			x.refund()
			x.wantMoney(ref, 0, all)
		},
		"by hand, and not finished for days, then cancelled": func(x *sale, ref models.BookingRef, intent string, all int64) {
			r := x.fake.byHand(intent, all)
			x.fake.set(func() { r.Status = "pending" })
			x.hear("refund.created", r)
			x.wantMoney(ref, all, all) // it may still fail
			x.Cancel(ref)
			for range 20 {
				x.refund()
				x.Clock.Advance(6 * time.Hour)
			}
			x.wantMoney(ref, 0, all)
			x.fake.set(func() { r.Status = "succeeded" })
			x.Clock.Advance(2 * time.Hour)
			x.refund()
			if r := x.Refund(ref); r.Status != models.RefundSucceeded {
				x.t.Errorf("the refund is %+v", r)
			}
		},
		"by hand, and it came back": func(x *sale, ref models.BookingRef, intent string, all int64) {
			r := x.fake.byHand(intent, 1000)
			x.hear("refund.created", r)
			x.fake.set(func() { r.Status = "failed" })
			x.hear("refund.failed", r)
			x.wantMoney(ref, all, 0)
		},
		"disputed, and lost": func(x *sale, ref models.BookingRef, intent string, all int64) {
			d := x.fake.dispute(intent, "needs_response")
			x.hear("charge.dispute.created", d)
			x.wantState(ref, "CONFIRMED")
			x.wantMoney(ref, 0, all, models.LetterDispute)
			x.close("wait for the bank")
			x.fake.set(func() { d.Status = "lost" })
			x.hear("charge.dispute.closed", d)
			x.wantMoney(ref, 0, all, models.LetterDispute) // that is news
			x.close("keep the booking")
			x.hear("charge.dispute.closed", d)
			x.wantMoney(ref, 0, all)
		},
		"disputed, and won": func(x *sale, ref models.BookingRef, intent string, all int64) {
			d := x.fake.dispute(intent, "needs_response")
			x.hear("charge.dispute.funds_withdrawn", d)
			x.fake.set(func() { d.Status = "won" })
			x.hear("charge.dispute.closed", d)
			x.wantState(ref, "CONFIRMED")
			x.wantMoney(ref, all, 0)
		},
		"asked about, and nothing was taken": func(x *sale, ref models.BookingRef, intent string, all int64) {
			d := x.fake.dispute(intent, "warning_needs_response")
			x.hear("charge.dispute.created", d)
			if got := x.Stock(ref.Event).SoldAmount; got != all || len(x.Letters()) != 0 {
				x.t.Errorf("earned %d, letters %+v", got, x.Letters())
			}
		},
		"disputed, cancelled, and won": func(x *sale, ref models.BookingRef, intent string, all int64) {
			d := x.fake.dispute(intent, "needs_response")
			x.Cancel(ref)
			x.refund()
			x.wantMoney(ref, 0, all) // the bank has given it to the buyer
			x.fake.set(func() { d.Status = "won" })
			x.hear("charge.dispute.closed", d)
			x.refund()
			x.wantMoney(ref, 0, all) // now it is given back by us
		},
		"a bank takes what was given back before": func(x *sale, ref models.BookingRef, intent string, all int64) {
			x.Cancel(ref)
			x.refund()
			x.wantMoney(ref, 0, all)
			d := x.fake.dispute(intent, "needs_response")
			for range 3 {
				x.hear("charge.dispute.created", d)
			}
			x.wantState(ref, "CANCELLED user")
			if letters := x.Letters(); len(letters) != 1 || letters[0].Kind != models.LetterDispute || x.Charge(ref).Refunded != all {
				x.t.Errorf("letters %+v, charge %+v", letters, x.Charge(ref))
			}
			x.close("the bank was answered")
			x.hear("charge.dispute.created", d)
			if letters := x.Letters(); len(letters) != 0 {
				x.t.Errorf("letters %+v", letters)
			}
		},
		"disputed in another currency": func(x *sale, ref models.BookingRef, intent string, all int64) {
			d := x.fake.dispute(intent, "needs_response")
			x.fake.set(func() { d.Currency, d.Amount = "eur", 1 })
			for range 3 {
				x.hear("charge.dispute.created", d)
			}
			x.wantState(ref, "CONFIRMED")
			letters := x.Letters()
			if len(letters) != 1 || letters[0].Kind != models.LetterDispute || x.Charge(ref).Refunded != 0 || x.Stock(ref.Event).SoldAmount != all {
				x.t.Errorf("letters %+v, charge %+v", letters, x.Charge(ref))
			}
			x.close("looked up")
			x.hear("charge.dispute.created", d)
			if letters := x.Letters(); len(letters) != 0 {
				x.t.Errorf("letters %+v", letters)
			}
		},
		"a refund that fails after it had succeeded": func(x *sale, ref models.BookingRef, _ string, all int64) {
			x.Cancel(ref)
			x.refund()
			x.wantMoney(ref, 0, all)
			r := x.fake.refunds[0]
			x.fake.set(func() { r.Status = "failed" })
			for range 3 {
				x.hear("refund.failed", r)
			}
			x.refund()
			x.wantMoney(ref, 0, all)
			if len(x.fake.refunds) != 2 {
				x.t.Errorf("%d refunds, want the failed one and another", len(x.fake.refunds))
			}
		},
		"a refund that is pending for days": func(x *sale, ref models.BookingRef, _ string, all int64) {
			x.fake.refundStatus = "pending"
			x.Cancel(ref)
			for range 20 {
				x.refund()
				x.Clock.Advance(6 * time.Hour)
			}
			x.wantMoney(ref, 0, all)
			if asked := x.fake.count("GET /v1/refunds"); asked > 80 {
				x.t.Errorf("asked %d times in five days", asked)
			}
			x.fake.set(func() { x.fake.refunds[0].Status = "succeeded" })
			x.hear("refund.updated", x.fake.refunds[0])
			if _, refunds, _ := x.Store.PaymentsOf(x.t.Context(), ref); refunds[0].Status != models.RefundSucceeded {
				x.t.Errorf("the refund is %+v", refunds[0])
			}
		},
		"another system's money": func(x *sale, ref models.BookingRef, intent string, all int64) {
			x.fake.change(intent, func(in *theIntent) { in.Metadata = nil })
			x.hear("charge.dispute.created", x.fake.dispute(intent, "lost"))
			if got := x.Stock(ref.Event).SoldAmount; got != all {
				x.t.Errorf("earned %d", got)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, ref, intent := paidSale(t)
			live(x, ref, intent, total(x, ref))
		})
	}
}

// theIntent is fakeStripe's, where a parameter has its name.
type theIntent = intent

// What is taken besides what was asked for, or in another sum, buys nothing, and goes back or to a person.
func TestSuccess_of_something_else(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change  func(in *intent)
		state   string
		back    bool
		letters int
	}{
		"as asked for":        {func(*intent) {}, "CONFIRMED", false, 0},
		"another amount":      {func(in *intent) { in.Amount -= 100 }, "CANCELLED payment_declined", true, 0},
		"another currency":    {func(in *intent) { in.Currency = "eur" }, "CANCELLED payment_declined", false, 1},
		"no currency we know": {func(in *intent) { in.Currency = "x" }, "PENDING", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newSale(t)
			ref := x.book(x.Event(10).ID, "pm_processing")
			x.charge(ref)
			x.fake.change(x.Charge(ref).ProviderReference, func(in *intent) {
				in.Status = "succeeded"
				test.change(in)
			})
			for range 3 {
				if err := x.tell(ref, "payment_intent.succeeded", x.Clock.Now(), webhookSecret); err != nil {
					t.Fatal(err)
				}
			}
			x.do(x.payments.Refund)
			x.wantState(ref, test.state)
			if back := x.fake.back(models.FirstCharge(ref).Reference()) > 0; back != test.back || len(x.Letters()) != test.letters {
				t.Errorf("given back: %t, letters %+v", back, x.Letters())
			}
		})
	}
}

func TestSuccess_twice_is_given_back_once(t *testing.T) {
	t.Parallel()
	x, ref, first := paidSale(t)
	x.fake.set(func() {
		second := *x.fake.intents[first]
		second.ID = "pi_9"
		x.fake.intents["pi_9"] = &second
	})
	for range 3 {
		x.hear("payment_intent.succeeded", x.fake.intents["pi_9"])
	}
	x.refund()
	x.wantState(ref, "CONFIRMED")
	x.wantMoney(ref, x.Booking(ref).TotalAmount.Minor, x.Booking(ref).TotalAmount.Minor)
	if x.fake.refunds[0].PaymentIntent != "pi_9" || len(x.fake.refunds) != 1 {
		t.Errorf("given back %+v", x.fake.refunds[0])
	}
}

// A charge that waits for a buyer who has left ends with its booking.
func TestAction_that_nobody_takes_is_voided(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	ref := x.book(x.Event(10).ID, "pm_action")
	x.charge(ref)
	x.Clock.Advance(shop.Deadline)
	if _, err := services.NewUpkeep(x.Store, x.Office).Expire(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	x.retry(30 * time.Minute)
	if c := x.Charge(ref); c.Status != models.ChargePending {
		t.Fatalf("too early the charge is %s", c.Status)
	}
	x.retry(31 * time.Minute)
	if c := x.Charge(ref); c.Status != models.ChargeVoided {
		t.Fatalf("the charge is %+v", c)
	}
	x.wantState(ref, "CANCELLED expired")
}
