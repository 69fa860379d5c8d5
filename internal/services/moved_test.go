package services_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// paidWith has one booking of 2 tickets that was paid with a method.
func paidWith(t *testing.T, method models.PaymentMethod) (m *mailbox, ref models.BookingRef, all int64) {
	t.Helper()
	m = newMailbox(t)
	ref = m.Book(m.Event(10).ID, 2, method)
	m.charge(ref)
	m.wantState(ref, "CONFIRMED")
	return m, ref, m.Booking(ref).TotalAmount.Minor
}

// wantSums checks what the event earns, what went back by the booking's refunds, and the kinds of letters.
func (m *mailbox) wantSums(ref models.BookingRef, earned, back int64, letters ...models.LetterKind) {
	m.t.Helper()
	charges, refunds, err := m.Store.PaymentsOf(m.t.Context(), ref)
	if err != nil {
		m.t.Fatal(err)
	}
	var sum int64
	for _, r := range refunds {
		if r.Status == models.RefundSucceeded {
			sum += r.Amount.Minor
		}
	}
	if got := m.Stock(ref.Event).SoldAmount; got != earned || sum != back {
		m.t.Errorf("earned %d, went back %d; want %d, %d; the charges are %+v, the refunds %+v", got, sum, earned, back, charges, refunds)
	}
	found := m.Letters()
	if len(found) != len(letters) || len(found) > 0 && found[0].Kind != letters[0] {
		m.t.Errorf("the letters are %+v, want %v", found, letters)
	}
}

// giveBack lets everything that is owed be given back, as far as it goes.
func (m *mailbox) giveBack() {
	m.t.Helper()
	for range 4 {
		m.Clock.Advance(2 * time.Minute)
		m.refund()
	}
}

func (m *mailbox) close(reason string) {
	m.t.Helper()
	if err := services.NewLetters(m.Store, m.Office).Close(m.t.Context(), models.TheOperator, m.Letters()[0].ID, reason); err != nil {
		m.t.Fatal(err)
	}
}

