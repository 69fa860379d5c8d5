package repotest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// eventRules are the promises of Events.
var eventRules = rules{
	"is_read_as_it_was_created": func(t *testing.T, s *shop) {
		event := s.event(func(d *models.EventDraft) {
			d.Name, d.Description = "Ünïcode ' \" \\ 音楽", "Two lines,\r\n\tand 50% of_them"
			d.DateTime, d.SalesEnd = noon.Add(time.Hour+time.Microsecond), noon.Add(2*time.Hour)
		})
		want := event
		want.CreatedAt, want.UpdatedAt = noon, noon
		same(t, "the event as created", event, want)
		same(t, "the event as read", s.read(event.ID), want)
	},

	"times_are_kept_to_the_microsecond_in_UTC_and_unset_ones_stay_unset": timesOfEvents,

	"prices_of_every_currency_are_exact": func(t *testing.T, s *shop) {
		for _, money := range []models.Money{
			{Minor: 0, Currency: "USD"}, {Minor: 1, Currency: "USD"}, {Minor: 7550, Currency: "EUR"},
			{Minor: 10, Currency: "EUR"},
			{Minor: 1, Currency: "JPY"}, {Minor: 1500, Currency: "JPY"}, {Minor: 1, Currency: "KWD"},
			{Minor: 75505, Currency: "KWD"},
			{Minor: models.MaxAmount, Currency: "USD"}, {Minor: models.MaxAmount, Currency: "JPY"},
			{Minor: models.MaxAmount, Currency: "KWD"}, {Minor: models.MaxAmount - 1, Currency: "KWD"},
		} {
			event, user := s.event(tickets(1), price(money.Minor, money.Currency)), s.user()
			same(t, "the price", s.read(event.ID).TicketPrice, money)
			b := s.book(event, user, 1)
			same(t, "the booking's price", b.UnitPrice, money)
			same(t, "the booking's amount", s.booking(b.ID).TotalAmount, money)
			same(t, "the amount held", s.stock(event.ID).HeldAmount, money.Minor)
			if money.Minor == 0 {
				s.done(event.ID, &sale.ConfirmFree{Booking: b.ID})
				continue
			}
			charge := s.charge(b)
			same(t, "the charge's amount", charge.Amount, money)
			s.settle(charge.ChargeKey, models.OutcomeSucceeded)
			same(t, "the amount sold", s.stock(event.ID).SoldAmount, money.Minor)
			s.done(event.ID, &sale.Cancel{Booking: b.ID})
			_, refunds := s.money(b)
			same(t, "the refund's amount", refunds[0].Amount, money)
		}
	},

	"sums_of_the_largest_amounts_are_exact": func(t *testing.T, s *shop) {
		const places = 2_000_000_000
		each := models.MaxAmount / places
		event, user := s.event(tickets(places), price(each, "USD")), s.user()
		b := s.book(event, user, places-1)
		same(t, "the total", s.booking(b.ID).TotalAmount.Minor, each*(places-1))
		s.book(event, user, 1)
		same(t, "the amount held", s.stock(event.ID).HeldAmount, each*places)
		s.refused(event.ID, reserve(user, 1), models.ErrSoldOut)
	},

	"may_have_the_largest_number_of_tickets": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(models.MaxTotalTickets)), s.user()
		s.book(event, user, models.MaxTotalTickets)
		same(t, "what is available", s.stock(event.ID).Available, 0)
	},

	"may_have_the_longest_texts": func(t *testing.T, s *shop) {
		runes := func(n int) string { return string(slices.Repeat([]rune("é"), n)) }
		event := s.event(func(d *models.EventDraft) {
			d.Name, d.Description = runes(models.MaxNameLength), runes(models.MaxDescriptionLength)
		})
		same(t, "the event", s.read(event.ID), event)
	},

	"unknown_and_deleted_ones_are_not_found": func(t *testing.T, s *shop) {
		event, deleted := s.event(), s.event()
		s.done(deleted.ID, &sale.DeleteEvent{})
		for _, id := range []models.EventID{deleted.ID, models.NewID[models.EventID](), {}} {
			_, err := s.Event(s.ctx(), models.Everything, id)
			isError(t, "Event", err, models.ErrEventNotFound)
		}
		same(t, "the list", eventIDs(s.list(models.EventFilter{})), []models.EventID{event.ID})
	},

	"cancelled_ones_are_found": func(t *testing.T, s *shop) {
		event := s.event()
		s.done(event.ID, &sale.CancelEvent{})
		if got := s.read(event.ID); !got.CancelledAt.Equal(noon) || len(s.list(models.EventFilter{})) != 1 {
			t.Errorf("the cancelled event is %+v", got)
		}
	},

	"are_listed_by_time_and_id": func(t *testing.T, s *shop) {
		var want []models.Event
		for i := range 12 {
			want = append(want, s.event(begins(noon.Add(time.Duration(12-i)/3*time.Microsecond))))
		}
		slices.SortFunc(want, byTimeAndID)
		same(t, "the list", s.list(models.EventFilter{}), want)
		for _, limit := range []int{1, 5, 12, 13} {
			got, err := s.Events(s.ctx(), models.Everything, models.EventFilter{}, models.Page{Limit: limit})
			s.ok("listing", err)
			same(t, fmt.Sprintf("the first %d", limit), eventIDs(got.Events), eventIDs(want[:min(limit, 12)]))
		}
	},

	"pages_are_stable_while_events_come_and_go": func(t *testing.T, s *shop) {
		var there []models.Event
		for i := range 11 {
			there = append(there, s.event(begins(noon.Add(time.Duration(i/4)*time.Hour))))
		}
		slices.SortFunc(there, byTimeAndID)
		removed := false
		got := pages(t, 3, s.lister(models.EventFilter{}), positionOfEvent, func() {
			s.event(begins(noon.Add(-time.Hour))) // before all pages: never seen, moves nothing
			if !removed {
				s.done(there[0].ID, &sale.DeleteEvent{}) // seen already
				removed = true
			}
		})
		same(t, "the pages", eventIDs(got), eventIDs(there))
	},

	"are_picked_from_a_time_to_before_another": func(t *testing.T, s *shop) {
		at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
		var all []models.EventID
		for i := range 5 {
			all = append(all, s.event(begins(at(i))).ID)
		}
		for _, test := range []struct {
			filter models.EventFilter
			want   []models.EventID
		}{
			{models.EventFilter{From: at(1)}, all[1:]},
			{models.EventFilter{From: at(1).Add(time.Microsecond)}, all[2:]},
			{models.EventFilter{To: at(3)}, all[:3]},
			{models.EventFilter{To: at(3).Add(time.Microsecond)}, all[:4]},
			{models.EventFilter{From: at(1), To: at(3)}, all[1:3]},
			{models.EventFilter{From: at(1).In(time.FixedZone("", -5*3600)), To: at(3).In(time.FixedZone("", 12600))}, all[1:3]},
			{models.EventFilter{From: at(3), To: at(1)}, all[:0]},
			{models.EventFilter{From: at(9)}, all[:0]},
		} {
			same(t, fmt.Sprintf("the list of %+v", test.filter), eventIDs(s.list(test.filter)), test.want)
		}
		same(t, "the pages",
			eventIDs(pages(t, 1, s.lister(models.EventFilter{From: at(1), To: at(4)}), positionOfEvent, func() {})), all[1:4])
	},

	"are_picked_by_a_part_of_name_or_description": pickByText,

	"are_searched_for_what_the_first_of_them_do_not_mention": searchFar,

	"no_events_is_an_empty_list": func(t *testing.T, s *shop) {
		if list := s.list(models.EventFilter{}); len(list) != 0 {
			t.Errorf("an empty database lists %+v", list)
		}
	},

	"counters_are_read_in_one_snapshot": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		stop := s.sample(event.ID)
		crowd(8, func(int) {
			for range 10 {
				v, err := s.try(s.ctx(), event.ID, reserve(user, 3))
				if err != nil || v[0].Err != nil {
					t.Errorf("booking: %v", err)
					return
				}
				if _, err = s.try(s.ctx(), event.ID, &sale.Cancel{Booking: v[0].Booking.ID}); err != nil {
					t.Errorf("cancelling: %v", err)
				}
			}
		})
		stop()
	},

	"cancelled_ones_with_live_bookings_are_listed_deleted_or_not": func(t *testing.T, s *shop) {
		user := s.user()
		plain, empty, pending, confirmed := s.event(), s.event(), s.event(), s.event()
		s.book(plain, user, 1)
		waiting, paid := s.book(pending, user, 1), s.paid(confirmed, user, 1)
		for _, e := range []models.Event{empty, pending, confirmed} {
			s.done(e.ID, &sale.CancelEvent{})
		}
		s.cancelledAre(10, pending.ID, confirmed.ID)
		list, err := s.CancelledEvents(s.ctx(), 1)
		if err != nil || len(list) != 1 {
			t.Errorf("one cancelled event was asked for; got %v, %v", list, err)
		}
		// Over for long, so that what is CONFIRMED does not keep it from being deleted.
		s.clock.Pass(25*time.Hour + theRules.RefundWindow)
		s.done(confirmed.ID, &sale.DeleteEvent{})
		s.cancelledAre(10, pending.ID, confirmed.ID)
		s.done(pending.ID, &sale.CancelForEvent{Booking: waiting.ID})
		s.done(confirmed.ID, &sale.CancelForEvent{Booking: paid.ID})
		s.cancelledAre(10)
	},

	"every_id_there_ever_was_is_listed_for_the_audit": func(t *testing.T, s *shop) {
		var made []models.EventID
		for i := range 7 {
			event := s.event(begins(noon.Add(-time.Duration(i) * time.Hour)))
			made = append(made, event.ID)
			if i%3 == 0 {
				s.done(event.ID, &sale.DeleteEvent{})
			}
		}
		made = sorted(made...)
		for _, test := range []struct {
			after models.EventID
			limit int
			want  []models.EventID
		}{
			{models.EventID{}, 100, made}, {models.EventID{}, 3, made[:3]}, {made[2], 3, made[3:6]}, {made[5], 3, made[6:]},
			{made[6], 3, made[7:]},
		} {
			got, err := s.EventIDs(s.ctx(), test.after, test.limit)
			s.ok("listing ids", err)
			same(t, "the ids", append([]models.EventID{}, got...), test.want)
		}
	},
}

