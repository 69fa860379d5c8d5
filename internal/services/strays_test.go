package services_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// newStrayMailbox is a mailbox with a place for money that was taken for unknown bookings.
func newStrayMailbox(t *testing.T) *mailbox {
	t.Helper()
	m := newMailbox(t)
	m.callbacks = m.callbacks.Keeping(m.Store)
	return m
}

// strays looks for the bookings of strays, some time later.
func (x *till) strays(pass time.Duration) int {
	x.t.Helper()
	x.Clock.Advance(pass)
	n, err := x.payments.ResolveStrays(x.t.Context())
	if err != nil {
		x.t.Fatalf("strays: %v", err)
	}
	x.drain(x.t.Context())
	return n
}

// lost is a booking that the database does not know.
func (x *till) lost() models.BookingRef {
	x.t.Helper()
	return models.BookingRef{Event: x.Event(10).ID, Booking: models.NewID[models.BookingID]()}
}

// told returns the callback of a success with the gateway's own name for the payment.
func told(ref models.BookingRef, provider string) string {
	return fmt.Sprintf(`{"reference":%q,"outcome":"succeeded","provider_reference":%q}`, models.FirstCharge(ref).Reference(), provider)
}

// A genuine success of a booking that a restored backup does not have leaves a trace: after an hour one letter, however
// often the gateway tells it.
func TestStray_success_of_an_unknown_booking_becomes_a_letter(t *testing.T) {
	t.Parallel()
	m := newStrayMailbox(t)
	for _, ref := range []models.BookingRef{m.lost(), {Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}} {
		before := len(m.Letters())
		for range 3 {
			if err := m.send(told(ref, "pi_1"), callbackSecret, m.Clock.Now()); err != nil {
				t.Fatalf("the callback: %v", err)
			}
		}
		for range 59 {
			m.strays(time.Minute)
		}
		if n := len(m.Letters()); n != before {
			t.Fatalf("%d letters before the hour is over", n)
		}
		for range 3 {
			m.strays(time.Minute)
			if err := m.send(told(ref, "pi_1"), callbackSecret, m.Clock.Now()); err != nil {
				t.Fatalf("the callback, later: %v", err)
			}
		}
		letters := m.Letters()
		if len(letters) != before+1 {
			t.Fatalf("letters: %+v", letters)
		}
		l := letters[before]
		if l.Kind != models.LetterStray || l.ChargeKey != models.FirstCharge(ref) || l.Payload != "pi_1" {
			t.Errorf("the letter: %+v", l)
		}
	}
	desk := services.NewLetters(m.Store, m.Office)
	letter := m.Letters()[0]
	if err := desk.Retry(t.Context(), models.TheOperator, letter.ID); !errors.Is(err, models.ErrNotRetryable) {
		t.Errorf("retried: %v", err)
	}
	if err := desk.Discard(t.Context(), models.TheOperator, letter.ID); err != nil {
		t.Errorf("discarded: %v", err)
	}
	if err := m.send(told(letter.BookingRef, "pi_1"), callbackSecret, m.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if m.strays(2 * models.StrayFor); len(m.Letters()) != 1 {
		t.Errorf("letters after one was discarded: %+v", m.Letters())
	}
}

// Only money leaves a trace.
func TestStray_of_what_took_no_money_is_none(t *testing.T) {
	t.Parallel()
	m := newStrayMailbox(t)
	ref := m.lost()
	for _, outcome := range []models.Outcome{models.OutcomeDeclined, models.OutcomePending, models.OutcomeVoided} {
		m.tell(ref, outcome)
	}
	if m.strays(2*models.StrayFor) != 0 || len(m.Letters()) != 0 {
		t.Error("what took no money has left a trace")
	}
}

// A database that was not up to date yet: the booking appears, and its success is settled.
func TestStray_success_is_settled_when_its_booking_appears(t *testing.T) {
	t.Parallel()
	m := newStrayMailbox(t)
	ref := m.lost()
	if err := m.send(told(ref, "pi_1"), callbackSecret, m.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	m.appear(ref)
	if _, err := m.Store.StartCharges(t.Context(), "simulated", []models.BookingRef{ref}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if n := m.strays(time.Minute); n != 1 {
		t.Errorf("%d strays were looked at", n)
	}
	m.wantState(ref, "CONFIRMED")
	if m.Charge(ref).ProviderReference != "pi_1" || m.strays(2*models.StrayFor) != 0 || len(m.Letters()) != 0 {
		t.Errorf("charge %+v, letters %+v", m.Charge(ref), m.Letters())
	}
}

// appear makes the booking, as a replica that catches up does.
func (x *till) appear(ref models.BookingRef) {
	x.t.Helper()
	c := &sale.Reserve{Booking: ref.Booking, User: x.User().ID, Quantity: 1, Method: simulator.OK}
	if _, err := x.Office.Tell(x.t.Context(), ref.Event, c); err != nil {
		x.t.Fatal(err)
	}
}

// A message of an unknown booking is kept likewise; whether money was taken, the gateway knows.
func TestStray_message(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	charged, never, later := x.lost(), x.lost(), x.lost()
	if result := x.chargeAs(charged, simulator.OK); result.Outcome != models.OutcomeSucceeded {
		t.Fatalf("charge: %+v", result)
	}
	for range 2 {
		x.charge(charged, never, later)
	}
	x.appear(later)
	x.strays(time.Minute)
	x.wantState(later, "CONFIRMED")
	x.wantMoney(later, 1, false)
	x.strays(models.StrayFor)
	letters := x.Letters()
	if len(letters) != 1 || letters[0].Kind != models.LetterStray || letters[0].BookingRef != charged || letters[0].Payload == "" {
		t.Errorf("letters: %+v", letters)
	}
	if x.strays(2*models.StrayFor) != 0 {
		t.Error("strays are kept that have ended")
	}
}

// What the gateway has not decided is left to a person after the hour, and not touched; should it succeed later, the
// letter says so.
func TestStray_message_of_an_undecided_charge_becomes_a_letter(t *testing.T) {
	t.Parallel()
	m := newStrayMailbox(t)
	ref := m.lost()
	m.chargeAs(ref, simulator.Action)
	m.charge(ref)
	m.strays(models.StrayFor)
	if record := m.Record(ref); record.Status != "pending" || len(m.Letters()) != 1 {
		t.Errorf("the gateway has %+v, letters %+v", record, m.Letters())
	}
	if m.strays(2*models.StrayFor) != 0 {
		t.Error("it is asked about after its letter")
	}
	if err := m.send(told(ref, "pi_1"), callbackSecret, m.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	m.strays(models.StrayFor)
	if letters := m.Letters(); len(letters) != 1 || letters[0].Payload != "pi_1" {
		t.Errorf("letters %+v", letters)
	}
}

// A gateway that does not decide, or gives no answer for a day, leaves it to a person; whoever is asked, it ends.
func TestStray_message_that_no_answer_ends_becomes_a_letter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		find  models.Outcome
		after time.Duration
	}{
		"still open":  {models.OutcomePending, models.StrayFor},
		"no answer":   {models.OutcomeUnknown, models.StrayMax},
		"unavailable": {models.OutcomeUnavailable, models.StrayMax},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, gateway := newScriptedTill(t)
			gateway.find = answer(test.find)
			ref := x.lost()
			x.charge(ref)
			if test.after > models.StrayFor {
				x.strays(test.after - time.Minute)
				if len(x.Letters()) != 0 {
					t.Fatalf("letters %+v", x.Letters())
				}
				x.strays(time.Minute)
			} else {
				x.strays(test.after)
			}
			if letters := x.Letters(); len(letters) != 1 || letters[0].Kind != models.LetterStray || letters[0].BookingRef != ref {
				t.Errorf("letters %+v", letters)
			}
			if x.strays(models.StrayMax) != 0 {
				t.Error("it is asked about after its letter")
			}
		})
	}
}

