package repotest

import (
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// journalRules are the promises of Journal, and of what AtDesk and CreateEvent write for it.
var journalRules = rules{
	"a_journal_begins_with_the_events_creation": func(t *testing.T, s *shop) {
		event := s.event(tickets(70), price(300, "KWD"))
		same(t, "the journal", s.page(event, 0, all), models.JournalPage{First: 1, Last: 1, Entries: []models.Entry{{
			Event: event.ID, Seq: 1, At: event.CreatedAt, Currency: "KWD",
			Facts: []models.Fact{{Kind: models.FactCreated, Terms: models.TermsOf(&event)}},
		}}})
		same(t, "the event's seq", event.Seq, int64(1))
	},

	"each_batch_that_changes_something_leaves_one_entry": writesEntries,

	"what_changes_nothing_leaves_no_entry": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.paid(event, user, 2)
		before := s.page(event, 0, all)
		s.refused(event.ID, reserve(user, 11), models.ErrInsufficientTickets)
		s.stays(event.ID, settlement(models.FirstCharge(b.Ref()), models.OutcomeSucceeded))
		s.stays(event.ID, &sale.EditEvent{Patch: models.EventPatch{Name: &event.Name}})
		s.charge(s.book(event, user, 1)) // a charge that was started is a try, and no fact
		after := s.page(event, before.Last, all)
		same(t, "what was told since", kindsOf(after.Entries), []models.FactKind{models.FactBooked})
	},

	"a_refused_command_leaves_the_facts_of_its_batch": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		first, tooMany, second := reserve(user, 4), reserve(user, 11), reserve(user, 3)
		s.ask(event.ID, first, tooMany, second)
		entries := s.page(event, 1, all).Entries
		same(t, "the entries", len(entries), 1)
		same(t, "the facts", entries[0].Facts, []models.Fact{
			{Kind: models.FactBooked, Booking: first.Booking, Quantity: 4, Amount: 10000},
			{Kind: models.FactBooked, Booking: second.Booking, Quantity: 3, Amount: 7500},
		})
	},

	"events_that_share_a_transaction_have_entries_of_their_own": func(t *testing.T, s *shop) {
		user := s.user()
		var events []models.Event
		for i := range 12 {
			events = append(events, s.event(price(100, []models.Currency{"USD", "JPY"}[i%2])))
		}
		crowd(len(events), func(i int) {
			for range 3 {
				if _, err := s.try(s.ctx(), events[i].ID, reserve(user, 1)); err != nil {
					t.Errorf("booking: %v", err)
				}
			}
		})
		for _, event := range events {
			page := s.page(event, 0, all)
			same(t, "the seqs", seqsOf(page.Entries), []int64{1, 2, 3, 4})
			for _, e := range page.Entries {
				if e.Event != event.ID || e.Currency != event.TicketPrice.Currency || len(e.Facts) != 1 {
					t.Errorf("the entry is %+v", e)
				}
			}
		}
	},

	"pages_go_on_after_a_seq": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		for range 6 {
			s.book(event, user, 1)
		}
		var seen []int64
		for after := int64(0); after < 7; {
			page := s.page(event, after, 3)
			same(t, "first and last", [2]int64{page.First, page.Last}, [2]int64{1, 7})
			seen = append(seen, seqsOf(page.Entries)...)
			after = seen[len(seen)-1]
		}
		same(t, "the seqs", seen, []int64{1, 2, 3, 4, 5, 6, 7})
		same(t, "behind the last", len(s.page(event, 7, 3).Entries), 0)
		same(t, "beyond", len(s.page(event, 99, 3).Entries), 0)
	},

	"a_page_ends_with_the_entry_that_reaches_its_bound": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1_000_000)), s.user()
		for _, bookings := range []int{1700, 1700, 100, 3600} { // of 20 bytes each: 34, 34, 2 and 72 kB
			commands := make([]sale.Command, bookings)
			for i := range commands {
				commands[i] = reserve(user, 1)
			}
			s.ask(event.ID, commands...)
		}
		var pages [][]int64
		for after := int64(0); after < 5; {
			page := s.page(event, after, all)
			pages = append(pages, seqsOf(page.Entries))
			after = page.Entries[len(page.Entries)-1].Seq
		}
		same(t, "the pages", pages, [][]int64{{1, 2, 3}, {4, 5}})
		same(t, "an entry that is larger alone", seqsOf(s.page(event, 4, all).Entries), []int64{5})
		s.catchUp(nil, 5)
		var feed [][]int64
		for after := (*models.FeedPlace)(nil); ; {
			entries := s.feedPage(after, all)
			if len(entries) == 0 {
				break
			}
			feed = append(feed, seqsOf(entries))
			after = &entries[len(entries)-1].Place
		}
		same(t, "the feed's pages", feed, [][]int64{{1, 2, 3}, {4, 5}})
	},

	"an_unknown_event_has_no_journal": func(t *testing.T, s *shop) {
		_, err := s.Journal(s.ctx(), models.NewID[models.EventID](), 0, all)
		isError(t, "Journal", err, models.ErrEventNotFound)
	},

	"a_deleted_events_journal_is_read_to_its_end": func(t *testing.T, s *shop) {
		event := s.event()
		s.done(event.ID, &sale.DeleteEvent{})
		want := []models.FactKind{models.FactCreated, models.FactDeleted}
		same(t, "the kinds", kindsOf(s.page(event, 0, all).Entries), want)
	},

	"events_are_read_by_their_ids_deleted_or_not": func(t *testing.T, s *shop) {
		kept, gone, other := s.event(), s.event(), s.event()
		s.book(kept, s.user(), 2)
		s.done(gone.ID, &sale.DeleteEvent{})
		got, err := s.EventsByID(s.ctx(), []models.EventID{gone.ID, models.NewID[models.EventID](), kept.ID})
		s.ok("reading events", err)
		byID := map[models.EventID]models.Event{}
		for _, e := range got {
			byID[e.ID] = e
		}
		if len(got) != 2 || byID[gone.ID].DeletedAt.IsZero() || byID[kept.ID].ID != kept.ID {
			t.Fatalf("%d events, %+v, besides %s", len(got), byID, other.ID)
		}
		same(t, "an event", byID[kept.ID], s.read(kept.ID))
		same(t, "its seq", byID[kept.ID].Seq, int64(2))
		none, err := s.EventsByID(s.ctx(), nil)
		s.ok("reading no events", err)
		same(t, "events of no ids", len(none), 0)
	},

	"what_is_published_again_is_told_once": func(t *testing.T, s *shop) {
		ref := s.unqueued()
		event, err := s.AnyEvent(s.ctx(), models.Everything, ref.Event)
		s.ok("reading the event", err)
		before := s.page(event, 0, all)
		row := models.OutboxRow{
			ID: models.NewID[models.BatchID](), Event: ref.Event, Bookings: []models.BookingID{ref.Booking},
		}
		s.ok("publishing again", s.Republish(s.ctx(), []models.OutboxRow{row}, models.QueueMark{}))
		s.drain()
		n, err := s.PublishLost(s.ctx(), []models.BookingRef{ref})
		s.ok("publishing what was lost", err)
		same(t, "published again", n, 1)
		same(t, "the journal", s.page(event, 0, all), before)
	},

	"an_outbox_row_whose_entry_is_missing_has_no_bookings": func(t *testing.T, s *shop) {
		s.tampered = true
		rows := s.fill(2)
		s.ok("dropping entries", s.exec(s.ctx(), "DELETE FROM journal WHERE seq > 1"))
		got := s.claim(all)
		for i := range rows {
			rows[i].Bookings = nil
		}
		for i := range got {
			if len(got[i].Bookings) == 0 {
				got[i].Bookings = nil
			}
		}
		same(t, "the rows", got, rows)
		s.lost(t, "nobody fails for it", nil)
		s.ok("deleting", s.DeleteOutbox(s.ctx(), []models.BatchID{rows[0].ID, rows[1].ID}, models.QueueMark{}))
		same(t, "the depth", s.depth(), int64(0))
	},
}

