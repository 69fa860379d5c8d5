package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/sale"
	"quantix/internal/services"
)

func TestBookings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(10), b.user("john@example.com")
	created := b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 2))
	created.want(http.StatusCreated).golden("booking_create")
	booking, at := read[bookingJSON](created), created.header.Get("Location")
	b.do("GET", at, "").want(http.StatusOK).golden("booking_get_pending")
	b.do("GET", at+"/payments", "").want(http.StatusOK).golden("booking_payments_none")
	b.pay(booking, models.OutcomeSucceeded)
	b.do("GET", at, "").want(http.StatusOK).golden("booking_get_paid")
	b.do("PUT", at+"/cancel", "").want(http.StatusOK).golden("booking_cancel")
	b.do("GET", at+"/payments", "").want(http.StatusOK).golden("booking_payments")
	b.do("PUT", at+"/cancel", "").golden("booking_cancel_again")
	b.do("PUT", at+"/cancel", "").refused(http.StatusConflict, "already_cancelled")
	b.book(event.ID, user.ID, 1)
	b.do("GET", bookingsPath+"/user/"+user.ID, "").want(http.StatusOK).golden("booking_list")
}

func TestBookings_refused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(5), b.user("john@example.com")
	unknown := "0190a000-0000-7000-8000-000000000000"
	b.do("POST", bookingsPath, b.bookText(unknown, user.ID, 1)).refused(http.StatusNotFound, "event_not_found")
	b.do("POST", bookingsPath, b.bookText(event.ID, unknown, 1)).refused(http.StatusNotFound, "user_not_found")
	few := b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 6))
	few.golden("booking_create_insufficient_tickets")
	if p := few.refused(http.StatusConflict, "insufficient_tickets"); p.Available == nil || *p.Available != 5 {
		t.Errorf("available: %v", p.Available)
	}
	booking := b.book(event.ID, user.ID, 5)
	out := b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1))
	out.golden("booking_create_sold_out")
	if p := out.refused(http.StatusConflict, "sold_out"); p.Available == nil || *p.Available != 0 {
		t.Errorf("available: %v", p.Available)
	}
	for _, path := range []string{"/" + unknown, "/" + unknown + "/payments"} {
		b.do("GET", bookingsPath+path, "").refused(http.StatusNotFound, "booking_not_found")
	}
	b.do("PUT", bookingsPath+"/"+unknown+"/cancel", "").refused(http.StatusNotFound, "booking_not_found")
	b.do("GET", bookingsPath+"/user/"+unknown, "").refused(http.StatusNotFound, "user_not_found")
	b.clock.Set(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	b.do("PUT", bookingsPath+"/"+booking.ID+"/cancel", "").refused(http.StatusConflict, "event_over")
}

// Who holds all that one user may is told how many that is, and what to do.
func TestBookings_beyond_what_a_user_may_hold(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.office = boxoffice.New(b.store, boxoffice.Options{Rules: sale.Rules{MaxLivePerUser: 4}})
	t.Cleanup(func() { _ = b.office.Close(context.Background()) })
	bookings := services.NewBookings(b.store, b.office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith})
	b.server = newTestServer(t, Deps{
		Events: services.NewEvents(b.store, b.office), Users: services.NewUsers(b.store), Bookings: bookings,
	})
	event, user := b.event(10), b.user("john@example.com")
	b.book(event.ID, user.ID, 3)
	refused := b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 2))
	refused.golden("booking_create_user_limit_reached")
	p := refused.refused(http.StatusConflict, "user_limit_reached")
	if *p.Limit != 4 || *p.Live != 3 || *p.Available != 1 {
		t.Errorf("%d of %d, and %d more", *p.Live, *p.Limit, *p.Available)
	}
	b.book(event.ID, user.ID, 1)
}

