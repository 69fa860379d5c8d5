package stripe_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/payments/paymentstest"
	"quantix/internal/testkit"
)

// stripeMock is Stripe's own mock server, which checks requests against Stripe's OpenAPI document. It is no dependency
// in go.mod, for it would bring its libraries into the program's module graph.
const stripeMock = "github.com/stripe/stripe-mock@v0.203.0"

// stripeMockEnv names a stripe-mock that is ready, for where nothing can be downloaded.
const stripeMockEnv = "QUANTIX_TEST_STRIPE_MOCK"

// buildStripeMock returns the path of a stripe-mock.
func buildStripeMock(t *testing.T) string {
	t.Helper()
	if path := os.Getenv(stripeMockEnv); path != "" {
		return path
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "install", stripeMock)
	cmd.Dir = dir // outside of our module
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=-buildvcs=false", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("stripe-mock is needed to check our requests against Stripe's OpenAPI document, and cannot be installed "+
			"(%s names one that is ready): go install %s: %v\n%s", stripeMockEnv, stripeMock, err, out)
	}
	return filepath.Join(dir, "stripe-mock")
}

// startStripeMock returns the address of a running stripe-mock. It opens one port, on this machine alone: HTTPS cannot
// be switched off beside it and would listen on all addresses, so that goes to a socket in its directory.
func startStripeMock(t *testing.T) *url.URL {
	t.Helper()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(testkit.FreePort(t)))
	testkit.Start(t, buildStripeMock(t), nil, "-http-addr", address, "-https-unix", "https.sock")
	testkit.Eventually(t, time.Minute, func() error {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return err
		}
		return connection.Close()
	})
	return &url.URL{Scheme: "http", Host: address}
}

// recorder hands requests on and remembers what was answered.
type recorder struct {
	mu   sync.Mutex
	seen []string // "METHOD path status"
}

func (r *recorder) between(t *testing.T, target *url.URL) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = func(answer *http.Response) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, fmt.Sprintf("%s %s %d", answer.Request.Method, answer.Request.URL.Path, answer.StatusCode))
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return server.URL
}

// TestRequestsMatchStripesOpenAPI sends each kind of request that the gateway makes to stripe-mock, which answers 400
// for a path, a parameter or a type that Stripe does not have.
func TestRequestsMatchStripesOpenAPI(t *testing.T) {
	t.Parallel()
	target, r := startStripeMock(t), &recorder{}
	g := open(t, r.between(t, target), 10*time.Second)
	request := paymentstest.NewRequest("pm_card_visa")
	prepared := g.Prepare(t.Context(), request)
	wantOutcome(t, "prepare", prepared, models.OutcomePrepared)
	if !strings.HasPrefix(prepared.ProviderReference, "pi_") {
		t.Errorf("prepared as %q", prepared.ProviderReference)
	}
	request.ProviderReference = "pi_1"
	g.Charge(t.Context(), request)
	g.Find(t.Context(), request)
	g.Void(t.Context(), request)
	wantOutcome(t, "refund", g.Refund(t.Context(), refundOf(request)), models.OutcomeSucceeded)
	want := []string{
		"POST /v1/payment_intents 200", "POST /v1/payment_intents/pi_1/confirm 200", "GET /v1/payment_intents/pi_1 200",
		"POST /v1/payment_intents/pi_1/cancel 200", "GET /v1/refunds 200", "POST /v1/refunds 200",
	}
	if diff := cmp.Diff(want, r.seen); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	refusesUnknownParameters(t, target)
}

// refusesUnknownParameters is the test of the test: stripe-mock does check.
func refusesUnknownParameters(t *testing.T, target *url.URL) {
	t.Helper()
	form := strings.NewReader("amount=7550&currency=usd&no_such_parameter=1")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target.JoinPath("v1/payment_intents").String(), form)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+secret)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read for its status alone
	if answer.StatusCode != http.StatusBadRequest {
		t.Errorf("stripe-mock answers %s to a parameter that Stripe does not have", answer.Status)
	}
}
