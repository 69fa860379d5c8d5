package services_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// Nobody's money is taken for a show that was called off: what was not charged yet is not, and what was begun is
// voided.
func TestCharge_of_a_cancelled_event(t *testing.T) {
	t.Parallel()
	x := newTill(t)
	event, free := x.Event(10).ID, x.Event(10, shop.Free).ID
	queued, costless := x.Book(event, 1, simulator.OK), x.Book(free, 1, simulator.OK)
	flaky := x.Book(event, 1, simulator.Flaky)
	x.charge(flaky)
	organise := services.NewEvents(x.Store, x.Office)
	for _, id := range []models.EventID{event, free} {
		if _, err := organise.Cancel(t.Context(), models.TheOperator, id); err != nil {
			t.Fatal(err)
		}
	}
	x.charge(queued, costless)
	x.wantState(queued, "PENDING")
	x.wantState(costless, "PENDING")
	if x.Charge(queued) != nil {
		t.Errorf("charged: %+v", x.Charge(queued))
	}
	for range models.MaxAttempts {
		x.retry(time.Minute)
	}
	if c := x.Charge(flaky); c.Status != models.ChargeVoided {
		t.Errorf("what was begun is %+v", c)
	}
	if _, err := services.NewUpkeep(x.Store, x.Office).CancelBookings(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []models.BookingRef{queued, flaky, costless} {
		x.wantState(ref, "CANCELLED event_cancelled")
	}
	if x.Refund(flaky) != nil || x.Record(flaky).Charges != 0 {
		t.Errorf("money has moved: %+v", x.Record(flaky))
	}
}

// A gateway that prepares first is not asked for the money of an event that was cancelled in between.
func TestCharge_of_an_event_that_is_cancelled_while_it_is_prepared(t *testing.T) {
	t.Parallel()
	x, gateway := newPreparingTill(t)
	event := x.Event(10).ID
	ref := x.Book(event, 1, simulator.OK)
	gateway.prepare = func(ctx context.Context) models.Result {
		if _, err := services.NewEvents(x.Store, x.Office).Cancel(ctx, models.TheOperator, event); err != nil {
			t.Error(err)
		}
		return models.Result{Outcome: models.OutcomePrepared, ProviderReference: "ref_1"}
	}
	x.charge(ref)
	if c := x.Charge(ref); c.Status != models.ChargeVoided || len(gateway.charged) != 0 {
		t.Errorf("charge %+v, charged under %v", c, gateway.charged)
	}
}

// What the gateway cannot charge is refused when the price is set, and not to each buyer.
func TestEvents_prices_that_cannot_be_charged(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	organise := services.NewEvents(s.Store, s.Office).ChargedBy(func(m models.Money) error {
		if m.Currency == "USD" && m.Minor < 50 {
			return errors.New("at least 0.50 USD")
		}
		return nil
	})
	draft := models.EventDraft{Name: "Cheap", DateTime: shop.Opening.AddDate(0, 0, 1), TotalTickets: 10, TicketPrice: models.Money{Minor: 49, Currency: "USD"}}
	if _, err := organise.Create(t.Context(), models.TheOperator, draft); !errors.Is(err, models.ErrInvalid) {
		t.Errorf("created: %v", err)
	}
	draft.TicketPrice.Minor = 50
	event, err := organise.Create(t.Context(), models.TheOperator, draft)
	if err != nil {
		t.Fatal(err)
	}
	yen, dollar := models.Currency("JPY"), models.Currency("USD")
	for _, test := range []struct {
		patch models.EventPatch
		want  bool
	}{
		{models.EventPatch{Price: new("0.49")}, false},
		{models.EventPatch{Price: new("1"), Currency: &yen}, true},
		{models.EventPatch{Price: new("0.01"), Currency: &dollar}, false},
		{models.EventPatch{Price: new("0"), Currency: &dollar}, true},
	} {
		if _, err := organise.Update(t.Context(), models.TheOperator, event.ID, test.patch, nil); (err == nil) != test.want || err != nil && !errors.Is(err, models.ErrInvalid) {
			t.Errorf("%+v: %v", test.patch, err)
		}
	}
}

// listening is a gateway that remembers what it was told of events.
type listening struct {
	preparing
	names []string
}

func (g *listening) Prepare(ctx context.Context, r payments.ChargeRequest) models.Result {
	g.mu.Lock()
	g.names = append(g.names, r.EventName)
	g.mu.Unlock()
	return g.preparing.Prepare(ctx, r)
}

// A gateway is told what the event is called, at the price of one query for all its bookings.
func TestCharge_tells_a_gateway_what_is_sold(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	gateway := &listening{preparing: preparing{Gateway: simulator.New(s.Store, simulator.Options{})}}
	x := newTillOn(t, s, s.Store, gateway)
	gateway.till = x
	x.charge(x.BookMany(x.Event(10).ID, 3, simulator.OK)...)
	if len(gateway.names) != 3 || gateway.names[0] != "Concert" || gateway.names[2] != "Concert" {
		t.Errorf("told %q", gateway.names)
	}
}
