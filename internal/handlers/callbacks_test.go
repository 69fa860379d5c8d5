package handlers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/services"
)

// notifier is a gateway whose callbacks say by themselves what is wrong with them.
type notifier struct {
	seen func(header string, body []byte)
}

// CheckHeader takes everything but what calls itself so.
func (n notifier) CheckHeader(header func(string) string, _ time.Time) error {
	switch header("Test-Signature") {
	case "none":
		return payments.ErrForged
	case "old":
		return payments.ErrStale
	}
	return nil
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
		Bookings: services.NewBookings(b.store, b.office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith}), Letters: services.NewLetters(b.store, b.office),
		Callbacks: callbacks, Version: "1.2.3",
	})
	return b
}

func TestCallbacks(t *testing.T) {
	t.Parallel()
	b := setupCallbacks(t, notifier{})
	event, user := b.event(10), b.user("john@example.com")
	booking := b.book(event.ID, user.ID, 2)
	b.pay(booking, models.OutcomePending)
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

// endless is a body that never ends, and counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func (e *endless) Close() error { return nil }

// What cannot be genuine is refused without a byte of its body, and its connection ends: nobody waits for the rest.
func TestCallbacks_refuse_unread(t *testing.T) {
	t.Parallel()
	b := setupCallbacks(t, notifier{})
	for _, test := range []struct {
		gateway, signature, code string
		status                   int
	}{
		{"nobody", "", "gateway_not_found", http.StatusNotFound}, {"test", "none", "callback_forged", http.StatusBadRequest},
		{"test", "old", "callback_stale", http.StatusBadRequest},
	} {
		body := &endless{}
		r := newRequest("POST", callbacksPath+"/"+test.gateway, "", "Test-Signature", test.signature)
		r.Body, r.ContentLength = body, maxCallback
		w := httptest.NewRecorder()
		b.server.router.ServeHTTP(w, r)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.code) || body.read != 0 || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: %d after %d bytes, %v: %s", test.code, w.Code, body.read, w.Header(), w.Body)
		}
	}
}

// slowly is a body that stops in its middle until it is let go.
type slowly struct {
	io.Reader
	stopped func()
	on      chan struct{}
}

func (s *slowly) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err == io.EOF {
		s.stopped()
		<-s.on
	}
	return n, err
}

func (s *slowly) Close() error { return nil }

// All bodies in hand share one bound, and small ones, as gateways send them, have a part of it that large ones never
// get.
func TestCallbacks_share_a_bound_of_memory(t *testing.T) {
	t.Parallel()
	b := setupCallbacks(t, notifier{})
	const senders = 60
	statuses, on := make(chan int, senders), make(chan struct{})
	var group, held sync.WaitGroup
	held.Add(senders)
	for range senders {
		group.Go(func() {
			leave := sync.OnceFunc(held.Done)
			body := &slowly{Reader: strings.NewReader("irrelevant" + strings.Repeat("x", maxCallback*9/10)), stopped: leave, on: on}
			r := newRequest("POST", callbacksPath+"/test", "")
			r.Body, r.ContentLength = body, maxCallback
			w := httptest.NewRecorder()
			b.server.router.ServeHTTP(w, r)
			statuses <- w.Code
			leave()
		})
	}
	held.Wait()
	small := "irrelevant" + strings.Repeat("x", 16<<10)
	b.do("POST", callbacksPath+"/test", small, "Content-Type", "text/plain").want(http.StatusNoContent)
	close(on)
	group.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if n := count[http.StatusNoContent]; n < 4 || n > largeInHand/maxCallback || count[http.StatusServiceUnavailable] != senders-n {
		t.Errorf("answered %v", count)
	}
}

// A body's memory follows what arrives, not what is declared.
func TestBodies_are_allocated_as_they_arrive(t *testing.T) {
	t.Parallel()
	r := newRequest("POST", bookingsPath, "{")
	r.ContentLength = maxBody
	x := &exchange{}
	if err := x.readBody(r); err == nil || cap(x.text) > 4<<10 {
		t.Errorf("%d bytes for one, %v", cap(x.text), err)
	}
}
