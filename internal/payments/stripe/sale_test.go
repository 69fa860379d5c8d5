package stripe_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/stripe"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// sale is a shop that is paid with Stripe: charges, refunds and callbacks as the program wires them.
type sale struct {
	*shop.Shop
	t    *testing.T
	fake *fakeStripe

	installation string

	payments  *services.Payments
	callbacks *services.Callbacks
	bookings  *services.Bookings
}

func newSale(t *testing.T) *sale {
	t.Helper()
	s := shop.New(t)
	fake, gateway := setup(t)
	installation := models.NewID[models.BatchID]().String()
	gateway.BelongTo(installation)
	x := &sale{
		Shop: s, t: t, fake: fake, installation: installation,
		payments:  services.NewPayments(s.Store, s.Office, gateway, services.PaymentOptions{}),
		callbacks: services.NewCallbacks(s.Office, map[string]payments.Notifier{"stripe": gateway}, s.Clock.Now).Keeping(s.Store),
		bookings:  services.NewBookings(s.Store, s.Office, services.BookingOptions{MaxTickets: 100, Methods: payments.Methods{Accept: stripe.IsPaymentMethod}}),
	}
	return x
}

func (x *sale) book(event models.EventID, method models.PaymentMethod) models.BookingRef {
	x.t.Helper()
	b, _, err := x.bookings.Create(x.t.Context(), models.TheOperator, services.BookingRequest{User: x.User().ID, Event: event, Quantity: 2, Method: method})
	if err != nil {
		x.t.Fatal(err)
	}
	return b.Ref()
}

