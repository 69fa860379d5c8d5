package repotest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/retry"
)

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
