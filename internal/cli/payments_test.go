package cli_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/testkit"
)

// bookAs books a ticket that is paid with a method, and returns the booking's id.
func (s *server) bookAs(tb testing.TB, user, event, method string) string {
	tb.Helper()
	body := fmt.Sprintf(`{"user_id":%q,"event_id":%q,"quantity":1,"payment_method":%q}`, user, event, method)
	return s.want(tb, http.StatusCreated, "POST", "/api/v1/bookings", body).text("id")
}

// count waits until a member of an event's statistics is at least n.
func (s *server) count(tb testing.TB, within time.Duration, event, member string, n int) {
	tb.Helper()
	testkit.Eventually(tb, within, func() error {
		a, err := s.try("GET", "/api/v1/events/"+event+"/statistics", "")
		var have int
		if err == nil {
			if _, err = fmt.Sscan(a.text(member), &have); err == nil && have < n {
				err = fmt.Errorf("statistics: %s", a.body)
			}
		}
		return err
	})
}

// An event is cancelled while its payments run, and the program is killed in the middle: started again it ends what it
// had begun. Every booking is cancelled, all money is back, and the progress can be read.
func TestCancelEvent_through_a_kill(t *testing.T) {
	t.Parallel()
	const bookings = 300
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			slow := append([]string{"PAYMENT_SIM_LATENCY=100ms", "PAYMENT_CONCURRENCY=12"}, env...)
			s := serve(t, slow...)
			event, user := s.event(t, 1000, "19.99"), s.user(t)
			methods := []string{"sim_ok", "sim_ok", "sim_ok", "sim_slow", "sim_lost", "sim_flaky"}
			var ids []string
			for i := range bookings {
				ids = append(ids, s.bookAs(t, user, event, methods[i%len(methods)]))
			}
			s.count(t, 30*time.Second, event, "total_sold", 10)
			begun := s.want(t, http.StatusAccepted, "POST", "/api/v1/events/"+event+"/cancel", "")
			s.Kill()
			if begun.text("cancelled_at") == "null" || begun.text("live_bookings") == "" {
				t.Errorf("the answer shows no progress: %s", begun.body)
			}
			again := serveIn(t, s.Dir, env...)
			testkit.Eventually(t, 30*time.Second, func() error {
				a, err := again.try("POST", "/api/v1/events/"+event+"/cancel", "")
				if err == nil && a.text("live_bookings") != "0" {
					err = fmt.Errorf("cancel: %s", a.body)
				}
				return err
			})
			if a := again.want(t, http.StatusOK, "GET", "/api/v1/events/"+event, ""); a.text("cancelled_at") != begun.text("cancelled_at") {
				t.Errorf("the event: %s; cancelled at %s", a.body, begun.text("cancelled_at"))
			}
			for _, id := range ids {
				again.ended(t, id)
			}
			again.audited(t, event)
		})
	}
}

// ended waits until a booking of a cancelled event owes nobody anything. What was in a killed process's hands rests for
// the lease of half a minute.
func (s *server) ended(tb testing.TB, booking string) {
	tb.Helper()
	testkit.Eventually(tb, 90*time.Second, func() error {
		a, err := s.try("GET", "/api/v1/bookings/"+booking, "")
		if err != nil {
			return err
		}
		if a.text("status") != "CANCELLED" || a.text("cancel_reason") != "event_cancelled" {
			return fmt.Errorf("booking: %s", a.body)
		}
		for _, end := range []string{"none", "voided", "refunded"} {
			if strings.Contains(a.body, `"payment":{"status":"`+end+`"`) {
				return nil
			}
		}
		return fmt.Errorf("booking: %s", a.body)
	})
}

// worker starts the workers alone, with the settings of a server.
func worker(tb testing.TB, env ...string) *testkit.Process {
	tb.Helper()
	p := testkit.StartIn(tb, tb.TempDir(), testkit.Build(tb), env, "worker")
	p.AwaitLine(30*time.Second, "quantix works")
	return p
}

// serveAPI starts a server without workers.
func serveAPI(tb testing.TB, env ...string) *server {
	tb.Helper()
	port := testkit.FreePort(tb)
	env = append([]string{fmt.Sprintf("PORT=%d", port), "HOST=127.0.0.1"}, env...)
	p := testkit.StartIn(tb, tb.TempDir(), testkit.Build(tb), env, "serve", "--api")
	p.AwaitLine(30*time.Second, "quantix is ready")
	return &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
}

// The API in one process, the workers in others: one is killed in the middle of payments, another one is told to stop,
// and every booking is paid once.
func TestWorkers_apart_from_the_API(t *testing.T) {
	t.Parallel()
	const bookings = 200
	env := append(onServers(t), "PAYMENT_SIM_LATENCY=200ms", "PAYMENT_CONCURRENCY=10")
	s := serveAPI(t, env...)
	event, user := s.event(t, bookings, "10"), s.user(t)
	for range bookings {
		s.bookAs(t, user, event, "sim_ok")
	}
	first, second := worker(t, env...), worker(t, env...)
	s.count(t, 30*time.Second, event, "total_sold", 10)
	first.Kill()
	third := worker(t, env...)
	s.count(t, 30*time.Second, event, "total_sold", 50)
	second.Signal(syscall.SIGTERM)
	if status := second.Wait(15 * time.Second); status != 0 {
		t.Errorf("after SIGTERM: exit status %d", status)
	}
	s.count(t, 120*time.Second, event, "total_sold", bookings)
	s.audited(t, event)
	third.Signal(syscall.SIGTERM)
	if status := third.Wait(15 * time.Second); status != 0 {
		t.Errorf("after SIGTERM: exit status %d", status)
	}
	if stdout, stderr, status := quantix(t, s.Dir, s.env, "audit"); status != 0 {
		t.Errorf("audit: %d %s %s", status, stdout, stderr)
	}
}