// do runs one of the payments' rounds to its end.
func (x *sale) do(round func(context.Context) (int, error)) {
	x.t.Helper()
	if _, err := round(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	if err := x.payments.Drain(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

func (x *sale) charge(ref models.BookingRef) {
	x.t.Helper()
	x.do(func(ctx context.Context) (int, error) { return 1, x.payments.Charge(ctx, []models.BookingRef{ref}) })
}

func (x *sale) retry(pass time.Duration) {
	x.t.Helper()
	x.Clock.Advance(pass)
	x.do(x.payments.Retry)
}

// want checks the booking, and how often Stripe took and gave back money for it.
func (x *sale) want(ref models.BookingRef, state string, taken, given int) {
	x.t.Helper()
	reference := models.FirstCharge(ref).Reference()
	if got := x.State(ref); got != state || x.fake.taken(reference) != taken || x.fake.given(reference) != given {
		x.t.Fatalf("%s, taken %d, given back %d; want %s, %d, %d; the charge is %+v",
			got, x.fake.taken(reference), x.fake.given(reference), state, taken, given, x.Charge(ref))
	}
}

// tell sends a callback about the booking's stored intent, signed at a time.
func (x *sale) tell(ref models.BookingRef, kind string, at time.Time, secret string) error {
	x.t.Helper()
	x.fake.mu.Lock()
	body := event(x.t, kind, x.fake.intents[x.Charge(ref).ProviderReference])
	x.fake.mu.Unlock()
	header := map[string]string{stripe.SignatureHeader: signature(at, body, secret)}
	return x.callbacks.Receive(x.t.Context(), "stripe", func(name string) string { return header[name] }, body)
}

func (x *sale) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func TestSale_is_paid_and_refunded(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	ref := x.book(x.Event(10).ID, "pm_card_visa")
	x.charge(ref)
	x.want(ref, "CONFIRMED", 1, 0)
	x.Cancel(ref)
	x.do(x.payments.Refund)
	x.want(ref, "CANCELLED user", 1, 1)
}

func TestSale_is_declined(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	ref := x.book(x.Event(10).ID, "pm_card_visa_chargeDeclined")
	x.charge(ref)
	x.want(ref, "CANCELLED payment_declined", 0, 0)
}

// However an answer is lost, money is taken once, and found.
func TestSale_survives_lost_answers(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*fakeStripe){
		"of creating":                   func(f *fakeStripe) { f.fail("POST /v1/payment_intents", fault{effect: true, hijack: cut}) },
		"of confirming":                 func(f *fakeStripe) { f.fail("/confirm", fault{effect: true, hijack: cut}) },
		"of confirming that never came": func(f *fakeStripe) { f.fail("/confirm", fault{hijack: cut}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newSale(t)
			ref := x.book(x.Event(10).ID, "pm_card_visa")
			lose(x.fake)
			x.charge(ref)
			if state := x.State(ref); state != "PENDING" {
				t.Fatalf("the booking is %s", state)
			}
			x.fake.forget()
			x.retry(time.Minute)
			x.want(ref, "CONFIRMED", 1, 0)
		})
	}
}

func TestSale_callbacks_replayed_and_contradicted(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	ref := x.book(x.Event(10).ID, "pm_processing")
	x.charge(ref)
	now := x.Clock.Now()
	for _, wrong := range []struct {
		err  error
		want *models.Error
	}{
		{x.tell(ref, "payment_intent.succeeded", now, "whsec_other"), models.ErrCallbackForged},
		{x.tell(ref, "payment_intent.succeeded", now.Add(-time.Hour), webhookSecret), models.ErrCallbackStale},
	} {
		if !errors.Is(wrong.err, wrong.want) {
			t.Errorf("%v, want %v", wrong.err, wrong.want)
		}
	}
	x.want(ref, "PENDING", 0, 0)
	for range 5 {
		x.must(x.tell(ref, "payment_intent.succeeded", now, webhookSecret))
		x.want(ref, "CONFIRMED", 0, 0) // the fake's intent itself goes on processing
	}
	x.must(x.tell(ref, "payment_intent.payment_failed", now, webhookSecret))
	x.must(x.tell(ref, "payment_intent.canceled", now, webhookSecret))
	x.want(ref, "CONFIRMED", 0, 0)
}

func TestSale_success_after_failure_is_refunded(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	ref := x.book(x.Event(10).ID, "pm_processing")
	x.charge(ref)
	x.must(x.tell(ref, "payment_intent.payment_failed", x.Clock.Now(), webhookSecret))
	x.want(ref, "CANCELLED payment_declined", 0, 0)
	x.fake.change(x.Charge(ref).ProviderReference, func(in *intent) { in.Status, in.taken = "succeeded", 1 })
	for range 5 {
		x.must(x.tell(ref, "payment_intent.succeeded", x.Clock.Now(), webhookSecret))
	}
	x.do(x.payments.Refund)
	x.want(ref, "CANCELLED payment_declined", 1, 1)
}

// Two of ours in one Stripe account: what is another installation's, or nobody's, changes nothing and is not sent
// again.
func TestSale_callbacks_of_another_installation(t *testing.T) {
	t.Parallel()
	x, other := newSale(t), newSale(t)
	ref := other.book(other.Event(10).ID, "pm_processing")
	other.charge(ref)
	other.fake.mu.Lock()
	ours := event(t, "payment_intent.succeeded", other.fake.intents[other.Charge(ref).ProviderReference])
	other.fake.mu.Unlock()
	nobodys := event(t, "payment_intent.succeeded", &intent{ID: "pi_9", Object: "payment_intent"})
	for _, body := range [][]byte{ours, nobodys} {
		sum := signature(x.Clock.Now(), body, webhookSecret)
		x.must(x.callbacks.Receive(t.Context(), "stripe", func(string) string { return sum }, body))
	}
	other.want(ref, "PENDING", 0, 0)
	x.Clock.Advance(2 * models.StrayFor)
	if x.do(x.payments.ResolveStrays); len(x.Letters()) != 0 {
		t.Errorf("letters of what is not ours: %+v", x.Letters())
	}
}

// A database that was set back to a backup does not know the booking; the money is ours all the same.
func TestSale_of_a_booking_that_a_backup_does_not_have(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	ref := models.BookingRef{Event: x.Event(10).ID, Booking: models.NewID[models.BookingID]()}
	body := event(t, "payment_intent.succeeded", &intent{ID: "pi_9", Object: "payment_intent", Metadata: map[string]string{
		"reference": models.FirstCharge(ref).Reference(), "installation": x.installation,
	}})
	sum := signature(x.Clock.Now(), body, webhookSecret)
	x.must(x.callbacks.Receive(t.Context(), "stripe", func(string) string { return sum }, body))
	x.Clock.Advance(models.StrayFor)
	x.do(x.payments.ResolveStrays)
	letters := x.Letters()
	if len(letters) != 1 || letters[0].Kind != models.LetterStray || letters[0].BookingRef != ref || letters[0].Payload != "pi_9" {
		t.Errorf("letters: %+v", letters)
	}
}

// An accountant sees in Stripe's lists what was sold, and under which booking.
func TestSale_tells_what_was_sold(t *testing.T) {
	t.Parallel()
	x := newSale(t)
	event := x.Event(10)
	ref := x.book(event.ID, "pm_card_visa")
	x.charge(ref)
	x.fake.mu.Lock()
	defer x.fake.mu.Unlock()
	if len(x.fake.intents) != 1 {
		t.Fatalf("%d intents", len(x.fake.intents))
	}
	for _, in := range x.fake.intents {
		if in.Description != event.Name+", booking "+ref.Booking.String() {
			t.Errorf("described as %q", in.Description)
		}
		if in.Metadata["event"] != event.Name || in.Metadata["booking"] != ref.Booking.String() {
			t.Errorf("metadata %v", in.Metadata)
		}
	}
}