// TestMoved is the table of docs/states.md, with the simulated gateway.
func TestMoved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		method models.PaymentMethod
		live   func(m *mailbox, ref models.BookingRef, all int64)
	}{
		{"a part by hand, kept", simulator.MovesPart, func(m *mailbox, ref models.BookingRef, all int64) {
			for range 3 {
				m.tell(ref, models.OutcomeMoved)
			}
			m.wantState(ref, "CONFIRMED")
			m.wantSums(ref, all/2, all/2, models.LetterMoved)
			m.close("the buyer had a complaint")
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, all/2, all/2)
		}},
		{"a part by hand, then cancelled", simulator.MovesPart, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.Cancel(ref)
			m.wantSums(ref, 0, all/2, models.LetterMoved)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"a part by hand that nobody told of, then cancelled", simulator.MovesPart, func(m *mailbox, ref models.BookingRef, all int64) {
			m.Cancel(ref)
			m.giveBack()
			m.wantState(ref, "CANCELLED user")
			m.wantSums(ref, 0, all)
		}},
		{"all by hand, then cancelled", simulator.MovesAll, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.wantState(ref, "CONFIRMED")
			m.wantSums(ref, 0, all, models.LetterMoved)
			m.Cancel(ref)
			m.wantSums(ref, 0, all)
		}},
		{"all by hand that nobody told of, then cancelled", simulator.MovesAll, func(m *mailbox, ref models.BookingRef, all int64) {
			m.Cancel(ref)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"disputed, and still open", simulator.Disputed, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, 0, all, models.LetterDispute)
			m.Cancel(ref)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"disputed, and lost", simulator.DisputeLost, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.close("wait for the bank")
			m.Clock.Advance(2 * time.Minute)
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, 0, all, models.LetterDispute)
			m.close("keep the booking")
			m.tell(ref, models.OutcomeMoved)
			m.wantState(ref, "CONFIRMED")
			m.wantSums(ref, 0, all)
		}},
		{"disputed, and won", simulator.DisputeWon, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, 0, all, models.LetterDispute)
			m.Clock.Advance(2 * time.Minute)
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, all, 0)
		}},
		{"disputed, cancelled, and won", simulator.DisputeWon, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.Cancel(ref)
			m.Clock.Advance(2 * time.Minute)
			m.tell(ref, models.OutcomeMoved)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"all by hand, in another currency", simulator.MovesAbroad, func(m *mailbox, ref models.BookingRef, all int64) {
			for range 3 {
				m.tell(ref, models.OutcomeMoved)
			}
			m.wantState(ref, "CONFIRMED")
			m.wantSums(ref, all, all, models.LetterMoved) // it is listed, and takes nothing off the revenue
			m.close("looked up at the gateway")
			m.Cancel(ref)
			m.giveBack()
			m.wantState(ref, "CANCELLED user")
			m.wantSums(ref, 0, 2*all) // all of it again, in the booking's own currency
		}},
		{"by hand, and it came back", simulator.MovesBack, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, 0, all, models.LetterMoved)
			m.Clock.Advance(2 * time.Minute)
			for range 3 {
				m.tell(ref, models.OutcomeMoved)
			}
			m.wantState(ref, "CONFIRMED")
			m.wantSums(ref, all, 0)
			m.Cancel(ref)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"by hand, and not finished, then cancelled", simulator.MovesSlow, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, all, 0) // it may still fail
			m.Cancel(ref)
			for range 20 {
				m.Clock.Advance(2 * time.Second)
				m.refund()
			}
			m.wantSums(ref, 0, 0)
			m.giveBack()
			m.wantSums(ref, 0, all)
			if record := m.Record(ref); record.RefundKey != "" {
				m.t.Errorf("it was given back twice: %+v", record)
			}
		}},
		{"asked about, and nothing was taken", simulator.Inquiry, func(m *mailbox, ref models.BookingRef, all int64) {
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, all, 0)
			m.Cancel(ref)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"a bank takes what was given back before", simulator.DisputeLate, func(m *mailbox, ref models.BookingRef, all int64) {
			m.Cancel(ref)
			m.refund()
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, 0, all)
			m.Clock.Advance(2 * time.Minute)
			for range 3 {
				m.tell(ref, models.OutcomeMoved)
			}
			m.wantState(ref, "CANCELLED user")
			m.wantSums(ref, 0, all, models.LetterDispute)
			m.close("the bank was answered")
			m.tell(ref, models.OutcomeMoved)
			m.wantSums(ref, 0, all)
		}},
		{"a refund that fails after it had succeeded", simulator.RefundFails, func(m *mailbox, ref models.BookingRef, all int64) {
			m.Cancel(ref)
			m.giveBack()
			for range 3 {
				m.tell(ref, models.OutcomeMoved)
			}
			m.wantSums(ref, 0, 0)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"a refund that is not finished for a while", simulator.RefundSlow, func(m *mailbox, ref models.BookingRef, all int64) {
			m.Cancel(ref)
			for range 20 {
				m.Clock.Advance(2 * time.Second)
				m.refund()
			}
			m.wantSums(ref, 0, 0)
			m.giveBack()
			m.wantSums(ref, 0, all)
		}},
		{"taken twice", simulator.Twice, func(m *mailbox, ref models.BookingRef, all int64) {
			for range 3 {
				body := fmt.Sprintf(`{"reference":%q,"outcome":"succeeded","provider_reference":"sim_another","amount":"%s","currency":"USD"}`,
					models.FirstCharge(ref).Reference(), m.Booking(ref).TotalAmount)
				if err := m.send(body, callbackSecret, m.Clock.Now()); err != nil {
					m.t.Fatal(err)
				}
			}
			m.giveBack()
			m.wantState(ref, "CONFIRMED")
			m.wantSums(ref, all, all)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, ref, all := paidWith(t, test.method)
			test.live(m, ref, all)
		})
	}
}