func (s *shop) lister(filter models.EventFilter) func(models.Page) ([]models.Event, error) {
	return func(page models.Page) ([]models.Event, error) {
		found, err := s.Events(s.ctx(), models.Everything, filter, page)
		return found.Events, err
	}
}

func (s *shop) list(filter models.EventFilter) []models.Event {
	s.t.Helper()
	found, err := s.Events(s.ctx(), models.Everything, filter, models.Page{Limit: all})
	s.ok("listing events", err)
	return found.Events
}

func (s *shop) cancelledAre(limit int, want ...models.EventID) {
	s.t.Helper()
	got, err := s.CancelledEvents(s.ctx(), limit)
	s.ok("listing cancelled events", err)
	same(s.t, "the cancelled events with live bookings", append([]models.EventID{}, sorted(got...)...), append([]models.EventID{}, sorted(want...)...))
}

func positionOfEvent(e models.Event) models.Position {
	return models.Position{Time: e.DateTime, ID: e.ID}
}

func byTimeAndID(a, b models.Event) int {
	if order := a.DateTime.Compare(b.DateTime); order != 0 {
		return order
	}
	return a.ID.Compare(b.ID)
}

// sample reads an event again and again until it is told to stop, and holds every reading to the promise on stock.
func (s *shop) sample(event models.EventID, also ...func(models.Event)) (stop func()) {
	var group sync.WaitGroup
	done := make(chan struct{})
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			e, err := s.Event(s.ctx(), models.Everything, event)
			if err != nil {
				s.t.Errorf("reading the event during the rush: %v", err)
				return
			}
			checkStock(s.t, e)
			for _, look := range also {
				look(e)
			}
		}
	})
	return func() {
		close(done)
		group.Wait()
	}
}

