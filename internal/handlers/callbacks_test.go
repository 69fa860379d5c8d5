package handlers

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/services"
)

// notifier is a gateway whose callbacks say by themselves what is wrong with them.
type notifier struct {
	seen func(header string, body []byte)
}

func (n notifier) ReadCallback(header func(string) string, body []byte, _ time.Time) (payments.Notice, error) {
	if n.seen != nil {
		n.seen(header("Test-Signature"), body)
	}
	for text, err := range map[string]error{
		"forged": payments.ErrForged, "stale": payments.ErrStale, "unreadable": payments.ErrUnreadable,
		"irrelevant": payments.ErrIrrelevant, "else": errors.New("something else"),
	} {
		if strings.HasPrefix(strings.Trim(string(body), `"`), text) {
			return payments.Notice{}, err
		}
	}
	outcome, reference, _ := strings.Cut(string(body), " ")
	return payments.Notice{Reference: reference, Result: models.Result{Outcome: models.Outcome(outcome)}}, nil
}

func setupCallbacks(t *testing.T, n notifier) *bundle {
	t.Helper()
	b := setup(t)
	callbacks := services.NewCallbacks(b.office, map[string]payments.Notifier{"test": n}, b.clock.Now)
	b.server = newTestServer(t, Deps{
		Events: services.NewEvents(b.store, b.office), Users: services.NewUsers(b.store),
		Bookings: services.NewBookings(b.store, b.office, 100), Letters: services.NewLetters(b.store, b.office),
		Callbacks: callbacks, Version: "1.2.3",
	})
	return b
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	b := setupCallbacks(t, notifier{})
	event, user := b.event(10), b.user("john@example.com")
	booking := b.book(event.ID, user.ID, 2)
	b.pay(booking, models.StillOpen)
	at := callbacksPath + "/test"
	paid := "succeeded " + models.FirstCharge(refOf(t, booking)).Reference()
	b.do("POST", at, paid, "Content-Type", "text/plain").want(http.StatusNoContent).golden("callback_settled")
	b.do("POST", at, paid, "Content-Type", "text/plain").want(http.StatusNoContent)
	if got := read[bookingJSON](b.do("GET", bookingsPath+"/"+booking.ID, "")); got.Status != "CONFIRMED" {
		t.Errorf("the booking is %s", got.Status)
	}
	b.do("POST", at, `"irrelevant"`).want(http.StatusNoContent).golden("callback_irrelevant")
	for body, code := range map[string]string{
		"forged": "callback_forged", "stale": "callback_stale", "unreadable": "callback_unreadable",
		"else": "callback_unreadable", "succeeded nobody": "callback_unreadable",
	} {
		a := b.do("POST", at, body, requestIDHeader, "test-1")
		a.refused(http.StatusBadRequest, code)
		if name, _, _ := strings.Cut(body, " "); name == body && body != "else" {
			a.golden("callback_" + body)
		}
	}
	unknown := b.do("POST", callbacksPath+"/paypal", paid, requestIDHeader, "test-1")
	unknown.refused(http.StatusNotFound, "gateway_not_found")
	unknown.golden("callback_unknown_gateway")
	b.do("GET", at, "").refused(http.StatusMethodNotAllowed, "method_not_allowed")
}

// A server that has no gateway with callbacks says so.
func TestCallbacks_without_any(t *testing.T) {
	t.Parallel()
	send(t, newTestServer(t, Deps{}), "POST", callbacksPath+"/stripe", "{}").refused(http.StatusNotFound, "gateway_not_found")
}

// The body reaches the gateway's code byte for byte, whatever it is and calls itself, up to 1 MiB.
func TestCallbacks_take_any_body(t *testing.T) {
	t.Parallel()
	var signature string
	var received []byte
	b := setupCallbacks(t, notifier{seen: func(header string, body []byte) { signature, received = header, body }})
	large := "irrelevant" + strings.Repeat("\xff", maxCallback-len("irrelevant"))
	for _, test := range []struct{ body, kind string }{
		{`"irrelevant"` + "\r\n", "application/json; charset=utf-8"}, {"irrelevant\x00\xff", "application/octet-stream"},
		{"irrelevant&a=b", "application/x-www-form-urlencoded"}, {large, "text/plain"},
	} {
		b.do("POST", callbacksPath+"/test", test.body, "Content-Type", test.kind, "Test-Signature", "t=1").want(http.StatusNoContent)
		if string(received) != test.body || signature != "t=1" {
			t.Errorf("%.40q became %.40q, signed %q", test.body, received, signature)
		}
	}
	received = nil
	a := b.do("POST", callbacksPath+"/test", large+"x", requestIDHeader, "test-1")
	a.refused(http.StatusRequestEntityTooLarge, "body_too_large")
	a.golden("callback_too_large")
	b.do("POST", callbacksPath+"/test", "").refused(http.StatusBadRequest, "callback_unreadable")
}

// While the store does not answer, the gateway is told to send the callback again.
func TestCallbacks_while_the_store_is_closed(t *testing.T) {
	t.Parallel()
	b := setupCallbacks(t, notifier{})
	booking := b.book(b.event(10).ID, b.user("john@example.com").ID, 2)
	if err := b.office.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := b.do("POST", callbacksPath+"/test", "succeeded "+models.FirstCharge(refOf(t, booking)).Reference(), requestIDHeader, "test-1")
	a.want(http.StatusServiceUnavailable).checkProblem()
	a.golden("callback_unavailable")
}
