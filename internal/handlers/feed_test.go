package handlers

import (
	"encoding/json"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"quantix/internal/models"
)

// entryJSON is an entry as a client sees it.
type entryJSON struct {
	EventID string `json:"event_id"`
	Seq     int64
	Cursor  string
	Facts   []struct {
		Type      string
		BookingID string `json:"booking_id"`
	}
}

// onBothStores runs a test on either store.
func onBothStores(t *testing.T, test func(*testing.T, *bundle)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { t.Parallel(); test(t, setup(t)) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); test(t, setupPostgres(t)) })
}

// pages reads a feed page by page until there is no next one.
func (b *bundle) pages(path string) (all []entryJSON) {
	b.tb.Helper()
	for range 100 {
		a := b.do("GET", path, "").want(http.StatusOK)
		all = append(all, read[[]entryJSON](a)...)
		if path = nextPage(a); path == "" {
			return all
		}
	}
	b.tb.Fatal("the pages have no end")
	return nil
}

// allOf reads the feed of all events, once so many are there: other tests' transactions in the same server hold it
// back.
func (b *bundle) allOf(path string, entries int) []entryJSON {
	b.tb.Helper()
	all := b.pages(path)
	for len(all) < entries {
		runtime.Gosched()
		all = b.pages(path)
	}
	if len(all) != entries {
		b.tb.Errorf("GET %s has %d entries, want %d", path, len(all), entries)
	}
	return all
}

func TestFeed_of_an_event_is_read_page_by_page(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		event, user := b.event(100), b.user("john@example.com")
		for range 6 {
			b.book(event.ID, user.ID, 1)
		}
		path := eventsPath + "/" + event.ID + "/feed"
		for _, limit := range []string{"1", "3", "7", "500"} {
			all := b.pages(path + "?limit=" + limit)
			if len(all) != 7 {
				t.Fatalf("limit=%s: %d entries, want the creation and six bookings", limit, len(all))
			}
			for i, e := range all {
				if e.Seq != int64(i+1) || e.EventID != event.ID {
					t.Errorf("limit=%s: entry %d has seq %d", limit, i, e.Seq)
				}
			}
		}
		if rest := b.pages(path + "?after=5"); len(rest) != 2 || rest[0].Seq != 6 {
			t.Errorf("after 5: %+v", rest)
		}
		if next := nextPage(b.do("GET", path+"?after=5", "").want(http.StatusOK)); next != "" {
			t.Errorf("the last page has a next one: %s", next)
		}
		headed := b.do("GET", path+"?after=2", "", lastEventIDHeader, "6").want(http.StatusOK)
		if rest := read[[]entryJSON](headed); len(rest) != 1 || rest[0].Seq != 7 {
			t.Errorf("Last-Event-ID goes before after: %+v", rest)
		}
		if none := b.pages(path + "?after=7"); len(none) != 0 {
			t.Errorf("after the newest: %+v", none)
		}
	})
}

func TestFeed_of_all_events_is_read_page_by_page(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		user := b.user("john@example.com")
		events := []eventJSON{b.event(10), b.event(10), b.event(10)}
		for range 3 {
			for _, e := range events {
				b.book(e.ID, user.ID, 1)
			}
		}
		for _, limit := range []string{"1", "5", "12", "500"} {
			all, seen := b.allOf(feedPath+"?limit="+limit, 12), map[string]int64{}
			for _, e := range all {
				if seen[e.EventID]++; e.Seq != seen[e.EventID] {
					t.Errorf("limit=%s: seq %d comes as number %d of its event", limit, e.Seq, seen[e.EventID])
				}
			}
			if len(all) != 12 || len(seen) != 3 {
				t.Errorf("limit=%s: %d entries of %d events, want 12 of 3", limit, len(all), len(seen))
			}
			if rest := b.allOf(feedPath+"?after="+all[8].Cursor, 3); rest[0].Cursor != all[9].Cursor {
				t.Errorf("limit=%s: after the ninth there are %d", limit, len(rest))
			}
		}
	})
}