// writesEntries has every kind of command decided at one event, and compares its journal with what was to be written.
func writesEntries(t *testing.T, s *shop) {
	event, user := s.event(tickets(100)), s.user()
	want := s.page(event, 0, all).Entries
	seen := map[models.FactKind]bool{models.FactCreated: true, models.FactOpened: true}
	does := func(commands ...sale.Command) {
		t.Helper()
		s.clock.Pass(time.Second)
		var facts []models.Fact
		need, batch := sale.ReadsOf(commands, false, false), models.NewID[models.BatchID]()
		s.ok("the desk", s.AtDesk(s.ctx(), event.ID, batch, need, func(state *sale.State) {
			decideAll(commands)(state)
			facts = slices.Clone(state.Writes().Facts)
		}))
		want = append(want, models.Entry{
			Event: event.ID, Seq: int64(len(want) + 1), At: s.clock.Now(), Currency: "USD", Facts: facts,
		})
		for _, f := range facts {
			seen[f.Kind] = true
		}
	}
	reserved := []*sale.Reserve{reserve(user, 2), reserve(user, 2), reserve(user, 2)}
	does(reserved[0], reserved[1], reserved[2])
	kept, ended, late := s.booking(reserved[0].Booking), s.booking(reserved[1].Booking), s.booking(reserved[2].Booking)
	pays := func(b models.Booking) *sale.Settle { return settlement(s.charge(b).ChargeKey, models.OutcomeSucceeded) }
	does(pays(kept), pays(ended))
	does(movement(kept, "by hand", 1000, models.MovementDone))
	does(movement(kept, "by hand", 1000, models.MovementUndone))
	does(&sale.Cancel{Booking: ended.ID}, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: new(int64(50))}})
	does(movement(ended, "a part", 1000, models.MovementDone))
	given := models.Result{Outcome: models.OutcomeSucceeded}
	does(&sale.SettleRefund{Charge: models.FirstCharge(ended.Ref()), Result: given})
	key := s.charge(late).ChargeKey
	s.clock.Pass(theRules.PaymentDeadline)
	does(&sale.Expire{Booking: late.ID})
	does(settlement(key, models.OutcomeSucceeded))
	does(&sale.CancelEvent{})
	does(&sale.CancelForEvent{Booking: kept.ID}, &sale.CancelForEvent{Booking: late.ID})
	does(&sale.DeleteEvent{})
	page := s.page(event, 0, all)
	same(t, "the entries", page.Entries, want)
	same(t, "first and last", [2]int64{page.First, page.Last}, [2]int64{1, int64(len(want))})
	for _, kind := range models.FactKinds {
		if !seen[kind] {
			t.Errorf("no command of this rule tells %s", kind)
		}
	}
}

// lively makes an event whose facts have moved stock and money in many ways, with nothing left in the outbox.
func (s *shop) lively() models.Event {
	s.t.Helper()
	event := s.mixed()
	b := s.paid(event, s.user(), 1)
	s.done(event.ID, movement(b, "by hand", 1000, models.MovementDone))
	s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: new(int64(30))}})
	s.drain()
	return event
}

func (s *shop) page(event models.Event, after int64, limit int) models.JournalPage {
	s.t.Helper()
	page, err := s.Journal(s.ctx(), event.ID, after, limit)
	s.ok("reading a journal", err)
	return page
}

func seqsOf(entries []models.Entry) []int64 {
	return idsOf(entries, func(e models.Entry) int64 { return e.Seq })
}

func kindsOf(entries []models.Entry) []models.FactKind {
	kinds := []models.FactKind{}
	for _, e := range entries {
		for _, f := range e.Facts {
			kinds = append(kinds, f.Kind)
		}
	}
	return kinds
}
