package handlers

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"quantix/internal/models"
)

// No body makes a decoder panic, or gives an error that is not the client's.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"user_id":"0190a000-0000-7000-8000-000000000000","event_id":"0190a000-0000-7000-8000-000000000000","quantity":2}`))
	f.Add([]byte(`{"name":"x","date_time":"2026-12-31T20:00:00Z","total_tickets":5,"ticket_price":"75.50","sales_end":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, into := range []interface{ read(*form) }{&bookingCreate{}, &eventCreate{}, &eventUpdate{}, &userCreate{}, &userUpdate{}} {
			err := decode(data, into)
			if err != nil && !errors.Is(err, errMalformedJSON) && !errors.Is(err, models.ErrInvalid) {
				t.Errorf("%T: %v", into, err)
			}
			if err != nil {
				known, _ := errors.AsType[*models.Error](err)
				if _, err := (&Problem{err: known}).append(nil); err != nil {
					t.Errorf("%T: the problem cannot be written: %v", into, err)
				}
			}
		}
	})
}

// A price that is accepted is answered as the same amount.
func FuzzPrice(f *testing.F) {
	for _, text := range []string{"75.50", "0", "1e3", "0.1", "-1", "99999999999999999999", "7.55e1", "1e-2", `"5"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, currency := range []models.Currency{"USD", "JPY", "KWD"} {
			money, err := models.ParseMoney(text, currency)
			if err != nil {
				continue
			}
			answer, err := amount{money}.MarshalJSON()
			if err != nil || !json.Valid(answer) {
				t.Fatalf("%q %s became %s, %v", text, currency, answer, err)
			}
			if again, err := models.ParseMoney(string(answer), currency); err != nil || again != money {
				t.Errorf("%q %s: %s is read as %v, %v; want %v", text, currency, answer, again, err, money)
			}
		}
	})
}

func TestCursor(t *testing.T) {
	t.Parallel()
	l := list{path: eventsPath, filters: url.Values{"q": {"x"}}}
	for _, p := range []models.Position{
		{}, {ID: models.NewID[models.EventID]()}, {Time: today.Add(time.Microsecond), ID: models.NewID[models.EventID]()},
		{Time: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}, {Time: time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)},
	} {
		got, err := l.decode(l.encode(p))
		if err != nil || *got != p {
			t.Errorf("%v came back as %v, %v", p, got, err)
		}
		for _, other := range []list{{path: usersPath, filters: l.filters}, {path: eventsPath}, {path: eventsPath, filters: url.Values{"q": {"y"}}}} {
			if _, err := other.decode(l.encode(p)); !errors.Is(err, models.ErrInvalidCursor) {
				t.Errorf("%v was accepted elsewhere: %v", p, err)
			}
		}
	}
}

// A cursor has one form, and no other text is one.
// The hash is no secret: a forged position must not reach a database that cannot hold it.
func TestCursor_of_an_impossible_time(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l := list{path: eventsPath}
	for _, at := range []int64{math.MinInt64, math.MaxInt64, time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC).UnixMicro(), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()} {
		forged := l.encode(models.Position{Time: time.UnixMicro(at), ID: models.NewID[models.EventID]()})
		b.do("GET", eventsPath+"?cursor="+forged, "").refused(http.StatusBadRequest, "invalid_cursor")
	}
	for _, at := range []time.Time{{}, time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)} {
		b.do("GET", eventsPath+"?cursor="+l.encode(models.Position{Time: at}), "").want(http.StatusOK)
	}
}

func FuzzCursor(f *testing.F) {
	l := list{path: usersPath}
	f.Add(l.encode(models.Position{ID: models.NewID[models.UserID]()}))
	f.Add("AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		position, err := l.decode(text)
		if err != nil || position == nil {
			return
		}
		if again := l.encode(*position); again != text {
			t.Errorf("%q and %q are the same cursor", text, again)
		}
	})
}

// If-Match: what is accepted is only what our own tags or well-formed foreign ones are.
func FuzzIfMatch(f *testing.F) {
	for _, text := range []string{`*`, `"1"`, `"1", W/"2","x"`, `W/"`, `""`, `,`, `"1`, `"1" "2"`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseIfMatch(text)
		if err != nil {
			return
		}
		for _, version := range c.versions {
			if !strings.Contains(text, etag(version)) {
				t.Errorf("%q names no %d", text, version)
			}
		}
		if !c.set && strings.Trim(text, " \t") != "*" {
			t.Errorf("%q was taken for *", text)
		}
	})
}
