package stripe_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/paymentstest"
	"quantix/internal/payments/stripe"
	"quantix/internal/testkit"
)

// open makes a gateway that talks to a Stripe at an address.
func open(tb testing.TB, address string, timeout time.Duration) *stripe.Gateway {
	tb.Helper()
	g, err := stripe.New(stripe.Options{
		SecretKey: secret, WebhookSecret: webhookSecret, APIURL: address, Timeout: timeout, Logger: testkit.Logger(tb),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return g
}

// setup makes a gateway with a Stripe of its own.
func setup(tb testing.TB) (*fakeStripe, *stripe.Gateway) {
	tb.Helper()
	f := newFake(tb)
	return f, open(tb, f.server.URL, 0)
}

// prepared announces a charge.
func prepared(t *testing.T, g *stripe.Gateway, method models.PaymentMethod) payments.ChargeRequest {
	t.Helper()
	request := paymentstest.NewRequest(method)
	result := g.Prepare(t.Context(), request)
	if result.Outcome != models.OutcomePrepared || result.ProviderReference == "" {
		t.Fatalf("prepare: %+v", result)
	}
	request.ProviderReference = result.ProviderReference
	return request
}

func wantOutcome(t *testing.T, what string, got models.Result, want models.Outcome) {
	t.Helper()
	if got.Outcome != want {
		t.Errorf("%s: %+v, want %s", what, got, want)
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	paymentstest.Run(t, func(tb testing.TB) paymentstest.Bench {
		f, g := setup(tb)
		return paymentstest.Bench{Gateway: g, Taken: f.taken, Given: f.given, Method: func(script paymentstest.Script) models.PaymentMethod {
			switch script {
			case paymentstest.Declines:
				return "pm_card_visa_chargeDeclined"
			case paymentstest.StaysOpen:
				return "pm_processing"
			case paymentstest.LosesAnswer:
				f.fail("/confirm", fault{effect: true, hijack: cut})
			}
			return "pm_card_visa"
		}}
	})
}

// cut breaks the connection in the middle of the answer.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"id":`)) // the client may be gone
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// drop breaks the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// failing arms a fault and returns the context to ask with. Of a late one it ends when the request has arrived and, if
// it has an effect, taken it, so that no test depends on how fast this machine is.
func (f *fakeStripe) failing(t *testing.T, on string, fl fault) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	if fl.late {
		fl.hijack = func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}
	}
	f.fail(on, fl)
	return ctx
}

func say(status int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may stop reading
	}
}