func TestFeed_refuses_places_that_are_none(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		event, user := b.event(10), b.user("john@example.com")
		b.book(event.ID, user.ID, 1)
		path := eventsPath + "/" + event.ID + "/feed"
		ahead := b.do("GET", path+"?after=3", "")
		ahead.refused(http.StatusConflict, "feed_ahead")
		if at := read[struct {
			LastSeq *int64 `json:"last_seq"`
		}](ahead).LastSeq; at == nil || *at != 2 {
			t.Errorf("last_seq is missing: %s", ahead.body)
		}
		b.do("GET", eventsPath+"/"+models.NewID[models.EventID]().String()+"/feed", "").refused(http.StatusNotFound, "event_not_found")
		for _, bad := range []string{"?after=-1", "?after=x", "?limit=0", "?limit=501", "?cursor=x", "?after="} {
			b.do("GET", path+bad, "").refused(http.StatusBadRequest, "invalid_request")
		}
		b.do("GET", path, "", lastEventIDHeader, "x").refused(http.StatusBadRequest, "invalid_request")
		cursor := b.allOf(feedPath, 2)[0].Cursor
		for _, bad := range []string{"x", cursor[1:], "A" + cursor[1:], strings.Repeat("A", len(cursor))} {
			if bad != cursor {
				b.do("GET", feedPath+"?after="+bad, "").refused(http.StatusBadRequest, "invalid_cursor")
			}
		}
	})
}

// What is gone is said, with where to go on; a reader that knows nothing begins with the sum.
func TestFeed_says_where_it_begins_after_pruning(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		event := b.event(10) // a booking's entry would stay until its payment is under way
		for _, tickets := range []string{"11", "12", "13"} {
			b.do("PUT", eventsPath+"/"+event.ID, `{"total_tickets":`+tickets+`}`).want(http.StatusOK)
		}
		path, old := eventsPath+"/"+event.ID+"/feed", b.allOf(feedPath, 4)
		b.clock.Advance(time.Second)
		id, _ := models.ParseID[models.EventID](event.ID)
		if gone, err := b.store.PruneJournal(t.Context(), id, 0, 100); gone != 2 || err != nil {
			t.Fatalf("pruned %d, %v, want the first two of four", gone, err)
		}
		for _, after := range []string{"0", "1", "2"} {
			a := b.do("GET", path+"?after="+after, "")
			a.refused(http.StatusGone, "feed_gone")
			if at := read[struct {
				FirstSeq *int64 `json:"first_seq"`
			}](a).FirstSeq; at == nil || *at != 3 {
				t.Errorf("first_seq is missing: %s", a.body)
			}
		}
		b.do("GET", feedPath+"?after="+old[0].Cursor, "").refused(http.StatusGone, "feed_gone")
		a := b.do("GET", path, "").want(http.StatusOK)
		if all := read[[]entryJSON](a); len(all) != 2 || all[0].Seq != 3 || all[0].Facts[0].Type != "event.opened" {
			t.Errorf("from the first: %s", a.body)
		}
		if rest := b.pages(path + "?after=3"); len(rest) != 1 || rest[0].Seq != 4 {
			t.Errorf("after the sum: %+v", rest)
		}
		if all := b.allOf(feedPath, 2); all[0].Facts[0].Type != "event.opened" {
			t.Errorf("of all events: %+v", all)
		}
	})
}

// everyFact is an entry with each kind of fact.
func everyFact() models.Entry {
	booking := models.BookingID{1, 2, 3, 15: 4}
	e := models.Entry{
		Event: models.EventID{5, 15: 6}, Seq: 42, At: today, Currency: "USD",
		Place: models.FeedPlace{Epoch: 1, Tx: 77, Event: models.EventID{5, 15: 6}, Seq: 42},
	}
	for _, kind := range models.FactKinds {
		f := models.Fact{Kind: kind, Booking: booking, Quantity: 2, Amount: 15100}
		switch kind {
		case models.FactOpened:
			f = models.Fact{Kind: kind, Balance: &models.Balance{
				Stock: models.Stock{
					Total: 100, Available: 93, Held: 3, Sold: 4, HeldAmount: 22650, SoldAmount: 30200, Pending: 2, Confirmed: 1, Cancelled: 5,
				}, Charged: 50000, Refunded: 19800, Owed: 5,
			}}
		case models.FactCreated:
			f = models.Fact{Kind: kind, Terms: &models.Terms{
				TotalTickets: 100, TicketPrice: models.Money{Minor: 7550, Currency: "EUR"}, DateTime: today.AddDate(1, 0, 0), Version: 1,
			}}
		case models.FactEdited:
			f = models.Fact{Kind: kind, Terms: &models.Terms{
				TotalTickets: 120, TicketPrice: models.Money{Minor: 8000, Currency: "JPY"}, DateTime: today.AddDate(1, 0, 0),
				SalesEnd: today.AddDate(0, 6, 0), TimeZone: "Europe/Berlin", Version: 2,
			}}
		case models.FactEventCancelled, models.FactDeleted:
			f = models.Fact{Kind: kind}
		case models.FactCancelled:
			f.Was, f.Reason = models.StatusConfirmed, models.ReasonUser
		case models.FactRevenue:
			f.Quantity, f.Amount = 0, -5
		case models.FactCharged:
			f.Quantity, f.Charge = 0, 2
		case models.FactRefundOwed, models.FactRefundReduced, models.FactRefundGiven, models.FactRefundFailed, models.FactRefundMoved:
			f.Quantity, f.Charge, f.Part = 0, 1, 2
			if kind == models.FactRefundMoved {
				f.Moved = models.RefundDisputed
			}
		}
		e.Facts = append(e.Facts, f)
	}
	return e
}

