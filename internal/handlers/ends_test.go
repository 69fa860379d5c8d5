package handlers

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"quantix/internal/models"
)

// Who sends a header that promises something counts on it: it is honoured or refused, on every operation that changes
// something, and before anything has changed.
func TestHeaders_that_are_not_honoured_are_refused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	booking := b.book(event.ID, user.ID, 1)
	at, of := eventsPath+"/"+event.ID, usersPath+"/"+user.ID
	for _, r := range []struct{ method, path, body string }{
		{"POST", eventsPath, fmt.Sprintf(eventText, 5)}, {"PUT", at, `{"name":"Other"}`}, {"DELETE", at, ""}, {"POST", at + "/cancel", ""},
		{"POST", usersPath, `{"name":"Jane","email":"jane@example.com"}`}, {"PUT", of, `{"name":"Jane"}`}, {"DELETE", of, ""},
		{"PUT", bookingsPath + "/" + booking.ID + "/cancel", ""},
		{"POST", lettersPath + "/" + booking.ID + "/retry", ""}, {"DELETE", lettersPath + "/" + booking.ID, ""},
	} {
		b.do(r.method, r.path, r.body, keyHeader, "k").refused(http.StatusBadRequest, "header_not_honoured").at(t, "header."+keyHeader)
		b.do(r.method, r.path, r.body, keyHeader, "").refused(http.StatusBadRequest, "header_not_honoured")
		b.do(r.method, r.path, r.body, "If-None-Match", "*").refused(http.StatusBadRequest, "header_not_honoured").at(t, "header.If-None-Match")
	}
	for _, path := range []string{eventsPath, usersPath, at + "/cancel", bookingsPath} {
		b.do("POST", path, b.bookText(event.ID, user.ID, 1), "If-Match", `"1"`).refused(http.StatusBadRequest, "header_not_honoured").at(t, "header.If-Match")
	}
	b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1), "If-None-Match", "*", keyHeader, "k").refused(http.StatusBadRequest, "header_not_honoured")
	got := read[eventJSON](b.do("GET", at, "", keyHeader, "k").want(http.StatusOK))
	if got.Name != event.Name || got.Available != 9 || got.CancelledAt != nil {
		t.Errorf("a refused request has changed the event: %+v", got)
	}
	if list := read[[]userJSON](b.do("GET", usersPath, "")); len(list) != 1 || list[0].Name != user.Name {
		t.Errorf("a refused request has changed the users: %+v", list)
	}
	b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1), keyHeader, "k").want(http.StatusCreated)
	b.do("PUT", at, `{"name":"Other"}`, "If-Match", `"1"`).want(http.StatusOK)
}

// An owner whose address is taken finds who has it.
func TestUsers_are_found_by_email(t *testing.T) {
	t.Parallel()
	b := setup(t)
	john := b.user("John@Example.com")
	b.user("jane@example.com")
	b.do("POST", usersPath, `{"name":"J","email":"john@example.com"}`).refused(http.StatusConflict, "email_taken")
	for email, want := range map[string]int{"john@example.com": 1, "JOHN%40EXAMPLE.COM": 1, "john": 0, "%25": 0, "nobody@example.com": 0} {
		found := read[[]userJSON](b.do("GET", usersPath+"?email="+email, "").want(http.StatusOK))
		if len(found) != want || want == 1 && found[0] != john {
			t.Errorf("%s: %+v", email, found)
		}
	}
	b.do("GET", usersPath+"?email=%00", "").refused(http.StatusBadRequest, "invalid_request").at(t, "query.email")
	b.do("GET", usersPath+"?email="+"john@example.com", "").golden("user_by_email")
}

func TestEvents_by_state(t *testing.T) {
	t.Parallel()
	b := setup(t)
	on, off := b.event(10), b.event(10)
	past := read[eventJSON](b.do("POST", eventsPath, `{"name":"Past","date_time":"2026-04-01T20:00:00Z","total_tickets":5,"ticket_price":1}`))
	cancelled := read[eventJSON](b.do("POST", eventsPath+"/"+off.ID+"/cancel", "").want(http.StatusAccepted))
	if cancelled.Available != 0 {
		t.Errorf("a cancelled event offers %d tickets", cancelled.Available)
	}
	for state, want := range map[string]string{"on_sale": on.ID, "cancelled": off.ID, "closed": past.ID} {
		list := read[[]eventJSON](b.do("GET", eventsPath+"?state="+state, "").want(http.StatusOK))
		if len(list) != 1 || list[0].ID != want || state == "cancelled" && list[0].Available != 0 {
			t.Errorf("%s: %+v", state, list)
		}
	}
	b.do("GET", eventsPath+"?state=sold_out", "").refused(http.StatusBadRequest, "invalid_request").at(t, "query.state")
	first := b.do("GET", eventsPath+"?limit=1", "").want(http.StatusOK)
	b.do("GET", nextPage(first)+"&state=on_sale", "").refused(http.StatusBadRequest, "invalid_cursor")
}

