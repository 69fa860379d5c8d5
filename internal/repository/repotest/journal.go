package repotest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
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
		event, err := s.AnyEvent(s.ctx(), ref.Event)
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
		need, batch := sale.ReadsOf(commands, false), models.NewID[models.BatchID]()
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

// feedRules are the promises of the feed over all events.
var feedRules = rules{
	"the_feed_has_every_entry_once_and_each_events_in_order": func(t *testing.T, s *shop) {
		user := s.user()
		var events []models.Event
		for range 5 {
			events = append(events, s.event(tickets(1000)))
		}
		var writing atomic.Int64
		writing.Store(4)
		var read [2][]models.Entry
		crowd(6, func(i int) {
			if i < len(read) {
				read[i] = s.readAll(7, func() bool { return writing.Load() == 0 })
				return
			}
			defer writing.Add(-1)
			for n := range 25 {
				if _, err := s.try(s.ctx(), events[(n+i)%5].ID, reserve(user, 1)); err != nil {
					t.Errorf("booking: %v", err)
				}
			}
		})
		want := s.journals(events)
		order := placesOf(s.catchUp(nil, len(want)))
		for _, entries := range read {
			entries = s.catchUp(entries, len(want))
			same(t, "the order for every reader", placesOf(entries), order)
			byEvent(entries)
			same(t, "the entries, by event", entries, want)
		}
	},

	"a_place_of_another_epoch_or_beyond_the_end_is_ahead": func(t *testing.T, s *shop) {
		s.event()
		entries := s.catchUp(nil, 1)
		place := entries[0].Place
		for name, edit := range map[string]func(*models.FeedPlace){
			"another epoch":          func(p *models.FeedPlace) { p.Epoch++ },
			"another epoch, anew":    func(p *models.FeedPlace) { p.Epoch++; *p = p.AsAnew() },
			"beyond all that is":     func(p *models.FeedPlace) { p.Tx += 1 << 40 },
			"beyond all that can be": func(p *models.FeedPlace) { p.Tx = 1<<63 - 1 },
		} {
			wrong := place
			edit(&wrong)
			_, err := s.Feed(s.ctx(), &wrong, all)
			isError(t, name, err, models.ErrFeedAhead)
		}
		same(t, "after the last", len(s.feedPage(&place, all)), 0)
	},

	"a_database_with_a_new_name_begins_a_new_epoch": func(t *testing.T, s *shop) {
		s.event()
		place := s.catchUp(nil, 1)[0].Place
		_, err := s.RenewInstallation(s.ctx())
		s.ok("renewing", err)
		_, err = s.Feed(s.ctx(), &place, all)
		isError(t, "a place of before", err, models.ErrFeedAhead)
		if fresh := s.catchUp(nil, 1)[0].Place; fresh.Epoch == place.Epoch {
			t.Errorf("the epoch stayed: %+v", fresh)
		}
	},

	"a_feed_in_order_is_not_mended": func(t *testing.T, s *shop) {
		s.event()
		before := s.catchUp(nil, 1)
		mended, err := s.MendFeed(s.ctx())
		s.ok("mending", err)
		if mended {
			t.Error("a feed in order was mended")
		}
		same(t, "the feed", s.catchUp(nil, 1), before)
	},

	"a_reader_that_was_away_for_too_long_is_told_and_begins_anew": func(t *testing.T, s *shop) {
		events, user := []models.Event{s.event(), s.event(), s.event()}, s.user()
		old := s.catchUp(nil, 3)
		early := old[0].Place
		for range 3 {
			for _, event := range events {
				s.book(event, user, 1)
			}
		}
		idle := s.event() // its only entry stays as it is, below what is pruned
		for range 3 {
			s.book(events[0], user, 1)
		}
		s.drain()
		late := s.catchUp(nil, 3+9+1+3)
		s.clock.Pass(time.Hour)
		same(t, "the gone", s.prune(events[0], all), 5)
		_, err := s.Feed(s.ctx(), &early, all)
		isError(t, "an old place", err, models.ErrFeedGone)
		same(t, "behind the last", len(s.feedPage(&late[len(late)-1].Place, all)), 0)
		fresh := s.readAll(1, func() bool { return true })
		want := s.journals(append(events, idle))
		fresh = s.catchUp(fresh, len(want))
		byEvent(fresh)
		same(t, "what one reads who begins anew, an entry at a time", fresh, want)
	},
}