// toFact is what appendFact writes, as encoding/json makes it of the documented type.
func toFact(e *models.Entry, f *models.Fact) factBody {
	b := factBody{Type: factKind(f.Kind)}
	money := func(minor int64) *amount { return &amount{models.Money{Minor: minor, Currency: e.Currency}} }
	switch {
	case f.Terms != nil:
		t := f.Terms
		b.TotalTickets, b.TicketPrice, b.DateTime, b.Version = &t.TotalTickets, &amount{t.TicketPrice}, &t.DateTime, &t.Version
		b.SalesEnd, b.TimeZone, b.Currency = &timeOrNull{t.SalesEnd}, new(zoneOrNull(t.TimeZone)), &t.TicketPrice.Currency
		return b
	case f.Balance != nil:
		s := &f.Balance.Stock
		b.TotalTickets, b.Available, b.Held, b.Sold = &s.Total, &s.Available, &s.Held, &s.Sold
		b.HeldAmount, b.SoldAmount = money(s.HeldAmount), money(s.SoldAmount)
		b.Pending, b.Confirmed, b.Cancelled = &s.Pending, &s.Confirmed, &s.Cancelled
		b.Charged, b.Refunded, b.Owed = money(f.Balance.Charged), money(f.Balance.Refunded), money(f.Balance.Owed)
		b.Currency = &e.Currency
		return b
	case f.Booking.IsZero():
		return b
	}
	b.BookingID, b.Amount = &f.Booking, money(f.Amount)
	charge := models.ChargeKey{BookingRef: models.BookingRef{Event: e.Event, Booking: f.Booking}, N: f.Charge}
	switch {
	case f.Part > 0:
		b.PaymentID = new(models.RefundKey{ChargeKey: charge, Part: f.Part}.RefundID().String())
	case f.Charge > 0:
		b.PaymentID = new(charge.ChargeID().String())
	case f.Quantity > 0:
		b.Quantity = &f.Quantity
	}
	if f.Was != "" {
		b.PreviousStatus, b.CancelReason = &f.Was, new(reasonOrNothing(f.Reason))
	}
	b.Reason = textOrNull(string(f.Moved))
	return b
}

func TestFeed_entries_are_written_as_they_are_documented(t *testing.T) {
	t.Parallel()
	e := everyFact()
	body := placedEntryBody{EventID: e.Event, Seq: e.Seq, At: e.At, Currency: e.Currency, Cursor: string(appendPlace(nil, e.Place))}
	for i := range e.Facts {
		body.Facts = append(body.Facts, toFact(&e, &e.Facts[i]))
	}
	want, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(appendPlaced(nil, &e)); got != string(want) {
		t.Errorf("written by hand: %s\nby encoding/json: %s", got, want)
	}
	want, err = json.Marshal(entryBody{EventID: body.EventID, Seq: body.Seq, At: body.At, Currency: e.Currency, Facts: body.Facts})
	if got := string(appendEntry(nil, &e)); got != string(want) || err != nil {
		t.Errorf("written by hand: %s\nby encoding/json: %s, %v", got, want, err)
	}
	if place, err := parsePlace(body.Cursor); err != nil || *place != e.Place {
		t.Errorf("the cursor reads as %+v, %v", place, err)
	}
	a := &answer{tb: t, request: "every fact", status: 200, header: http.Header{}, body: appendEntry(nil, &e)}
	a.golden("feed_facts")
}

func TestLive_counters_are_written_as_they_are_documented(t *testing.T) {
	t.Parallel()
	e := models.Event{ID: models.EventID{1, 15: 2}, TicketPrice: models.Money{Minor: 100, Currency: "KWD"}, Stock: everyFact().Facts[0].Balance.Stock}
	want, err := json.Marshal(toStatistics(e))
	if got := string(appendStatistics(nil, &e)); got != string(want) || err != nil {
		t.Errorf("written by hand: %s\nby encoding/json: %s, %v", got, want, err)
	}
}
