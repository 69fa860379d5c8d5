package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	created := b.do("POST", eventsPath, `{"name":"Concert 2024","description":"Amazing concert event","date_time":"2026-12-31T20:00:00Z","total_tickets":1000,"ticket_price":75.50}`)
	created.want(http.StatusCreated).golden("event_create")
	at := created.header.Get("Location")
	b.do("GET", at, "").want(http.StatusOK).golden("event_get")
	b.do("GET", eventsPath, "").want(http.StatusOK).golden("event_list")
	b.do("PUT", at, `{"name":"Concert","sales_end":"2026-12-31T18:00:00+01:00","ticket_price":"80.5"}`, "If-Match", `"1"`).
		want(http.StatusOK).golden("event_update")
	b.do("POST", at+"/cancel", "").want(http.StatusAccepted).golden("event_cancel")
	b.do("DELETE", at, "").want(http.StatusNoContent).golden("event_delete")
	b.do("GET", at, "").refused(http.StatusNotFound, "event_not_found")
}

func TestEvents_bad_input(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := map[string]string{
		"name": `"Concert"`, "date_time": `"2026-12-31T20:00:00Z"`, "total_tickets": `10`, "ticket_price": `75.50`,
	}
	for _, c := range []struct{ field, value string }{
		{"name", `null`}, {"name", `""`}, {"name", `"  "`}, {"name", `7`}, {"name", `"` + strings.Repeat("x", 256) + `"`},
		{"name", `"a\u0000b"`}, {"name", ``}, {"description", `null`}, {"description", `"` + strings.Repeat("x", 10_001) + `"`},
		{"date_time", `null`}, {"date_time", ``}, {"date_time", `"2026-12-31T20:00:00"`}, {"date_time", `"2026-12-31"`},
		{"date_time", `"2026-12-31 20:00:00Z"`}, {"date_time", `1767211200`}, {"date_time", `"2026-13-01T00:00:00Z"`},
		{"date_time", `"2026-12-31T2:00:00Z"`}, {"date_time", `"0001-01-01T00:00:00Z"`}, {"sales_end", `"tomorrow"`},
		{"total_tickets", `0`}, {"total_tickets", `-5`}, {"total_tickets", `1.5`}, {"total_tickets", `1e-1`}, {"total_tickets", `1e10`},
		{"total_tickets", `"3"`}, {"total_tickets", `null`}, {"total_tickets", `2147483648`},
		{"total_tickets", `99999999999999999999`}, {"total_tickets", `true`}, {"total_tickets", ``},
		{"ticket_price", `-1`}, {"ticket_price", `0.001`}, {"ticket_price", `null`}, {"ticket_price", `"abc"`},
		{"ticket_price", `""`}, {"ticket_price", `true`}, {"ticket_price", `[75]`}, {"ticket_price", ``},
		{"ticket_price", `1e400`}, {"ticket_price", `99999999999999999999`}, {"ticket_price", `"+5"`}, {"ticket_price", `" 5"`},
		{"currency", `"usd"`}, {"currency", `"XXX"`}, {"currency", `null`}, {"currency", `5`},
		{"Name", `"Concert"`}, {"id", `"x"`}, {"available_tickets", `5`}, {"colour", `"red"`}, {"total_sold", `0`},
	} {
		body := object(good, c.field, c.value)
		p := b.do("POST", eventsPath, body).refused(http.StatusBadRequest, "invalid_request")
		if p.at(t, "body."+c.field); t.Failed() {
			t.Fatal(body)
		}
	}
	if list := read[[]eventJSON](b.do("GET", eventsPath, "")); len(list) != 0 {
		t.Errorf("refused events are there: %v", list)
	}
}