// pruneRules are the promises of PruneJournal.
var pruneRules = rules{
	"old_entries_become_one_that_opens_with_their_sum": func(t *testing.T, s *shop) {
		event := s.lively()
		before := s.page(event, 0, all)
		sum := s.facts(event.ID).Journal
		s.clock.Pass(time.Hour)
		same(t, "what is younger", s.pruneOlder(event, time.Hour, all), 0)
		same(t, "the journal of before", s.page(event, 0, all), before)
		s.clock.Pass(time.Microsecond)
		same(t, "the gone", s.pruneOlder(event, time.Hour, all), int(before.Last)-2)
		page := s.page(event, 0, all)
		same(t, "first and last", [2]int64{page.First, page.Last}, [2]int64{before.Last - 1, before.Last})
		same(t, "the newest entry", page.Entries[1], before.Entries[before.Last-1])
		opening := page.Entries[0]
		if len(opening.Facts) != 1 || opening.Facts[0].Kind != models.FactOpened || opening.Currency != "USD" {
			t.Fatalf("the journal opens with %+v", opening)
		}
		same(t, "its time", opening.At, before.Entries[before.Last-2].At)
		after := s.facts(event.ID).Journal
		same(t, "the sum", after.Balance, sum.Balance)
		same(t, "pruned once more", s.prune(event, all), 0)
		if page.Gone(opening.Seq) || !page.Gone(opening.Seq-1) {
			t.Errorf("a reader is told of %+v wrongly", page)
		}
	},

	"pruning_goes_in_pieces": func(t *testing.T, s *shop) {
		event := s.lively()
		last := s.page(event, 0, all).Last
		s.clock.Pass(time.Hour)
		var gone int
		for range 1000 {
			n := s.prune(event, 3)
			if n > 2 {
				t.Fatalf("a piece of 3 took %d", n)
			}
			if report := sale.Audit(s.facts(event.ID)); !report.OK {
				t.Fatalf("between two pieces the audit finds %+v", report.Differences)
			}
			if n == 0 {
				break
			}
			gone += n
		}
		same(t, "the gone", gone, int(last)-2)
		s.book(event, s.user(), 1)
		same(t, "the next entry's number", s.page(event, last, all).Last, last+1)
	},

	"what_the_outbox_points_to_stays": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.book(event, user, 1)
		s.drain()
		b := s.book(event, user, 1) // its row waits
		s.book(event, user, 1)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.clock.Pass(time.Hour)
		same(t, "the gone", s.prune(event, all), 1)
		same(t, "the seqs", seqsOf(s.page(event, 0, all).Entries), []int64{2, 3, 4, 5})
		rows := s.claim(all)
		same(t, "the first row", rows[0].Bookings, []models.BookingID{b.ID})
		ids := idsOf(rows, func(r models.OutboxRow) models.BatchID { return r.ID })
		s.ok("publishing", s.DeleteOutbox(s.ctx(), ids, models.QueueMark{}))
		same(t, "the gone, once it was published", s.prune(event, all), 2)
	},

	"several_who_prune_one_event_take_every_entry_once": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		for range 60 {
			s.book(event, user, 1)
		}
		s.drain()
		s.clock.Pass(time.Hour)
		var gone atomic.Int64
		crowd(5, func(i int) {
			if i == 0 { // beside the sale
				for range 20 {
					if _, err := s.try(s.ctx(), event.ID, reserve(user, 1)); err != nil {
						t.Errorf("booking: %v", err)
					}
				}
				return
			}
			for range 12 {
				err := retry.Do(s.ctx(), repository.IsConflict, func() error {
					n, err := s.PruneJournal(s.ctx(), event.ID, time.Minute, 7)
					gone.Add(int64(n))
					return err
				})
				if err != nil {
					t.Errorf("pruning: %v", err)
				}
			}
		})
		s.drain()
		for n := 1; n > 0; {
			n = s.prune(event, all)
			gone.Add(int64(n))
		}
		same(t, "the gone", gone.Load(), int64(61-1)) // all of that hour, but for the one that opens
		same(t, "the entries left", len(s.page(event, 0, all).Entries), 1+20)
	},

	"an_unknown_event_has_nothing_to_prune": func(t *testing.T, s *shop) {
		n, err := s.PruneJournal(s.ctx(), models.NewID[models.EventID](), 0, all)
		s.ok("pruning", err)
		same(t, "the gone", n, 0)
	},

	"a_pruned_event_of_another_currency_keeps_it": func(t *testing.T, s *shop) {
		event := s.event(price(2500, "USD"))
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{Currency: new(models.Currency("KWD"))}})
		user := s.user()
		s.book(event, user, 1)
		s.book(event, user, 1)
		s.drain()
		s.clock.Pass(time.Hour)
		same(t, "the gone", s.prune(event, all), 2)
		same(t, "the currency", s.page(event, 0, all).Entries[0].Currency, models.Currency("KWD"))
	},
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