// checkStock holds counters read at any moment to what must be true at every commit.
func checkStock(t *testing.T, e models.Event) {
	st := e.Stock
	if st.Available+st.Held+st.Sold != st.Total ||
		min(st.Available, st.Held, st.Sold, st.Pending, st.Confirmed, st.Cancelled) < 0 {
		t.Errorf("an event was seen with stock %+v", st)
	}
	if (st.Held == 0) != (st.Pending == 0) || (st.Sold == 0) != (st.Confirmed == 0) {
		t.Errorf("an event was seen with tickets that no booking has: %+v", st)
	}
}

func timesOfEvents(t *testing.T, s *shop) {
	newfoundland := time.FixedZone("NST", -(3*3600 + 1800))
	for _, at := range []time.Time{
		time.Date(2026, 7, 1, 20, 0, 0, 1000, time.UTC), time.Date(2026, 7, 1, 20, 0, 0, 999999999, time.UTC),
		time.Date(2026, 3, 29, 2, 30, 0, 0, newfoundland), time.Date(1900, 1, 2, 0, 0, 0, 0, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	} {
		event := s.event(begins(at), func(d *models.EventDraft) { d.SalesEnd = at })
		got := s.read(event.ID)
		want := at.UTC().Truncate(time.Microsecond)
		same(t, "the time", []time.Time{got.DateTime, got.SalesEnd}, []time.Time{want, want})
		for what, at := range map[string]time.Time{
			"date_time": got.DateTime, "sales_end": got.SalesEnd, "created_at": got.CreatedAt, "updated_at": got.UpdatedAt,
		} {
			isInstant(t, what, at)
		}
	}
	got := s.read(s.event().ID)
	if got.SalesEnd != (time.Time{}) || got.CancelledAt != (time.Time{}) || got.DeletedAt != (time.Time{}) {
		t.Errorf("times that were never set are %v, %v, %v", got.SalesEnd, got.CancelledAt, got.DeletedAt)
	}
}

func pickByText(t *testing.T, s *shop) {
	add := func(name, description string) models.EventID {
		return s.event(func(d *models.EventDraft) { d.Name, d.Description = name, description }).ID
	}
	jazz, rock, plain := add("Jazz Night", "50% off_now"), add("Rock", "no JAZZ at all"),
		add("Opera", `back\slash, 500 offXnow`)
	for query, want := range map[string][]models.EventID{
		"":           {jazz, rock, plain},
		"jazz":       {jazz, rock},
		"JAZZ N":     {jazz},
		"zz":         {jazz, rock},
		"50%":        {jazz},
		"0% o":       {jazz},
		"off_now":    {jazz},
		"%":          {jazz},
		"_":          {jazz},
		`\`:          {plain},
		`k\s`:        {plain},
		"'":          {},
		"jazz night": {jazz},
		"Night 50":   {},
		"nobody":     {},
	} {
		same(t, fmt.Sprintf("the events with %q", query), sorted(eventIDs(s.list(models.EventFilter{Query: query}))...),
			append([]models.EventID{}, sorted(want...)...))
	}
	both := models.EventFilter{Query: "jazz", From: noon.Add(48 * time.Hour)}
	same(t, "the events with a word from a later time", len(s.list(both)), 0)
}

// searchFar looks for what the first events of a list do not mention, which an index has to find.
func searchFar(t *testing.T, s *shop) {
	crowd(8, func(int) {
		for range models.SearchShort/8 + 5 {
			s.event(func(d *models.EventDraft) { d.Name, d.Description = "Opera", "again and again" })
		}
	})
	later := func(name, description string) models.EventID {
		return s.event(begins(noon.Add(1000*time.Hour)), func(d *models.EventDraft) {
			d.Name, d.Description = name, description
		}).ID
	}
	zanzibar, edited, gone := later("Jazz in Zanzibar", `50% off_now, "quoted"`), later("Rock", "in ÉVORA"),
		later("Gone to Zanzibar", "")
	s.done(edited, &sale.EditEvent{Patch: models.EventPatch{Name: new("Night of Timbuktu")}})
	s.done(gone, &sale.DeleteEvent{})
	for query, want := range map[string][]models.EventID{
		"zanzib": {zanzibar}, "ZANZIBAR": {zanzibar}, "jazz in": {zanzibar}, "0% off_": {zanzibar}, `"quo`: {zanzibar},
		"timbuktu": {edited}, "rock": {}, "in ÉVORA": {edited}, "nobody": {}, "z i": {zanzibar},
		"zanzibar 50": {}, "barzan": {},
	} {
		same(t, fmt.Sprintf("the events with %q", query), sorted(eventIDs(s.list(models.EventFilter{Query: query}))...),
			append([]models.EventID{}, sorted(want...)...))
	}
	first, err := s.Events(s.ctx(), models.Everything, models.EventFilter{Query: "gain and a"}, models.Page{Limit: 2})
	s.ok("listing", err)
	last := models.PositionOf(&first.Events[1])
	next, err := s.Events(s.ctx(), models.Everything, models.EventFilter{Query: "zanzibar"},
		models.Page{Limit: 2, After: &last})
	s.ok("listing", err)
	same(t, "the next page", eventIDs(next.Events), []models.EventID{zanzibar})
	searchShort(t, s, zanzibar)
}

// searchShort looks for one and two characters, which no index finds: each page ends after some events, and says where.
func searchShort(t *testing.T, s *shop, zanzibar models.EventID) {
	for _, query := range []string{"zz", "J"} {
		filter := models.EventFilter{Query: query}
		first, err := s.Events(s.ctx(), models.Everything, filter, models.Page{Limit: 2})
		s.ok("listing", err)
		if len(first.Events) != 0 || first.Next == nil {
			t.Fatalf("%d events have %q among the first, and the next page is at %v", len(first.Events), query, first.Next)
		}
		next, err := s.Events(s.ctx(), models.Everything, filter, models.Page{Limit: 2, After: first.Next})
		s.ok("listing", err)
		same(t, "the events of the next page", eventIDs(next.Events), []models.EventID{zanzibar})
		if next.Next != nil {
			t.Errorf("the last page goes on at %v", next.Next)
		}
	}
	// A page that is full ends with its last event.
	full, err := s.Events(s.ctx(), models.Everything, models.EventFilter{Query: "op"}, models.Page{Limit: 2})
	s.ok("listing", err)
	if len(full.Events) != 2 || full.Next != nil {
		t.Errorf("a full page of %d events, and the next at %v", len(full.Events), full.Next)
	}
}