// Another gateway than the one that a message was for knows nothing of it.
func TestStray_message_of_another_gateway_is_left_to_a_letter(t *testing.T) {
	t.Parallel()
	x, gateway := newScriptedTill(t)
	gateway.find = func(context.Context) models.Result {
		t.Error("the present gateway was asked")
		return models.Result{Outcome: models.OutcomeAbsent}
	}
	ref := x.lost()
	if err := x.Store.KeepStrays(t.Context(), []models.Stray{{ChargeKey: models.FirstCharge(ref), Gateway: "before"}}, time.Minute); err != nil {
		t.Fatal(err)
	}
	x.strays(models.StrayFor)
	if letters := x.Letters(); len(letters) != 1 || letters[0].Kind != models.LetterStray || letters[0].BookingRef != ref {
		t.Errorf("letters %+v", letters)
	}
}

// chargeAs charges a booking that is not here at the gateway.
func (x *till) chargeAs(ref models.BookingRef, method models.PaymentMethod) models.Result {
	return x.gateway.Charge(x.t.Context(), payments.ChargeRequest{
		Reference: models.FirstCharge(ref).Reference(), Booking: ref.Booking, Method: method,
		Amount: models.Money{Minor: 7550, Currency: "USD"}, Deadline: shop.Opening.Add(shop.Deadline),
	})
}
