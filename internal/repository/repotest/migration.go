package repotest

import (
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// migrationRules are the promises of migration 9 on what a program of before has left: the rows of a database that goes
// back to migration 8 are those of one that never was further.
var migrationRules = rules{
	"events_from_before_begin_with_what_they_have": func(t *testing.T, s *shop) {
		events := []models.Event{
			s.veteran("USD", 2500), s.veteran("JPY", 2500), s.veteran("KWD", 25001), s.event(), s.deleted(),
		}
		sums := make([]models.Balance, len(events))
		for i, event := range events {
			sums[i] = s.facts(event.ID).Journal.Balance
		}
		b := &sums[0]
		if min(b.Charged, b.Owed, b.Refunded-b.Owed, b.Stock.Held, b.Stock.Sold, b.Stock.Cancelled) == 0 {
			t.Fatalf("the event from before has seen too little: %+v", b)
		}
		s.backTo(8)
		s.ok("migrating", s.Migrate(1))
		for i, event := range events {
			if report := sale.Audit(s.facts(event.ID)); !report.OK {
				t.Errorf("the audit of event %d finds %+v", i, report.Differences)
			}
			page := s.page(event, 0, all)
			same(t, "first and last", [2]int64{page.First, page.Last}, [2]int64{1, 1})
			same(t, "the currency", page.Entries[0].Currency, event.TicketPrice.Currency)
			same(t, "the opening", page.Entries[0].Facts, []models.Fact{{Kind: models.FactOpened, Balance: &sums[i]}})
		}
		same(t, "the feed", len(s.catchUp(nil, len(events))), len(events))
		s.book(events[0], s.user(), 1)
		same(t, "the next entry", seqsOf(s.page(events[0], 0, all).Entries), []int64{1, 2})
	},

	"events_of_every_currency_begin_with_what_they_have": func(t *testing.T, s *shop) {
		user := s.user()
		known := 0
		for a := 'A'; a <= 'Z'; a++ {
			for b := 'A'; b <= 'Z'; b++ {
				for c := 'A'; c <= 'Z'; c++ {
					if currency, err := models.ParseCurrency(string([]rune{a, b, c})); err == nil {
						s.book(s.event(price(7001, currency)), user, 1)
						known++
					}
				}
			}
		}
		if known < 140 {
			t.Fatalf("only %d currencies are known", known)
		}
		s.backTo(8)
		s.ok("migrating", s.Migrate(1)) // and auditAll looks at each
	},

	"what_waited_to_be_published_still_does": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(100)), s.user()
		published := s.book(event, user, 1)
		s.charge(published)
		s.drain()
		first, second, ended := s.book(event, user, 1), s.book(event, user, 1), s.book(event, user, 1)
		s.done(event.ID, &sale.Cancel{Booking: ended.ID})
		s.backTo(8)
		s.ok("migrating", s.Migrate(1))
		waiting := map[models.BookingID]int{}
		rows := s.claimLate() // the ids that a migration makes may lie before the place from which claims look
		for _, row := range rows {
			same(t, "the event", row.Event, event.ID)
			for _, b := range row.Bookings {
				waiting[b]++
			}
		}
		same(t, "what waits", waiting, map[models.BookingID]int{first.ID: 1, second.ID: 1})
		ids := idsOf(rows, func(r models.OutboxRow) models.BatchID { return r.ID })
		s.ok("publishing", s.DeleteOutbox(s.ctx(), ids, models.QueueMark{}))
		s.clock.Pass(time.Hour)
		same(t, "what can be pruned", s.prune(event, all), 0)
		s.backTo(8)
		s.ok("migrating again", s.Migrate(1))
		same(t, "what waits of what was published", s.depth(), int64(0))
	},
}

// backTo goes back until a migration is the newest one in force.
func (s *shop) backTo(migration uint) {
	s.t.Helper()
	for {
		version, _, err := s.SchemaVersion(s.ctx())
		s.ok("reading the schema's version", err)
		if version <= migration {
			return
		}
		s.ok("going back", s.Migrate(-1))
	}
}

// veteran makes an event with bookings in all states and money in all ways: taken, owed, given, come back, moved, and
// moved in another currency.
func (s *shop) veteran(currency models.Currency, minor int64) models.Event {
	s.t.Helper()
	event, user := s.event(tickets(100), price(minor, currency)), s.user()
	moves := func(b models.Booking, id string, minor int64, currency models.Currency, state models.MovementState) {
		s.t.Helper()
		s.done(event.ID, &sale.SettleMoved{Charge: models.FirstCharge(b.Ref()), Movements: []models.Movement{{
			ID: id, Reason: models.RefundMoved, Amount: models.Money{Minor: minor, Currency: currency}, State: state,
		}}})
	}
	s.book(event, user, 3)
	s.done(event.ID, &sale.Cancel{Booking: s.book(event, user, 1).ID})
	kept, back, abroad := s.paid(event, user, 2), s.paid(event, user, 4), s.paid(event, user, 1)
	moves(kept, "a part", 1001, currency, models.MovementDone)
	moves(back, "and back", 701, currency, models.MovementDone)
	moves(back, "and back", 701, currency, models.MovementUndone)
	moves(abroad, "abroad", 333, "EUR", models.MovementDone)
	owed, given := s.paid(event, user, 1), s.paid(event, user, 1)
	s.done(event.ID, &sale.Cancel{Booking: owed.ID})
	moves(owed, "some of it", 99, currency, models.MovementDone)
	s.done(event.ID, &sale.Cancel{Booking: given.ID})
	s.done(event.ID, &sale.SettleRefund{
		Charge: models.FirstCharge(given.Ref()), Result: models.Result{Outcome: models.OutcomeSucceeded},
	})
	again := settlement(models.FirstCharge(kept.Ref()), models.OutcomeSucceeded)
	again.Result.ProviderReference = "another"
	s.done(event.ID, again)
	s.drain()
	return event
}

func (s *shop) deleted() models.Event {
	s.t.Helper()
	event := s.event()
	s.done(event.ID, &sale.DeleteEvent{})
	return event
}