// The simulator tells of lost answers by callbacks, which a server without workers takes.
func TestCallbacks_confirm_what_was_lost(t *testing.T) {
	t.Parallel()
	const secret = "0123456789abcdef"
	env := append(onServers(t), "PAYMENT_RETRY_BASE=1h", "PAYMENT_CALLBACK_SECRET="+secret)
	s := serveAPI(t, env...)
	at := "/api/v1/payments/callbacks/simulator"
	worker(t, append(env, "PAYMENT_SIM_CALLBACK_URL="+s.url+at)...)
	event, user := s.event(t, 10, "10"), s.user(t)
	id := s.bookAs(t, user, event, "sim_lost")
	s.becomes(t, 10*time.Second, id, "CONFIRMED")
	body := fmt.Sprintf(`{"reference":"qx_%032x_%032x_1","outcome":"succeeded"}`, 1, 2)
	for signature, status := range map[string]int{
		simulator.Sign(secret, time.Now(), []byte(body)):                 http.StatusNoContent, // another installation's
		simulator.Sign("fedcba9876543210", time.Now(), []byte(body)):     http.StatusBadRequest,
		simulator.Sign(secret, time.Now().Add(-time.Hour), []byte(body)): http.StatusBadRequest,
		"": http.StatusBadRequest,
	} {
		if a, err := s.try("POST", at, body, simulator.SignatureHeader, signature); err != nil || a.status != status {
			t.Errorf("%q: %d %s %v, want %d", signature, a.status, a.body, err, status)
		}
	}
	s.audited(t, event)
}

// Metrics show what waits for a person, and what the audit has found.
func TestMetrics_of_payments(t *testing.T) {
	t.Parallel()
	s := serve(t, "PAYMENT_RETRY_BASE=1ms")
	s.bookAs(t, s.user(t), s.event(t, 10, "10"), "sim_error")
	testkit.Eventually(t, 20*time.Second, func() error {
		a, err := s.try("GET", "/metrics", "")
		for _, line := range []string{"quantix_dead_letters 1\n", "quantix_audit_differences 0\n", "quantix_audit_last_seconds "} {
			if err == nil && !strings.Contains(a.body, "\n"+line) {
				err = fmt.Errorf("no line %q", line)
			}
		}
		return err
	})
}

// stripeStub is as much of Stripe as one honest sale needs.
func stripeStub(t *testing.T) (url string, confirmed *atomic.Int64) {
	t.Helper()
	confirmed = &atomic.Int64{}
	intent := func(w http.ResponseWriter, status string) {
		fmt.Fprintf(w, `{"id":"pi_1","object":"payment_intent","status":%q,"amount":1000,"amount_received":1000,"currency":"usd"}`, status)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payment_intents", func(w http.ResponseWriter, _ *http.Request) { intent(w, "requires_confirmation") })
	mux.HandleFunc("POST /v1/payment_intents/pi_1/confirm", func(w http.ResponseWriter, _ *http.Request) {
		confirmed.Add(1)
		intent(w, "succeeded")
	})
	mux.HandleFunc("GET /v1/refunds", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"object":"list","data":[],"has_more":false}`)
	})
	mux.HandleFunc("POST /v1/refunds", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"id":"re_1","object":"refund","status":"succeeded","payment_intent":"pi_1"}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, confirmed
}

func TestServe_sells_with_Stripe(t *testing.T) {
	t.Parallel()
	const secret = "whsec_test"
	url, confirmed := stripeStub(t)
	s := serve(t, "PAYMENT_GATEWAY=stripe", "STRIPE_SECRET_KEY=sk_test_1", "STRIPE_WEBHOOK_SECRET="+secret, "STRIPE_API_URL="+url)
	event, free, user := s.event(t, 10, "10"), s.event(t, 10, "0"), s.user(t)
	for _, body := range []string{booking(user, event, 1), strings.Replace(booking(user, event, 1), "{", `{"payment_method":"sim_ok",`, 1)} {
		if a := s.want(t, http.StatusBadRequest, "POST", "/api/v1/bookings", body); !strings.Contains(a.body, "body.payment_method") {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	s.becomes(t, 10*time.Second, s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, free, 1)).text("id"), "CONFIRMED")
	id := s.bookAs(t, user, event, "pm_card_chargeCustomerFail_and_so_on")
	s.becomes(t, 10*time.Second, id, "CONFIRMED")
	if confirmed.Load() != 1 {
		t.Errorf("Stripe was asked for money %d times", confirmed.Load())
	}
	body := `{"object":"event","type":"customer.created","data":{"object":{}}}`
	for signature, status := range map[string]int{
		payments.Sign([]byte(secret), time.Now(), []byte(body)): http.StatusNoContent, "t=1,v1=00": http.StatusBadRequest,
	} {
		if a, err := s.try("POST", "/api/v1/payments/callbacks/stripe", body, "Stripe-Signature", signature); err != nil || a.status != status {
			t.Errorf("%q: %d %s %v, want %d", signature, a.status, a.body, err, status)
		}
	}
	s.want(t, http.StatusOK, "PUT", "/api/v1/bookings/"+id+"/cancel", "")
	testkit.Eventually(t, 10*time.Second, func() error {
		a, err := s.try("GET", "/api/v1/bookings/"+id, "")
		if err == nil && !strings.Contains(a.body, `"refunded"`) {
			err = fmt.Errorf("booking: %s", a.body)
		}
		return err
	})
	s.audited(t, event)
	if strings.Contains(s.Stderr(), "sk_test_1") || strings.Contains(s.Stderr(), secret) {
		t.Error("a secret was logged")
	}
}
