package repotest

import (
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

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