// Cases 5 and 25: nothing of these changes anything.
func TestBookings_bad_input(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(5), b.user("john@example.com")
	good := map[string]string{"user_id": `"` + user.ID + `"`, "event_id": `"` + event.ID + `"`, "quantity": `1`}
	for _, c := range []struct{ field, value string }{
		{"quantity", `-5`}, {"quantity", `0`}, {"quantity", `2147483648`}, {"quantity", `1000000000`}, {"quantity", `1e9`},
		{"quantity", `"3"`}, {"quantity", `1.5`}, {"quantity", `1e-1`}, {"quantity", `null`}, {"quantity", ``},
		{"quantity", `true`}, {"quantity", `[1]`}, {"quantity", `{}`}, {"quantity", `101`}, {"quantity", `9223372036854775808`},
		{"quantity", `-0`},
		{"user_id", `null`}, {"user_id", ``}, {"user_id", `"x"`}, {"user_id", `7`}, {"user_id", `""`},
		{"user_id", `"urn:uuid:0190a000-0000-7000-8000-000000000000"`}, {"event_id", `"{0190a000-0000-7000-8000-000000000000}"`},
		{"event_id", `null`}, {"event_id", ``}, {"event_id", `"0190a00000007000800000000000000"`},
		{"payment_method", `"card"`}, {"payment_method", `null`}, {"payment_method", `1`},
		{"status", `"CONFIRMED"`}, {"total_amount", `0`}, {"unit_price", `0.01`}, {"expires_at", `"2030-01-01T00:00:00Z"`},
		{"payment_deadline", `"2030-01-01T00:00:00Z"`}, {"id", `"0190a000-0000-7000-8000-000000000000"`}, {"Quantity", `2`},
	} {
		p := b.do("POST", bookingsPath, object(good, c.field, c.value)).refused(http.StatusBadRequest, "invalid_request")
		p.at(t, "body."+c.field)
	}
	all := b.do("POST", bookingsPath, `{"quantity":1.5,"colour":"red"}`)
	all.golden("booking_create_invalid")
	e := read[eventJSON](b.do("GET", eventsPath+"/"+event.ID, ""))
	if list := read[[]bookingJSON](b.do("GET", bookingsPath+"/user/"+user.ID, "")); e.Available != 5 || len(list) != 0 {
		t.Errorf("a refused booking left %v, available %d", list, e.Available)
	}
	b.do("POST", bookingsPath+"?dry_run=1", object(good, "", "")).refused(http.StatusBadRequest, "invalid_request").at(t, "query.dry_run")
}

// Case 6: the product is exact, as far as money goes.
func TestBookings_amounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user("john@example.com")
	for _, c := range []struct {
		price    string
		quantity int
		total    string
	}{{"0.1", 3, "0.30"}, {"19.99", 7, "139.93"}, {"0", 2, "0.00"}, {"99999999999.99", 9, "899999999999.91"}} {
		body := fmt.Sprintf(`{"name":"x","date_time":"2026-12-31T20:00:00Z","total_tickets":100,"ticket_price":%s}`, c.price)
		event := read[eventJSON](b.do("POST", eventsPath, body).want(http.StatusCreated))
		if got := b.book(event.ID, user.ID, c.quantity).TotalAmount; got.String() != c.total {
			t.Errorf("%d × %s = %s, want %s", c.quantity, c.price, got, c.total)
		}
	}
}