// What Charge makes of each way in which Stripe fails, whether money was taken, and what Find then says.
func TestCharge_tells_what_a_failure_means(t *testing.T) {
	t.Parallel()
	huge := `{"id":"` + strings.Repeat("a", 2<<20) + `"}`
	for name, test := range map[string]struct {
		fault fault
		want  models.Outcome
		taken int
		find  models.Outcome
	}{
		"cut after the effect":        {fault{effect: true, hijack: cut}, models.OutcomeUnknown, 1, models.OutcomeSucceeded},
		"cut before the effect":       {fault{hijack: cut}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"too late, but done":          {fault{effect: true, late: true}, models.OutcomeUnknown, 1, models.OutcomeSucceeded},
		"too late, and not done":      {fault{late: true}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"an error of its own, done":   {fault{effect: true, status: 500, Type: "api_error"}, models.OutcomeUnknown, 1, models.OutcomeSucceeded},
		"an error of its own":         {fault{status: 503, Type: "api_error"}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"a proxy's page":              {fault{hijack: say(502, "<html>bad gateway</html>")}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"an answer without end":       {fault{effect: true, hijack: say(200, huge)}, models.OutcomeUnknown, 1, models.OutcomeSucceeded},
		"a redirect":                  {fault{hijack: redirect}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"the key is in use":           {fault{status: 409, Type: "idempotency_error", Code: "idempotency_key_in_use"}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"another request has it":      {fault{status: 429, Type: "invalid_request_error", Code: "lock_timeout"}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"too many requests":           {fault{status: 429, Type: "invalid_request_error", Code: "rate_limit"}, models.OutcomeUnavailable, 0, models.OutcomeAbsent},
		"a wrong key":                 {fault{status: 401, Type: "invalid_request_error"}, models.OutcomeUnavailable, 0, models.OutcomeAbsent},
		"a key that may not":          {fault{status: 403, Type: "invalid_request_error"}, models.OutcomeUnavailable, 0, models.OutcomeAbsent},
		"a request it does not know":  {fault{status: 400, Type: "invalid_request_error", Code: "parameter_unknown", Param: "x"}, models.OutcomeUnavailable, 0, models.OutcomeAbsent},
		"a payment it does not know":  {fault{status: 404, Type: "invalid_request_error", Code: "resource_missing", Param: "intent"}, models.OutcomeUnknown, 0, models.OutcomeAbsent},
		"a method that cannot be had": {fault{status: 400, Type: "invalid_request_error", Code: "payment_method_unactivated"}, models.OutcomeDeclined, 0, models.OutcomeAbsent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, g := setup(t)
			request := prepared(t, g, "pm_card_visa")
			result := g.Charge(f.failing(t, "/confirm", test.fault), request)
			wantOutcome(t, "charge", result, test.want)
			if result.ProviderReference != request.ProviderReference || result.Reason == "" || strings.Contains(result.Reason, "s3cret") {
				t.Errorf("result %+v, want the intent's id, and a reason that is safe", result)
			}
			if f.taken(request.Reference) != test.taken || f.count("/confirm") != 1 {
				t.Errorf("taken %d times after %d requests, want %d after one", f.taken(request.Reference), f.count("/confirm"), test.taken)
			}
			wantOutcome(t, "find", g.Find(t.Context(), request), test.find)
			wantOutcome(t, "charge again", g.Charge(t.Context(), request), models.OutcomeSucceeded)
			if f.taken(request.Reference) != 1 {
				t.Errorf("taken %d times in the end", f.taken(request.Reference))
			}
		})
	}
}

func redirect(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/v1/payment_intents", http.StatusTemporaryRedirect)
}

// On a connection that was kept and breaks before an answer begins, net/http sends the request again, once and under
// the same key; on a new one it does not. Either way the money is taken once.
func TestCharge_on_a_connection_that_breaks(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		f, g := setup(t)
		request := prepared(t, g, "pm_card_visa")
		if !kept {
			g.Close()
		}
		f.fail("/confirm", fault{effect: true, keep: true, hijack: drop})
		want, requests := models.OutcomeUnknown, 1
		if kept {
			want, requests = models.OutcomeSucceeded, 2
		}
		wantOutcome(t, fmt.Sprintf("charge, connection kept %v", kept), g.Charge(t.Context(), request), want)
		wantOutcome(t, "find", g.Find(t.Context(), request), models.OutcomeSucceeded)
		if f.taken(request.Reference) != 1 || f.count("/confirm") != requests {
			t.Errorf("taken %d times after %d requests, want once after %d", f.taken(request.Reference), f.count("/confirm"), requests)
		}
	}
}

func TestNothingIsSentToAClosedPort(t *testing.T) {
	t.Parallel()
	g := open(t, fmt.Sprintf("http://127.0.0.1:%d", testkit.FreePort(t)), 0)
	request := paymentstest.NewRequest("pm_card_visa")
	wantOutcome(t, "prepare", g.Prepare(t.Context(), request), models.OutcomeUnavailable)
	request.ProviderReference = "pi_1"
	wantOutcome(t, "charge", g.Charge(t.Context(), request), models.OutcomeUnavailable)
	wantOutcome(t, "find", g.Find(t.Context(), request), models.OutcomeUnknown)
	wantOutcome(t, "void", g.Void(t.Context(), request), models.OutcomeUnknown)
	refund := payments.RefundRequest{Key: "k", ProviderReference: "pi_1", Amount: request.Amount}
	wantOutcome(t, "refund", g.Refund(t.Context(), refund), models.OutcomeUnknown)
}

func TestCharge_needs_a_prepared_intent(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	wantOutcome(t, "charge", g.Charge(t.Context(), paymentstest.NewRequest("pm_card_visa")), models.OutcomeUnavailable)
	if f.count("") != 0 {
		t.Error("Stripe was asked")
	}
}

func TestDeclines_tell_no_more_than_they_may(t *testing.T) {
	t.Parallel()
	for method, want := range map[models.PaymentMethod]string{
		"pm_card_chargeDeclinedInsufficientFunds": "declined: insufficient_funds",
		"pm_card_chargeDeclinedStolenCard":        "declined: generic_decline",
	} {
		_, g := setup(t)
		request := prepared(t, g, method)
		want := models.Result{Outcome: models.OutcomeDeclined, ProviderReference: request.ProviderReference, Reason: want}
		for _, got := range []models.Result{g.Charge(t.Context(), request), g.Find(t.Context(), request)} {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", method, diff)
			}
		}
	}
}

// A decline is final, also when Stripe has forgotten that it was asked: the card must not be tried again.
func TestDecline_is_kept_to_after_the_key_is_forgotten(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	request := prepared(t, g, "pm_card_visa_chargeDeclined")
	wantOutcome(t, "charge", g.Charge(t.Context(), request), models.OutcomeDeclined)
	f.forget()
	wantOutcome(t, "charge again", g.Charge(t.Context(), request), models.OutcomeDeclined)
}

func TestCharge_takes_money_once_after_the_key_is_forgotten(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	request := prepared(t, g, "pm_card_visa")
	for range 3 {
		wantOutcome(t, "charge", g.Charge(t.Context(), request), models.OutcomeSucceeded)
		f.forget()
	}
	if f.taken(request.Reference) != 1 {
		t.Errorf("taken %d times", f.taken(request.Reference))
	}
}

func TestPrepare_moves_no_money_and_can_be_repeated(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	request := prepared(t, g, "pm_card_visa")
	if again := g.Prepare(t.Context(), request); again.ProviderReference != request.ProviderReference {
		t.Errorf("prepared again as %q, was %q", again.ProviderReference, request.ProviderReference)
	}
	f.forget()
	second := g.Prepare(t.Context(), request)
	if second.Outcome != models.OutcomePrepared || second.ProviderReference == request.ProviderReference {
		t.Errorf("after the key was forgotten: %+v, want another intent", second)
	}
	if f.taken(request.Reference) != 0 {
		t.Error("preparing took money")
	}
}

func TestPrepare_refuses_what_cannot_be_charged(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	with := func(change func(*payments.ChargeRequest)) payments.ChargeRequest {
		request := paymentstest.NewRequest("pm_card_visa")
		change(&request)
		return request
	}
	for name, request := range map[string]payments.ChargeRequest{
		"no method":              with(func(r *payments.ChargeRequest) { r.Method = "" }),
		"the simulator's method": with(func(r *payments.ChargeRequest) { r.Method = simulator.OK }),
		"a card number":          with(func(r *payments.ChargeRequest) { r.Method = "4242424242424242" }),
		"a path":                 with(func(r *payments.ChargeRequest) { r.Method = "pm_1/../../refunds" }),
		"an unknown method":      with(func(r *payments.ChargeRequest) { r.Method = "pm_missing" }),
		"too small an amount":    with(func(r *payments.ChargeRequest) { r.Amount.Minor = 1 }),
		"a fraction of a fils":   with(func(r *payments.ChargeRequest) { r.Amount = models.Money{Minor: 1001, Currency: "KWD"} }),
	} {
		result := g.Prepare(t.Context(), request)
		wantOutcome(t, name, result, models.OutcomeDeclined)
		if strings.Contains(result.Reason, "4242") || strings.Contains(result.Reason, "s3cret") {
			t.Errorf("%s: the reason %q is not safe", name, result.Reason)
		}
	}
	if f.count("") != 2 {
		t.Errorf("Stripe was asked %d times, want twice", f.count(""))
	}
}

// Stripe repeats a server error for a day under the key that got it. The next try must get through all the same.
func TestAKeyThatIsSpentIsReplaced(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	broken := fault{status: 500, Type: "api_error", keep: true}
	request := paymentstest.NewRequest("pm_card_visa")
	f.fail("POST /v1/payment_intents", broken)
	wantOutcome(t, "prepare", g.Prepare(t.Context(), request), models.OutcomeUnknown)
	request = prepared(t, g, "pm_card_visa")
	f.fail("/confirm", broken)
	wantOutcome(t, "charge", g.Charge(t.Context(), request), models.OutcomeUnknown)
	wantOutcome(t, "charge again", g.Charge(t.Context(), request), models.OutcomeSucceeded)
	refund := refundOf(request)
	f.fail("POST /v1/refunds", broken)
	wantOutcome(t, "refund", g.Refund(t.Context(), refund), models.OutcomeUnknown)
	wantOutcome(t, "refund again", g.Refund(t.Context(), refund), models.OutcomeSucceeded)
	if f.taken(request.Reference) != 1 || f.given(request.Reference) != 1 {
		t.Errorf("taken %d times, given back %d times", f.taken(request.Reference), f.given(request.Reference))
	}
}

// A newer release may describe the same charge in other words, under the same key.
func TestAKeyOfAnotherReleaseIsReplaced(t *testing.T) {
	t.Parallel()
	_, g := setup(t)
	request := prepared(t, g, "pm_card_visa")
	request.Booking = models.NewID[models.BookingID]()
	wantOutcome(t, "prepare", g.Prepare(t.Context(), request), models.OutcomePrepared)
}

func TestFind_by_state(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	request := prepared(t, g, "pm_card_visa")
	for status, want := range map[string]models.Outcome{
		"requires_payment_method": models.OutcomeAbsent, "requires_confirmation": models.OutcomeAbsent, "requires_action": models.OutcomePending,
		"processing": models.OutcomePending, "requires_capture": models.OutcomePending, "canceled": models.OutcomeVoided,
		"succeeded": models.OutcomeSucceeded, "a_new_one": models.OutcomeUnknown,
	} {
		f.change(request.ProviderReference, func(in *intent) { in.Status = status })
		wantOutcome(t, status, g.Find(t.Context(), request), want)
	}
	request.ProviderReference = "pi_of_another_account"
	wantOutcome(t, "another account's", g.Find(t.Context(), request), models.OutcomeUnknown)
}

func TestVoid_by_state(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		method models.PaymentMethod
		charge bool
		want   models.Outcome
	}{
		{"pm_card_visa", false, models.OutcomeVoided}, {"pm_card_visa", true, models.OutcomeSucceeded}, {"pm_action", true, models.OutcomeVoided},
		{"pm_processing", true, models.OutcomeUnknown}, {"pm_card_visa_chargeDeclined", true, models.OutcomeVoided},
	} {
		_, g := setup(t)
		request := prepared(t, g, test.method)
		if test.charge {
			g.Charge(t.Context(), request)
		}
		wantOutcome(t, fmt.Sprintf("%s, charged %v", test.method, test.charge), g.Void(t.Context(), request), test.want)
	}
}

// An expired booking is voided while a worker still charges it: either there is no money, or Void tells of it.
func TestVoid_races_with_Charge(t *testing.T) {
	t.Parallel()
	f, g := setup(t)
	for range 20 {
		request := prepared(t, g, "pm_card_visa")
		var charged, voided models.Result
		var both sync.WaitGroup
		both.Go(func() { charged = g.Charge(t.Context(), request) })
		both.Go(func() { voided = g.Void(t.Context(), request) })
		both.Wait()
		want := map[models.Outcome]models.Outcome{models.OutcomeVoided: models.OutcomeDeclined, models.OutcomeSucceeded: models.OutcomeSucceeded}[voided.Outcome]
		if charged.Outcome != want || f.taken(request.Reference) != map[models.Outcome]int{models.OutcomeSucceeded: 1}[want] {
			t.Errorf("charge: %+v, void: %+v, taken %d times", charged, voided, f.taken(request.Reference))
		}
	}
}

func TestNoSecretIsLoggedOrTold(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var log bytes.Buffer
	g, err := stripe.New(stripe.Options{
		SecretKey: secret, WebhookSecret: webhookSecret, APIURL: f.server.URL,
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	request := prepared(t, g, "pm_card_visa")
	var told []models.Result
	for _, fl := range []fault{
		{status: 500, Type: "api_error"}, {status: 400, Type: "invalid_request_error", Code: "s3cret code"},
		{status: 401, Type: "invalid_request_error"}, {hijack: say(502, "s3cret page")},
	} {
		f.fail("/confirm", fl)
		told = append(told, g.Charge(t.Context(), request))
	}
	all := log.String() + fmt.Sprint(told) + fmt.Sprintf("%+v", g)
	if strings.Contains(log.String()+fmt.Sprint(told), "s3cret") || !strings.Contains(all, request.Reference) {
		t.Errorf("a secret is told, or the reference is not:\n%s", log.String())
	}
}

func TestNew_checks_its_options(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*stripe.Options){
		"no key":                       func(o *stripe.Options) { o.SecretKey = "" },
		"a publishable key":            func(o *stripe.Options) { o.SecretKey = "pk_test_s3cret" },
		"a key with a line end":        func(o *stripe.Options) { o.SecretKey = "sk_test_s3cret\n" },
		"no webhook secret":            func(o *stripe.Options) { o.WebhookSecret = "" },
		"a key for a webhook secret":   func(o *stripe.Options) { o.WebhookSecret = "sk_test_s3cret" },
		"an address without a scheme":  func(o *stripe.Options) { o.APIURL = "api.stripe.com" },
		"an address with a password":   func(o *stripe.Options) { o.APIURL = "https://u:s3cret@h" },
		"a live key on an open line":   func(o *stripe.Options) { o.SecretKey, o.APIURL = "sk_live_s3cret", "http://stripe.example" },
		"a restricted one in the open": func(o *stripe.Options) { o.SecretKey, o.APIURL = "rk_live_s3cret", "http://10.0.0.1" },
	} {
		options := stripe.Options{SecretKey: "sk_test_1", WebhookSecret: "whsec_1"}
		change(&options)
		if _, err := stripe.New(options); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want an error that tells no secret", name, err)
		}
	}
	g, err := stripe.New(stripe.Options{SecretKey: "rk_live_1", WebhookSecret: "whsec_1"})
	if err != nil || g.Name() != "stripe" {
		t.Errorf("right options: %v", err)
	}
}

func TestTheTimeoutBoundsAQuestion(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	g := open(t, f.server.URL, 50*time.Millisecond)
	f.fail("", fault{hijack: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }})
	result := g.Prepare(context.WithoutCancel(t.Context()), paymentstest.NewRequest("pm_card_visa"))
	if result.Outcome != models.OutcomeUnknown && result.Outcome != models.OutcomeUnavailable { // the latter on a machine too slow to connect
		t.Errorf("%+v, want no answer", result)
	}
}
