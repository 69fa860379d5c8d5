package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// An empty parameter is what an unset shell variable sends; taken as not sent, it would list everything.
func TestQueries_empty_or_repeated_are_refused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user("john@example.com")
	lists := map[string][]string{
		eventsPath: {"from", "to", "q", "limit", "cursor"}, usersPath: {"limit", "cursor", "email"}, lettersPath: {"limit", "cursor"},
		bookingsPath + "/user/" + user.ID: {"status", "limit", "cursor"},
	}
	for path, names := range lists {
		for _, name := range names {
			for _, query := range []string{name + "=", name, name + "=1&" + name + "=x", name + "=&" + name + "=1"} {
				b.do("GET", path+"?"+query, "").refused(http.StatusBadRequest, "invalid_request").at(t, "query."+name)
			}
		}
		p := b.do("GET", path+"?limit=&nonsense=1&cursor=a&cursor=b", "").refused(http.StatusBadRequest, "invalid_request")
		p.at(t, "query.limit")
		p.at(t, "query.nonsense")
		p.at(t, "query.cursor")
		b.do("GET", path+"?limit=1;x=2", "").refused(http.StatusBadRequest, "invalid_request")
		b.do("GET", path+"?limit=%zz", "").refused(http.StatusBadRequest, "invalid_request")
	}
}

// Whoever makes requests of the document must learn of it, too.
func TestDocument_tells_what_texts_in_queries_may_not_be(t *testing.T) {
	t.Parallel()
	type text struct {
		Type, Format, Pattern string
		MinLength             int
		Enum                  []string
		AnyOf                 []text
	}
	document, _ := document()
	var d struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Schema   text
			}
		}
	}
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for path, methods := range d.Paths {
		for method, o := range methods {
			for _, p := range o.Parameters {
				for _, s := range append(p.Schema.AnyOf, p.Schema) {
					if p.In != "query" || s.Type != "string" || s.Format != "" || s.Enum != nil {
						continue
					}
					seen++
					if s.MinLength < 1 && (s.Pattern == "" || regexp.MustCompile(s.Pattern).MatchString("")) {
						t.Errorf("%s %s: %s may be empty", method, path, p.Name)
					}
					if p.Schema.AnyOf == nil && (s.Pattern == "" || regexp.MustCompile(s.Pattern).MatchString("a\x16")) {
						t.Errorf("%s %s: %s may hold control characters", method, path, p.Name)
					}
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no parameter was looked at")
	}
}

// The zero time means "none" inside: it must not slip through as that.
func TestTimes_that_are_none_are_refused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(5)
	for _, at := range []string{"0001-01-01T00:00:00Z", "0001-01-01T00:00:01Z", "1899-12-31T23:59:59Z", "2035-12-31T20:00:00+24:00", "2035-12-31T20:00:00-24:00", "2035-12-31T20:00:00+01:60", "2035-12-31T20:00:00+1:00", "0000-12-31T23:00:00-01:00"} {
		for _, name := range []string{"from", "to"} {
			b.do("GET", eventsPath+"?"+name+"="+url.QueryEscape(at), "").refused(http.StatusBadRequest, "invalid_request").at(t, "query."+name)
		}
		for _, name := range []string{"date_time", "sales_end"} {
			body := map[string]string{"name": `"Concert"`, "date_time": `"2026-12-31T20:00:00Z"`, "total_tickets": `10`, "ticket_price": `75.50`}
			b.do("POST", eventsPath, object(body, name, `"`+at+`"`)).refused(http.StatusBadRequest, "invalid_request").at(t, "body."+name)
			b.do("PUT", eventsPath+"/"+event.ID, fmt.Sprintf(`{%q:%q}`, name, at)).refused(http.StatusBadRequest, "invalid_request").at(t, "body."+name)
		}
	}
	b.do("GET", eventsPath+"?from=1900-01-01T00:00:00Z&to=9999-12-31T23:59:59%2B23:59", "").want(http.StatusOK)
}

// A client that leaves out what is null can name the field instead.
func TestEvents_sales_end_is_cleared_by_name(t *testing.T) {
	t.Parallel()
	b := setup(t)
	at := eventsPath + "/" + b.event(5).ID
	end := func(body string) *string {
		t.Helper()
		return read[eventJSON](b.do("PUT", at, body).want(http.StatusOK)).SalesEnd
	}
	if got := end(`{"sales_end":"2026-12-31T18:00:00Z"}`); got == nil {
		t.Fatal("sales_end was not set")
	}
	if got := end(`{"name":"Concert","clear":[]}`); got == nil {
		t.Error("an empty list cleared sales_end")
	}
	if got := end(`{"clear":["sales_end"]}`); got != nil {
		t.Errorf("sales_end is still %s", *got)
	}
	if got := end(`{"clear":["sales_end"],"sales_end":null}`); got != nil {
		t.Errorf("sales_end is %s", *got)
	}
	for _, body := range []string{
		`{"clear":["sales_end"],"sales_end":"2026-12-31T18:00:00Z"}`, `{"clear":["name"]}`, `{"clear":"sales_end"}`, `{"clear":[1]}`,
		`{"clear":null}`, `{"clear":["sales_end","x"]}`, `{"clear":{}}`,
	} {
		b.do("PUT", at, body).refused(http.StatusBadRequest, "invalid_request").at(t, "body.clear")
	}
	b.do("POST", eventsPath, `{"name":"x","date_time":"2026-12-31T20:00:00Z","total_tickets":1,"ticket_price":1,"clear":["sales_end"]}`).
		refused(http.StatusBadRequest, "invalid_request").at(t, "body.clear")
}

// To JSON Schema and to Python's clients 1.0 and 1e3 are whole numbers.
func TestWhole_numbers_in_every_form(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for text, want := range map[string]int64{"1000": 1000, "1e3": 1000, "1000.0": 1000, "10.00e2": 1000, "1E+3": 1000} {
		body := `{"name":"x","date_time":"2026-12-31T20:00:00Z","ticket_price":"0e99","total_tickets":` + text + `}`
		if e := read[eventJSON](b.do("POST", eventsPath, body).want(http.StatusCreated)); e.TotalTickets != want || e.TicketPrice.String() != "0.00" {
			t.Errorf("%s was read as %d", text, e.TotalTickets)
		}
	}
}

// Common parsers give up on a Link header of 2,000 characters.
func TestLink_stays_short(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, text := range []string{strings.Repeat("%", 255), strings.Repeat("é", 225), strings.Repeat("演", 150), strings.Repeat("🎫", 112)} {
		for range 2 {
			body := fmt.Sprintf(`{"name":"x","description":%q,"date_time":"2026-12-31T20:00:00Z","total_tickets":1,"ticket_price":1}`, text)
			b.do("POST", eventsPath, body).want(http.StatusCreated)
		}
		query := "?limit=1&from=2026-12-31T00:00:00.123456%2B01:00&to=2027-12-31T00:00:00.123456%2B01:00&q=" + url.QueryEscape(text)
		link := b.do("GET", eventsPath+query, "").want(http.StatusOK).header.Get("Link")
		if len(link) == 0 || len(link) >= 2000 {
			t.Errorf("the link has %d characters for q=%s", len(link), text)
		}
		next, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		b.do("GET", next, "").want(http.StatusOK)
		b.do("GET", eventsPath+"?q="+url.QueryEscape(strings.Repeat("🎫", 113)), "").refused(http.StatusBadRequest, "invalid_request").at(t, "query.q")
	}
}