// Cases 41, 43, 44, 47.
func TestBookings_idempotency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user, other := b.event(2), b.user("john@example.com"), b.user("jane@example.com")
	text := b.bookText(event.ID, user.ID, 2)
	first := b.do("POST", bookingsPath, text, keyHeader, "k 1").want(http.StatusCreated)
	booking := read[bookingJSON](first)
	if first.header.Get(replayedHeader) != "" {
		t.Error("the first answer says that it is a replay")
	}
	t.Run("again, though sold out", func(t *testing.T) {
		again := b.do("POST", bookingsPath, text, keyHeader, "k 1").want(http.StatusCreated)
		again.golden("booking_create_replayed")
		if string(again.body) != string(first.body) || again.header.Get("Location") != first.header.Get("Location") {
			t.Errorf("first %s\nagain %s", first.body, again.body)
		}
	})
	t.Run("another request", func(t *testing.T) {
		b.do("POST", bookingsPath, b.bookText(event.ID, user.ID, 1), keyHeader, "k 1").
			refused(http.StatusUnprocessableEntity, "idempotency_key_reused")
	})
	t.Run("another user", func(t *testing.T) {
		b.do("POST", bookingsPath, b.bookText(event.ID, other.ID, 2), keyHeader, "k 1").refused(http.StatusConflict, "sold_out")
	})
	t.Run("after the booking has ended", func(t *testing.T) {
		b.do("PUT", bookingsPath+"/"+booking.ID+"/cancel", "").want(http.StatusOK)
		again := b.do("POST", bookingsPath, text, keyHeader, "k 1").want(http.StatusCreated)
		if string(again.body) != string(first.body) || again.header.Get(replayedHeader) != "true" {
			t.Errorf("first %s\nagain %s", first.body, again.body)
		}
	})
	t.Run("bad keys", func(t *testing.T) {
		for _, key := range []string{"", strings.Repeat("k", 256), "é", "a\x7f"} {
			b.do("POST", bookingsPath, text, keyHeader, key).refused(http.StatusBadRequest, "invalid_request").at(t, "header."+keyHeader)
		}
		b.do("POST", bookingsPath, text, keyHeader, "a", keyHeader, "b").refused(http.StatusBadRequest, "invalid_request")
	})
}

func TestBookings_list(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(50), b.user("john@example.com")
	var want []string
	for range 5 {
		want = append([]string{b.book(event.ID, user.ID, 1).ID}, want...)
	}
	base := bookingsPath + "/user/" + user.ID
	b.do("PUT", bookingsPath+"/"+want[0]+"/cancel", "").want(http.StatusOK)
	var got []string
	for next := base + "?limit=2&status=PENDING"; next != ""; {
		a := b.do("GET", next, "").want(http.StatusOK)
		for _, booking := range read[[]bookingJSON](a) {
			got = append(got, booking.ID)
		}
		next = nextPage(a)
	}
	if fmt.Sprint(got) != fmt.Sprint(want[1:]) {
		t.Errorf("got %v, want %v", got, want[1:])
	}
	b.do("GET", base+"?status=pending", "").refused(http.StatusBadRequest, "invalid_request").at(t, "query.status")
	b.do("GET", base+"?status=PAID", "").refused(http.StatusBadRequest, "invalid_request").at(t, "query.status")
	b.do("GET", bookingsPath+"/user/x", "").refused(http.StatusBadRequest, "invalid_request").at(t, "path.user_id")
	b.do("GET", bookingsPath+"/user", "").refused(http.StatusBadRequest, "invalid_request").at(t, "path.id")
	cursor := mustQuery(t, nextPage(b.do("GET", base+"?limit=1", ""))).Get("cursor")
	other := b.user("jane@example.com")
	b.do("GET", bookingsPath+"/user/"+other.ID+"?cursor="+cursor, "").refused(http.StatusBadRequest, "invalid_cursor")
	if body := string(b.do("GET", bookingsPath+"/user/"+other.ID, "").body); strings.TrimSpace(body) != "[]" {
		t.Errorf("no bookings are %s", body)
	}
}

// The fast writer must write what the documented type would be.
func TestAppendBooking(t *testing.T) {
	t.Parallel()
	booking := models.Booking{
		ID: models.NewID[models.BookingID](), UserID: models.NewID[models.UserID](), EventID: models.NewID[models.EventID](),
		Quantity: 3, Status: models.StatusPending, UnitPrice: models.Money{Minor: 7550, Currency: "USD"},
		TotalAmount: models.Money{Minor: 22650, Currency: "USD"}, PaymentDeadline: today.Add(15 * time.Minute),
		CreatedAt: today.Add(123456 * time.Microsecond).In(time.FixedZone("", 3600)), UpdatedAt: today,
	}
	for _, reason := range []models.CancelReason{"", models.ReasonExpired} {
		booking.CancelReason = reason
		want, err := json.Marshal(toBooking(booking))
		if got := appendBooking(nil, &booking); err != nil || string(got) != string(want)+"\n" {
			t.Errorf("got  %s\nwant %s, %v", got, want, err)
		}
	}
}
