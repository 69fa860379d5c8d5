package simulator_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

const secret = "0123456789abcdef"

// receiver is where callbacks are sent: it notes the genuine ones, by our reference.
type receiver struct {
	t       *testing.T
	server  *httptest.Server
	checker *simulator.Gateway

	mu     sync.Mutex
	seen   map[string][]models.Result
	refuse []int // statuses to answer first
}

func newReceiver(t *testing.T, s *shop.Shop, refuse ...int) *receiver {
	t.Helper()
	r := &receiver{t: t, checker: simulator.New(s.Store, simulator.Options{Secret: secret}), seen: map[string][]models.Result{}, refuse: refuse}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	notice, err := r.checker.ReadCallback(request.Header.Get, body, time.Now())
	if err != nil {
		r.t.Errorf("callback %s: %v", body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.refuse) > 0 {
		w.WriteHeader(r.refuse[0])
		r.refuse = r.refuse[1:]
		return
	}
	r.seen[notice.Reference] = append(r.seen[notice.Reference], notice.Result)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) await(reference string, outcome models.Outcome) {
	r.t.Helper()
	testkit.Eventually(r.t, 10*time.Second, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, result := range r.seen[reference] {
			if result.Outcome == outcome && result.ProviderReference != "" {
				return nil
			}
		}
		return fmt.Errorf("no callback says %s; all are %v", outcome, r.seen)
	})
}

func sending(t *testing.T, s *shop.Shop, r *receiver) *simulator.Gateway {
	t.Helper()
	g := simulator.New(s.Store, simulator.Options{Secret: secret, CallbackURL: r.server.URL, Logger: testkit.Logger(t)})
	t.Cleanup(g.Close)
	return g
}

func TestCallbacks_are_sent_for_every_decision(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	r := newReceiver(t, s)
	g := sending(t, s, r)
	for method, outcome := range map[models.PaymentMethod]models.Outcome{
		simulator.OK: models.Succeeded, simulator.Decline: models.Declined, simulator.Lost: models.Succeeded,
	} {
		charge := request(method)
		g.Charge(t.Context(), charge)
		r.await(charge.Reference, outcome)
	}
	failing := request(simulator.Error)
	want(t, "charge", g.Charge(t.Context(), failing), models.Unavailable)
	g.Close()
	if r.seen[failing.Reference] != nil {
		t.Error("a charge that was not decided was told of")
	}
}

// A pending charge is told of when it is decided.
func TestCallbacks_of_slow_charges(t *testing.T) {
	t.Parallel()
	s := shop.NewOn(t, time.Now)
	r := newReceiver(t, s)
	g := sending(t, s, r)
	charge := request(simulator.Slow)
	charge.Deadline = time.Now().Add(-500 * time.Millisecond) // decided a second after it
	want(t, "charge", g.Charge(t.Context(), charge), models.StillOpen)
	r.await(charge.Reference, models.Succeeded)
}

func TestCallbacks_are_sent_again_until_taken(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	r := newReceiver(t, s, http.StatusServiceUnavailable, http.StatusTooManyRequests)
	charge := request(simulator.OK)
	sending(t, s, r).Charge(t.Context(), charge)
	r.await(charge.Reference, models.Succeeded)
}

// A receiver that hangs holds up neither charges nor the end.
func TestCallbacks_nobody_takes(t *testing.T) {
	t.Parallel()
	s := shop.New(t)
	held := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-held:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(held) })
	g := simulator.New(s.Store, simulator.Options{Secret: secret, CallbackURL: server.URL})
	begun := time.Now()
	for range 50 {
		want(t, "charge", g.Charge(t.Context(), request(simulator.OK)), models.Succeeded)
	}
	g.Charge(t.Context(), request(simulator.Slow))
	g.Close()
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("took %s", took)
	}
}

func FuzzReadCallback(f *testing.F) {
	g := simulator.New(nil, simulator.Options{Secret: secret})
	now := shop.Opening
	f.Add([]byte(`{"reference":"`+request("").Reference+`","outcome":"succeeded"}`), "")
	f.Add([]byte(`{}`), "t=1,v1=00")
	f.Fuzz(func(t *testing.T, body []byte, signature string) {
		if _, err := g.ReadCallback(func(string) string { return signature }, body, now); err == nil {
			t.Errorf("%q was taken for a signature", signature)
		}
		notice, err := g.ReadCallback(func(string) string { return simulator.Sign(secret, now, body) }, body, now)
		if err == nil {
			if _, err := models.ParseReference(notice.Reference); err != nil {
				t.Errorf("%s: %v", body, err)
			}
		}
		if err != nil && !errors.Is(err, payments.ErrUnreadable) {
			t.Errorf("%s: %v", body, err)
		}
	})
}