// What is taken in another sum than was asked for buys nothing, and goes back or to a person.
func TestSuccess_of_something_else(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	event := m.Event(10).ID
	short, foreign := m.Book(event, 2, simulator.Short), m.Book(event, 2, simulator.Action)
	m.charge(short, foreign)
	m.refund()
	m.wantState(short, "CANCELLED payment_declined")
	if r := m.Refund(short); r.Status != models.RefundSucceeded || r.Amount.Minor*2 != m.Booking(short).TotalAmount.Minor {
		t.Errorf("the refund is %+v", r)
	}
	body := fmt.Sprintf(`{"reference":%q,"outcome":"succeeded","amount":"%s","currency":"EUR"}`,
		models.FirstCharge(foreign).Reference(), m.Booking(foreign).TotalAmount)
	for range 3 {
		if err := m.send(body, callbackSecret, m.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		m.wantState(foreign, "CANCELLED payment_declined")
		if letters := m.Letters(); len(letters) != 1 || letters[0].Kind != models.LetterCharge {
			t.Fatalf("the letters are %+v", letters)
		}
	}
	m.close("given back at the bank")
	if err := m.send(body, callbackSecret, m.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	if letters := m.Letters(); len(letters) != 0 {
		t.Errorf("said again after a person had closed it: the letters are %+v", letters)
	}
}

func TestAction_that_nobody_takes_is_voided(t *testing.T) {
	t.Parallel()
	m := newMailbox(t)
	ref := m.Book(m.Event(10).ID, 2, simulator.Action)
	m.charge(ref)
	m.expire()
	m.retry(30 * time.Minute)
	m.wantCharge(ref, models.ChargePending, 1)
	m.retry(31 * time.Minute)
	m.wantCharge(ref, models.ChargeVoided, 1)
}

// movedAndAway is a gateway that refuses a refund for what has moved, and then is not there to tell what.
type movedAndAway struct{ *simulator.Gateway }

func (movedAndAway) Refund(context.Context, payments.RefundRequest) models.Result {
	return models.Result{Outcome: models.OutcomeMoved}
}

func (movedAndAway) Look(context.Context, payments.ChargeRequest) payments.Statement {
	return payments.Statement{Result: models.Result{Outcome: models.OutcomeUnknown, Stall: models.StallAway}}
}

// A refund of which the gateway cannot tell just now what has moved was not tried: however often, nobody has to look at
// it.
func TestRefund_counts_no_try_while_nobody_tells_what_moved(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	x := newTillOn(t, s, s.Store, movedAndAway{simulator.New(s.Store, simulator.Options{})})
	ref := x.Book(x.Event(10).ID, 1, simulator.OK)
	x.charge(ref)
	x.Cancel(ref)
	for range models.MaxAttempts + 1 {
		x.Clock.Advance(time.Minute)
		x.refund()
	}
	if r := x.Refund(ref); r.Attempts != 0 || r.Status != models.RefundPending || len(x.Letters()) != 0 {
		t.Errorf("the refund is %+v, the letters %+v", r, x.Letters())
	}
}

// renamed is a gateway under another name, as after a change of the setting.
type renamed struct{ *simulator.Gateway }

func (renamed) Name() string { return "another" }

// After a change of gateway what waits for the old one is in the letters at once, whatever its state, and a person ends
// it.
func TestPayments_of_a_gateway_that_is_gone(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	old := simulator.New(s.Store, simulator.Options{})
	before := newTillOn(t, s, s.Store, old)
	event := s.Event(10).ID
	pending, owed := s.Book(event, 1, simulator.Action), s.Book(event, 1, simulator.OK)
	before.charge(pending, owed)
	s.Cancel(owed)
	after := newTillOn(t, s, s.Store, renamed{old})
	after.retry(time.Hour)
	after.refund()
	letters := s.Letters()
	if len(letters) != 2 {
		t.Fatalf("the letters are %+v", letters)
	}
	open, err := s.Store.OpenPayments(t.Context())
	if err != nil || len(open) != 1 || open[0].Gateway != "simulated" || open[0].Charges != 1 || open[0].Refunds != 1 {
		t.Errorf("what waits is %+v, %v", open, err)
	}
	for _, l := range letters {
		if err := services.NewLetters(s.Store, s.Office).Close(t.Context(), models.TheOperator, l.ID, "settled there"); err != nil {
			t.Fatal(err)
		}
	}
	if open, err := s.Store.OpenPayments(t.Context()); err != nil || len(open) != 0 || len(s.Letters()) != 0 {
		t.Errorf("after closing there waits %+v, %v; the letters are %+v", open, err, s.Letters())
	}
}
