package services_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/repository"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

const callbackSecret = "0123456789abcdef"

// mailbox is a till that also takes the simulator's callbacks.
type mailbox struct {
	*till
	callbacks *services.Callbacks
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	s := shop.New(t)
	gateway := simulator.New(s.Store, simulator.Options{Secret: callbackSecret})
	return &mailbox{newTillOn(t, s, s.Store, gateway), services.NewCallbacks(
		s.Office, map[string]payments.Notifier{"simulator": gateway}, s.Clock.Now)}
}

// send posts a callback that is signed at a time with a secret.
func (m *mailbox) send(body, secret string, at time.Time) error {
	signature := simulator.Sign(secret, at, []byte(body))
	return m.callbacks.Receive(m.t.Context(), "simulator", func(name string) string {
		return map[string]string{simulator.SignatureHeader: signature}[name]
	}, []byte(body))
}

// tell posts a proper one.
func (m *mailbox) tell(ref models.BookingRef, outcome models.Outcome) {
	m.t.Helper()
	body := fmt.Sprintf(`{"reference":%q,"outcome":%q,"reason":"the gateway says so"}`, models.FirstCharge(ref).Reference(), outcome)
	if err := m.send(body, callbackSecret, m.Clock.Now()); err != nil {
		m.t.Fatalf("tell %s: %v", outcome, err)
	}
}

// Case 20: repeats of a success, and a failure after it, change nothing.
func TestCallback_success_replayed_and_contradicted(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	ref := m.Book(m.Event(10).ID, 2, simulator.Slow)
	m.charge(ref)
	reference := m.Charge(ref).ProviderReference
	for range 5 {
		m.tell(ref, models.OutcomeSucceeded)
		m.wantState(ref, "CONFIRMED")
	}
	m.tell(ref, models.OutcomeDeclined)
	m.tell(ref, models.OutcomeVoided)
	m.wantState(ref, "CONFIRMED")
	if c := m.Charge(ref); c.ProviderReference != reference || reference == "" || m.Refund(ref) != nil {
		t.Errorf("charge %+v, refund %+v", c, m.Refund(ref))
	}
}

// Case 21: a failure releases the tickets once, however often it is told.
func TestCallback_failure_replayed(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	event := m.Event(10).ID
	ref := m.Book(event, 2, simulator.Slow)
	m.charge(ref)
	for range 5 {
		m.tell(ref, models.OutcomeDeclined)
	}
	m.wantState(ref, "CANCELLED payment_declined")
	if stock := m.Stock(event); stock.Available != 10 {
		t.Errorf("stock %+v", stock)
	}
}

// Money that was taken after all is owed back: the booking was given up for good.
func TestCallback_success_after_failure_is_refunded(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	ref := m.Book(m.Event(10).ID, 2, simulator.Slow)
	m.charge(ref)
	m.tell(ref, models.OutcomeDeclined)
	for range 5 {
		m.tell(ref, models.OutcomeSucceeded)
	}
	m.wantState(ref, "CANCELLED payment_declined")
	if r := m.Refund(ref); r == nil || r.Status != models.RefundPending {
		t.Errorf("refund %+v", r)
	}
}

// A callback may come before its own charge's answer, or for one that is given up.
func TestCallback_before_the_answer(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	ref := m.Book(m.Event(10).ID, 2, simulator.Lost)
	m.charge(ref)
	m.wantCharge(ref, models.ChargeDoubtful, 1)
	m.tell(ref, models.OutcomePending)
	m.wantCharge(ref, models.ChargePending, 1)
	m.tell(ref, models.OutcomeSucceeded)
	m.wantState(ref, "CONFIRMED")
	m.wantMoney(ref, 1, false)
}

func TestCallback_refusals(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	ref := m.Book(m.Event(10).ID, 2, simulator.Slow)
	m.charge(ref)
	body := fmt.Sprintf(`{"reference":%q,"outcome":"succeeded"}`, models.FirstCharge(ref).Reference())
	now := m.Clock.Now()
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"another secret":     {m.send(body, "fedcba9876543210", now), models.ErrCallbackForged},
		"too old":            {m.send(body, callbackSecret, now.Add(-5*time.Minute-time.Second)), models.ErrCallbackStale},
		"from the future":    {m.send(body, callbackSecret, now.Add(5*time.Minute+time.Second)), models.ErrCallbackStale},
		"no JSON":            {m.send(`{"reference"`, callbackSecret, now), models.ErrCallbackUnreadable},
		"no charge's name":   {m.send(`{"reference":"qx_1","outcome":"succeeded"}`, callbackSecret, now), models.ErrCallbackUnreadable},
		"no outcome":         {m.send(body[:len(body)-len(`succeeded"}`)]+`unknown"}`, callbackSecret, now), models.ErrCallbackUnreadable},
		"an unknown gateway": {m.callbacks.Receive(t.Context(), "paypal", func(string) string { return "" }, nil), models.ErrGatewayNotFound},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	m.wantState(ref, "PENDING")
	m.wantCharge(ref, models.ChargePending, 1)
}

// Of another installation, or of a database that was set back: taken, so that it is not sent again, and nothing
// changes.
func TestCallback_of_another_installation(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	event := m.Event(10).ID
	m.tell(models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}, models.OutcomeSucceeded)
	m.tell(models.BookingRef{Event: event, Booking: models.NewID[models.BookingID]()}, models.OutcomeSucceeded)
	m.tell(m.Book(event, 1, simulator.OK), models.OutcomeSucceeded) // ours, but never charged
	if stock := m.Stock(event); stock.Confirmed != 0 || stock.Pending != 1 {
		t.Errorf("stock %+v", stock)
	}
}

// A store that cannot take it now has the gateway send it again.
func TestCallback_while_the_store_is_down(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	store := &brokenDesk{Store: s.Store}
	gateway := simulator.New(s.Store, simulator.Options{Secret: callbackSecret})
	x := newTillOn(t, s, s.Store, gateway)
	m := &mailbox{x, services.NewCallbacks(shop.OpenOffice(t, store), map[string]payments.Notifier{"simulator": gateway}, s.Clock.Now)}
	ref := m.Book(m.Event(10).ID, 1, simulator.Slow)
	m.charge(ref)
	store.before.Store(new(repository.ErrUnavailable))
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	body := []byte(fmt.Sprintf(`{"reference":%q,"outcome":"succeeded"}`, models.FirstCharge(ref).Reference()))
	header := func(string) string { return simulator.Sign(callbackSecret, m.Clock.Now(), body) }
	err := m.callbacks.Receive(ctx, "simulator", header, body)
	if e, is := errors.AsType[*models.Error](err); !is || e.Kind != models.KindUnavailable {
		t.Fatalf("receive: %v", err)
	}
	store.before.Store(nil)
	m.tell(ref, models.OutcomeSucceeded)
	m.wantState(ref, "CONFIRMED")
}