func TestEvents_time_zone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.do("POST", eventsPath, `{"name":"Concert","date_time":"2026-12-31T20:00:00+01:00","time_zone":"Europe/Berlin","total_tickets":5,"ticket_price":1}`).want(http.StatusCreated)
	made.golden("event_time_zone")
	at := made.header.Get("Location")
	zone := func(a *answer) *string {
		return read[struct {
			TimeZone *string `json:"time_zone"`
		}](a.want(http.StatusOK)).TimeZone
	}
	if got := zone(b.do("PUT", at, `{"name":"Other"}`)); got == nil || *got != "Europe/Berlin" {
		t.Errorf("after another change it is %v", got)
	}
	b.do("PUT", at, `{"time_zone":"Mars/Olympus"}`).refused(http.StatusBadRequest, "invalid_request").at(t, "body.time_zone")
	b.do("PUT", at, `{"time_zone":7}`).refused(http.StatusBadRequest, "invalid_request").at(t, "body.time_zone")
	for _, none := range []string{`null`, `""`} {
		b.do("PUT", at, `{"time_zone":"Asia/Tokyo"}`).want(http.StatusOK)
		if got := zone(b.do("PUT", at, `{"time_zone":`+none+`}`)); got != nil {
			t.Errorf("%s left %s", none, *got)
		}
	}
}

// What the audit can still be asked about, its figures and bookings can, too.
func TestDeleted_events_and_erased_users_stay_readable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	at, of := eventsPath+"/"+event.ID, usersPath+"/"+user.ID
	booking := b.book(event.ID, user.ID, 2)
	b.do("PUT", bookingsPath+"/"+booking.ID+"/cancel", "").want(http.StatusOK)
	b.do("DELETE", at, "").want(http.StatusNoContent)
	b.do("DELETE", of, "").want(http.StatusNoContent)
	b.do("GET", at, "").refused(http.StatusNotFound, "event_not_found")
	b.do("GET", of, "").refused(http.StatusNotFound, "user_not_found")
	b.do("GET", at+"/audit", "").want(http.StatusOK)
	b.do("GET", at+"/statistics", "").want(http.StatusOK).golden("event_statistics_deleted")
	b.do("GET", bookingsPath+"/user/"+user.ID, "").want(http.StatusOK).golden("booking_list_erased")
	unknown := models.NewID[models.EventID]().String()
	b.do("GET", eventsPath+"/"+unknown+"/statistics", "").refused(http.StatusNotFound, "event_not_found")
	b.do("GET", bookingsPath+"/user/"+unknown, "").refused(http.StatusNotFound, "user_not_found")
}

// A show that was called off at its start, over HTTP.
func TestEvents_called_off_at_their_start(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	at := eventsPath + "/" + event.ID
	booking := b.book(event.ID, user.ID, 2)
	b.pay(booking, models.OutcomeSucceeded)
	b.do("PUT", at, `{"date_time":"2025-12-31T20:00:00Z"}`).refused(http.StatusConflict, "date_in_past")
	b.clock.Advance(time.Date(2026, 12, 31, 20, 0, 0, 0, time.UTC).Sub(today))
	b.do("PUT", bookingsPath+"/"+booking.ID+"/cancel", "").refused(http.StatusConflict, "event_over")
	b.do("DELETE", at, "").refused(http.StatusConflict, "event_has_refundable_bookings")
	b.do("DELETE", usersPath+"/"+user.ID, "").refused(http.StatusConflict, "user_has_live_bookings")
	if got := read[eventJSON](b.do("POST", at+"/cancel", "").want(http.StatusAccepted)); got.LiveBookings != 1 {
		t.Errorf("the cancelled event is %+v", got)
	}
	other := b.event(10)
	b.clock.Advance(models.DefaultRefundWindow)
	b.do("POST", eventsPath+"/"+other.ID+"/cancel", "").refused(http.StatusConflict, "event_over")
}

func TestLetters_of_strays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ref := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	stray := models.Stray{ChargeKey: models.FirstCharge(ref), Gateway: "stripe", Result: models.Result{
		Outcome: models.OutcomeSucceeded, ProviderReference: "pi_1", Amount: models.Money{Minor: 7550, Currency: "EUR"},
	}}
	if err := b.store.KeepStrays(t.Context(), []models.Stray{stray}, time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := b.store.StrayLetter(t.Context(), stray); err != nil {
		t.Fatal(err)
	}
	listed := b.do("GET", lettersPath, "").want(http.StatusOK)
	letter := read[[]struct {
		letterJSON
		Amount   float64
		Currency string
		Payload  string
	}](listed)[0]
	if letter.Kind != "stray" || letter.Amount != 75.5 || letter.Currency != "EUR" || letter.Payload != "pi_1" || *letter.BookingID != ref.Booking.String() {
		t.Errorf("the letter is %+v", letter)
	}
	at := lettersPath + "/" + letter.ID
	b.do("POST", at+"/retry", "").refused(http.StatusConflict, "not_retryable")
	b.do("DELETE", at, "").want(http.StatusNoContent)
	b.do("DELETE", at, "").refused(http.StatusNotFound, "dead_letter_not_found")
}