// object makes a JSON object of the fields, with one set to another value; empty: left out.
func object(fields map[string]string, name, value string) string {
	var members []string
	for k, v := range fields {
		if k != name {
			members = append(members, fmt.Sprintf("%q:%s", k, v))
		}
	}
	if value != "" {
		members = append(members, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestEvents_money_is_exact(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct{ price, currency, want string }{
		{`75.50`, "USD", "75.50"}, {`75.5`, "USD", "75.50"}, {`"75.50"`, "USD", "75.50"}, {`75`, "USD", "75.00"},
		{`7.55e1`, "USD", "75.50"}, {`0`, "USD", "0.00"}, {`0.10`, "EUR", "0.10"}, {`1500`, "JPY", "1500"},
		{`1.234`, "KWD", "1.234"}, {`999999999999.99`, "USD", "999999999999.99"}, {`"0.300"`, "USD", "0.30"},
	} {
		body := fmt.Sprintf(`{"name":"x","date_time":"2026-12-31T20:00:00Z","total_tickets":10,"ticket_price":%s,"currency":%q}`, c.price, c.currency)
		e := read[eventJSON](b.do("POST", eventsPath, body).want(http.StatusCreated))
		if e.TicketPrice.String() != c.want || e.Currency != c.currency {
			t.Errorf("%s %s became %s %s, want %s", c.price, c.currency, e.TicketPrice, e.Currency, c.want)
		}
	}
	for _, c := range []struct {
		price   string
		tickets int64
		status  int
	}{
		{`9999999999999.99`, 1, 201}, {`9999999999999.99`, 2, 400}, {`10000000000000`, 1, 400},
		{`4656.61`, 2147483647, 201}, {`4656.62`, 2147483647, 400}, {`99999999999999999.99`, 2147483647, 400},
	} { // times the tickets, at most 15 digits
		body := fmt.Sprintf(`{"name":"x","date_time":"2026-12-31T20:00:00Z","total_tickets":%d,"ticket_price":%s}`, c.tickets, c.price)
		if a := b.do("POST", eventsPath, body).want(c.status); c.status == http.StatusBadRequest {
			a.checkProblem().at(t, "body.ticket_price")
		}
	}
}

func TestEvents_times_keep_their_instant(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for sent, want := range map[string]string{
		"2026-10-25T02:30:00+02:00":      "2026-10-25T00:30:00Z", // Berlin, before the clocks go back
		"2026-10-25T02:30:00+01:00":      "2026-10-25T01:30:00Z", // and after
		"2026-12-31T20:00:00-03:30":      "2026-12-31T23:30:00Z",
		"2026-12-31T20:00:00.123456789Z": "2026-12-31T20:00:00.123456Z",
		"1999-12-31T23:59:59Z":           "1999-12-31T23:59:59Z", // history is imported
	} {
		body := fmt.Sprintf(`{"name":"x","date_time":%q,"total_tickets":10,"ticket_price":1}`, sent)
		a := b.do("POST", eventsPath, body).want(http.StatusCreated)
		if got := read[eventJSON](b.do("GET", a.header.Get("Location"), "")).DateTime; got != want {
			t.Errorf("%s became %s, want %s", sent, got, want)
		}
	}
}

func TestEvents_update(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := eventsPath + "/" + b.event(10).ID
	t.Run("what was read can be sent back", func(t *testing.T) {
		got := b.do("GET", at, "")
		again := b.do("PUT", at, string(got.body)).want(http.StatusOK)
		if again.header.Get("ETag") != `"1"` || string(again.body) != string(got.body) {
			t.Errorf("nothing was changed, but: %s %s", again.header.Get("ETag"), again.body)
		}
	})
	t.Run("unknown fields and null are refused", func(t *testing.T) {
		for _, body := range []string{`{"colour":"red"}`, `{"Name":"x"}`, `{"status":"x"}`} {
			b.do("PUT", at, body).refused(http.StatusBadRequest, "invalid_request")
		}
		for _, name := range []string{"idempotency_key", "query.limit", "query", "a.b"} {
			b.do("PUT", at, `{"`+name+`":1}`).refused(http.StatusBadRequest, "invalid_request").at(t, "body."+name)
		}
		for _, name := range []string{"name", "description", "date_time", "total_tickets", "ticket_price", "currency"} {
			b.do("PUT", at, `{"`+name+`":null}`).refused(http.StatusBadRequest, "invalid_request").at(t, "body."+name)
		}
	})
	t.Run("null takes sales_end away", func(t *testing.T) {
		set := read[eventJSON](b.do("PUT", at, `{"sales_end":"2027-01-01T00:00:00Z"}`).want(http.StatusOK))
		kept := read[eventJSON](b.do("PUT", at, `{"name":"Other"}`).want(http.StatusOK))
		gone := read[eventJSON](b.do("PUT", at, `{"sales_end":null}`).want(http.StatusOK))
		if set.SalesEnd == nil || kept.SalesEnd == nil || gone.SalesEnd != nil {
			t.Errorf("sales_end: %v, %v, %v", set.SalesEnd, kept.SalesEnd, gone.SalesEnd)
		}
	})
	t.Run("a price in another currency", func(t *testing.T) {
		e := read[eventJSON](b.do("PUT", at, `{"currency":"JPY","ticket_price":900}`).want(http.StatusOK))
		if e.TicketPrice != "900" || e.Currency != "JPY" {
			t.Errorf("got %s %s", e.TicketPrice, e.Currency)
		}
		b.do("PUT", at, `{"ticket_price":900.5}`).refused(http.StatusBadRequest, "invalid_request").at(t, "body.ticket_price")
	})
}

func TestEvents_if_match(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := eventsPath + "/" + b.event(10).ID
	for _, c := range []struct {
		header string
		status int
	}{
		{`"7"`, 412}, {`W/"1"`, 412}, {`"abc"`, 412}, {`"01"`, 412}, {`"8", "9"`, 412}, {`""`, 412},
		{`1`, 400}, {`"1`, 400}, {`"1" "2"`, 400}, {`*, "1"`, 400}, {`,`, 400}, {`w/"1"`, 400},
		{`*`, 200}, {`"2"`, 200}, {`"7", "3"`, 200}, {`"x",W/"9" , "4"`, 200},
	} {
		body := fmt.Sprintf(`{"name":"To version %s"}`, strings.NewReplacer(`"`, "", `*`, "any").Replace(c.header))
		a := b.do("PUT", at, body, "If-Match", c.header)
		if a.status != c.status {
			t.Errorf("If-Match: %s gave %d, want %d: %s", c.header, a.status, c.status, a.body)
		}
	}
	t.Run("several lines are one list", func(t *testing.T) {
		b.do("PUT", at, `{"name":"Lines"}`, "If-Match", `"77"`, "If-Match", `"5"`).want(http.StatusOK)
	})
	unknown := eventsPath + "/0190a000-0000-7000-8000-000000000000"
	b.do("PUT", unknown, `{"name":"x"}`, "If-Match", `"1"`).refused(http.StatusNotFound, "event_not_found")
	b.do("PUT", unknown, `{"name":"x"}`, "If-Match", `"1","2"`).refused(http.StatusNotFound, "event_not_found")
	b.do("PUT", unknown, `{"name":"x"}`, "If-Match", `*`).refused(http.StatusNotFound, "event_not_found")
	b.do("DELETE", at, "", "If-Match", `"1"`).refused(http.StatusPreconditionFailed, "version_mismatch")
	b.do("DELETE", at, "", "If-Match", `"6"`).want(http.StatusNoContent)
}

// Cases 49, 51, 53, 54.
func TestEvents_with_bookings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	at := eventsPath + "/" + event.ID
	first := b.book(event.ID, user.ID, 4)
	b.pay(first, "succeeded")
	b.book(event.ID, user.ID, 2)

	t.Run("bookings do not move the ETag", func(t *testing.T) {
		a := b.do("GET", at, "", "If-None-Match", `"1"`).want(http.StatusOK)
		if e := read[eventJSON](a); a.header.Get("ETag") != `"1"` || e.Available != 4 {
			t.Errorf("got %s %+v", a.header.Get("ETag"), e)
		}
	})
	t.Run("capacity below what is taken", func(t *testing.T) {
		a := b.do("PUT", at, `{"total_tickets":5}`)
		a.golden("event_update_capacity_below_taken")
		if p := a.refused(http.StatusConflict, "capacity_below_taken"); p.Taken == nil || *p.Taken != 6 {
			t.Errorf("taken: %v", p.Taken)
		}
	})
	t.Run("capacity of exactly what is taken, then more", func(t *testing.T) {
		b.do("PUT", at, `{"total_tickets":6}`).want(http.StatusOK)
		b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1)).refused(http.StatusConflict, "sold_out")
		e := read[eventJSON](b.do("PUT", at, `{"total_tickets":9}`).want(http.StatusOK))
		if e.Available != 3 {
			t.Errorf("available %d, want 3", e.Available)
		}
	})
	t.Run("currency is fixed", func(t *testing.T) {
		b.do("PUT", at, `{"currency":"EUR"}`).refused(http.StatusConflict, "currency_fixed")
	})
	t.Run("deleting", func(t *testing.T) {
		b.do("DELETE", at, "").refused(http.StatusConflict, "event_has_live_bookings")
		b.do("DELETE", usersPath+"/"+user.ID, "").refused(http.StatusConflict, "user_has_live_bookings")
	})
	t.Run("statistics and audit", func(t *testing.T) {
		b.do("GET", at+"/statistics", "").want(http.StatusOK).golden("event_statistics")
		b.do("GET", at+"/audit", "").want(http.StatusOK).golden("event_audit")
	})
	t.Run("begun", func(t *testing.T) {
		b.do("PUT", at, `{"date_time":"2026-04-01T00:00:00Z"}`).refused(http.StatusConflict, "date_in_past")
		b.do("PUT", at, `{"date_time":"2026-05-01T13:00:00Z"}`).want(http.StatusOK)
		b.clock.Advance(time.Hour)
		b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1)).refused(http.StatusConflict, "event_started")
		b.do("PUT", at, `{"sales_end":"2026-06-01T00:00:00Z"}`).want(http.StatusOK)
		b.book(event.ID, user.ID, 1)
	})
	t.Run("cancelled", func(t *testing.T) {
		a := read[eventJSON](b.do("POST", at+"/cancel", "").want(http.StatusAccepted))
		if a.CancelledAt == nil || a.LiveBookings != 3 {
			t.Errorf("got %+v", a)
		}
		b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1)).refused(http.StatusConflict, "event_cancelled")
		b.do("POST", at+"/cancel", "").want(http.StatusAccepted)
	})
}