func (s *shop) prune(event models.Event, limit int) int {
	s.t.Helper()
	return s.pruneOlder(event, time.Minute, limit)
}

func (s *shop) pruneOlder(event models.Event, age time.Duration, limit int) int {
	s.t.Helper()
	n, err := s.PruneJournal(s.ctx(), event.ID, age, limit)
	s.ok("pruning", err)
	return n
}

func (s *shop) feedPage(after *models.FeedPlace, limit int) []models.Entry {
	s.t.Helper()
	entries, err := s.Feed(s.ctx(), after, limit)
	s.ok("reading the feed", err)
	return entries
}

// readAll reads the feed from its beginning by pages until it is at the end after all was written. It may be called
// from any goroutine.
func (s *shop) readAll(limit int, written func() bool) (all []models.Entry) {
	var after *models.FeedPlace
	for {
		ended := written()
		entries, err := s.Feed(s.ctx(), after, limit)
		if err != nil {
			s.t.Errorf("reading the feed: %v", err)
			return all
		}
		if len(entries) > limit {
			s.t.Errorf("a page has %d entries; its limit is %d", len(entries), limit)
		}
		if len(entries) == 0 && ended {
			return all
		}
		if all = append(all, entries...); len(all) > 0 {
			after = &all[len(all)-1].Place
		}
	}
}

// catchUp reads on until there are so many entries: a transaction that is open anywhere on the server holds the newest
// back.
func (s *shop) catchUp(read []models.Entry, want int) []models.Entry {
	s.t.Helper()
	for begun := time.Now(); len(read) < want; {
		var after *models.FeedPlace
		if len(read) > 0 {
			after = &read[len(read)-1].Place
		}
		entries := s.feedPage(after, all)
		read = append(read, entries...)
		if len(entries) == 0 && time.Since(begun) > time.Minute {
			s.t.Fatalf("the feed ends with %d entries; want %d", len(read), want)
		}
		if len(entries) == 0 {
			retry.Pause(s.ctx(), time.Millisecond)
		}
	}
	return read
}

// journals returns the entries of some events, by event, without their places.
func (s *shop) journals(events []models.Event) []models.Entry {
	s.t.Helper()
	var list []models.Entry
	for _, event := range events {
		page := s.page(event, 0, all)
		if len(page.Entries) > 0 && page.First == 1 {
			want := make([]int64, page.Last)
			for i := range want {
				want[i] = int64(i + 1)
			}
			same(s.t, "the seqs", seqsOf(page.Entries), want)
		}
		list = append(list, page.Entries...)
	}
	byEvent(list)
	return list
}

// byEvent puts entries in the order of their events, leaving each event's as they are, and takes their places away.
func byEvent(entries []models.Entry) {
	slices.SortStableFunc(entries, func(a, b models.Entry) int { return a.Event.Compare(b.Event) })
	for i := range entries {
		entries[i].Place = models.FeedPlace{}
	}
}

func placesOf(entries []models.Entry) []string {
	return idsOf(entries, func(e models.Entry) string { return fmt.Sprint(e.Event, e.Seq) })
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