// Case 70.
func TestEvents_statistics_without_bookings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := eventsPath + "/" + b.event(10).ID
	b.do("GET", at+"/statistics", "").want(http.StatusOK).golden("event_statistics_empty")
	b.do("GET", at+"/audit", "").want(http.StatusOK)
	unknown := eventsPath + "/0190a000-0000-7000-8000-000000000000"
	b.do("GET", unknown+"/statistics", "").refused(http.StatusNotFound, "event_not_found")
	b.do("GET", unknown+"/audit", "").refused(http.StatusNotFound, "event_not_found")
	b.do("POST", unknown+"/cancel", "").refused(http.StatusNotFound, "event_not_found")
	b.do("DELETE", unknown, "").refused(http.StatusNotFound, "event_not_found")
}

// Case 73: walking the pages meets every event once, though others come in between.
func TestEvents_list(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const many = 7
	for i := range many {
		body := fmt.Sprintf(`{"name":"Show %d","date_time":"2026-12-%02dT20:00:00Z","total_tickets":10,"ticket_price":1}`, i, 1+i/2)
		b.do("POST", eventsPath, body).want(http.StatusCreated)
	}
	var names []string
	next := eventsPath + "?limit=2&from=2026-11-30T00:00:00Z"
	for pages := 0; next != ""; pages++ {
		a := b.do("GET", next, "").want(http.StatusOK)
		for _, e := range read[[]eventJSON](a) {
			names = append(names, e.Name)
		}
		if pages == 0 {
			a.golden("event_list_page")
			b.do("POST", eventsPath, `{"name":"Before","date_time":"2026-11-30T20:00:00Z","total_tickets":10,"ticket_price":1}`).want(http.StatusCreated)
		}
		next = nextPage(a)
		if pages > many {
			t.Fatal("the pages have no end")
		}
	}
	if len(names) != many || names[0] != "Show 0" && names[0] != "Show 1" {
		t.Errorf("walked over %v", names)
	}
	t.Run("filters", func(t *testing.T) {
		for query, want := range map[string]int{
			"q=show+3": 1, "q=SHOW": 7, "q=nothing": 0, "from=2026-12-02T00:00:00Z&to=2026-12-03T00:00:00Z": 2,
			"to=2026-12-01T00:00:00Z": 1, "limit=500": 8, "from=2026-12-02T01:00:00%2B01:00&q=show": 5, "q=%25": 0, "q=_": 0,
		} {
			if got := len(read[[]eventJSON](b.do("GET", eventsPath+"?"+query, "").want(http.StatusOK))); got != want {
				t.Errorf("%s: %d events, want %d", query, got, want)
			}
		}
	})
	t.Run("bad parameters", func(t *testing.T) {
		for query, place := range map[string]string{
			"limit=0": "query.limit", "limit=501": "query.limit", "limit=x": "query.limit", "limit=-1": "query.limit",
			"from=yesterday": "query.from", "to=2026-12-01": "query.to", "page=2": "query.page", "Limit=5": "query.Limit",
			"q=" + strings.Repeat("x", 256): "query.q", "q=%00": "query.q", "q=%ff": "query.q",
		} {
			b.do("GET", eventsPath+"?"+query, "").refused(http.StatusBadRequest, "invalid_request").at(t, place)
		}
	})
	t.Run("cursors", func(t *testing.T) {
		cursor := mustQuery(t, nextPage(b.do("GET", eventsPath+"?limit=1", ""))).Get("cursor")
		b.do("GET", eventsPath+"?limit=3&cursor="+cursor, "").want(http.StatusOK)
		foreign := mustQuery(t, nextPage(b.do("GET", eventsPath+"?limit=1&q=show", ""))).Get("cursor")
		for _, bad := range []string{foreign, "B" + cursor[1:], cursor + "A", cursor[:8], "x", "%00"} {
			b.do("GET", eventsPath+"?cursor="+bad, "").refused(http.StatusBadRequest, "invalid_cursor")
		}
		b.do("GET", usersPath+"?cursor="+cursor, "").refused(http.StatusBadRequest, "invalid_cursor")
	})
}

// nextPage returns the address in the Link header; empty at the end.
func nextPage(a *answer) string {
	link, ok := strings.CutSuffix(a.header.Get("Link"), `>; rel="next"`)
	if !ok {
		return ""
	}
	return strings.TrimPrefix(link, "<")
}

func mustQuery(tb testing.TB, address string) url.Values {
	tb.Helper()
	u, err := url.Parse(address)
	if err != nil || address == "" {
		tb.Fatalf("no address %q: %v", address, err)
	}
	return u.Query()
}

func TestEvents_time_of_list_is_the_stores(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.do("POST", eventsPath, fmt.Sprintf(eventText, 5)).want(http.StatusCreated)
	var e struct {
		CreatedAt time.Time `json:"created_at"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil || !e.CreatedAt.Equal(today) {
		t.Errorf("created_at %v, %v", e.CreatedAt, err)
	}
}
