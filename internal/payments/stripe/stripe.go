// Package stripe takes money with Stripe, behind the port of package payments. A charge is one PaymentIntent: Prepare
// creates it, and Charge confirms it. Stripe lets an intent succeed at most once, which, unlike an idempotency key, it
// never forgets. No card data ever comes near us: a payment method is the id that Stripe gave the buyer's browser.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// Name is what is stored with each charge that this gateway takes.
const Name = "stripe"

// Options are the gateway's settings. Both secrets are needed; the rest has defaults.
type Options struct {
	SecretKey     string        // "sk_…", or a restricted key "rk_…"
	WebhookSecret string        // "whsec_…", of the endpoint that Stripe calls back
	APIURL        string        // where Stripe is; default Stripe's own address
	Timeout       time.Duration // of one question, all its requests together; default 5 s
	Logger        *slog.Logger  // default: none
}

// Gateway implements payments.Gateway, payments.Preparer and payments.Notifier. It is safe for concurrent use.
type Gateway struct {
	client        *api.Client
	transport     *transport
	webhookSecret []byte
	installation  string // whose payments these are; empty: not told
	timeout       time.Duration
	logger        *slog.Logger
	blind         sync.Once // told that the key may not read events
}

var (
	_ payments.Gateway  = (*Gateway)(nil)
	_ payments.Preparer = (*Gateway)(nil)
	_ payments.Notifier = (*Gateway)(nil)
	_ payments.Limited  = (*Gateway)(nil)
	_ payments.Shared   = (*Gateway)(nil)
)

// New makes a gateway. It does not ask Stripe anything. Its errors say which option is wrong, and never what was given
// for a secret.
func New(options Options) (*Gateway, error) {
	if err := options.check(); err != nil {
		return nil, err
	}
	if options.Timeout <= 0 {
		options.Timeout = 5 * time.Second
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.APIURL == "" {
		options.APIURL = api.APIURL
	}
	t := newTransport()
	return &Gateway{
		client:        api.NewClient(options.SecretKey, api.WithBackends(backends(t, options.APIURL))),
		transport:     t,
		webhookSecret: []byte(options.WebhookSecret),
		timeout:       options.Timeout,
		logger:        options.Logger,
	}, nil
}

// backends makes the library's way to Stripe our own: no global key or client, no retries (the engine retries, and
// knows what a lost answer means), no telemetry, and no log, for the library would log whole answers.
func backends(t http.RoundTripper, address string) *api.Backends {
	return api.NewBackendsWithConfig(&api.BackendConfig{
		HTTPClient: &http.Client{
			Transport: t,
			// Stripe does not redirect; whoever does shall not be followed with our key.
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("an API does not redirect") },
		},
		URL:               api.String(address),
		MaxNetworkRetries: api.Int64(0),
		EnableTelemetry:   api.Bool(false),
		LeveledLogger:     &api.LeveledLogger{Level: api.LevelNull},
	})
}

// The shapes of Stripe's secrets. They keep a key out of the wrong place, and line ends out of a header.
var (
	secretKey     = regexp.MustCompile(`^(sk|rk)_[A-Za-z0-9_]{1,250}$`)
	webhookSecret = regexp.MustCompile(`^whsec_[A-Za-z0-9+/=_-]{1,250}$`)
)

func (o Options) check() error {
	switch {
	case !secretKey.MatchString(o.SecretKey):
		return errors.New("the Stripe secret key is none: it begins with sk_ or rk_")
	case !webhookSecret.MatchString(o.WebhookSecret):
		return errors.New("the Stripe webhook secret is none: it begins with whsec_")
	case o.APIURL == "":
		return nil
	}
	u, err := url.Parse(o.APIURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return errors.New("the Stripe address is none: it is a URL such as https://api.stripe.com")
	}
	if u.Scheme == "http" && strings.Contains(o.SecretKey, "_live_") && !loopback(u.Hostname()) {
		return fmt.Errorf("the Stripe address %s is not safe: a live key is sent over https only", u.Redacted())
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Name is "stripe".
func (g *Gateway) Name() string { return Name }

// BelongTo names the installation whose payments the gateway makes, so that callbacks about those of another one, in
// the same account, are told apart. It is called before the first charge.
func (g *Gateway) BelongTo(installation string) { g.installation = installation }

// Close drops the connections that wait for a next request.
func (g *Gateway) Close() { g.transport.base.CloseIdleConnections() }

// paymentMethod is the shape of a payment method's id. What has it may still not exist; Stripe says so.
var paymentMethod = regexp.MustCompile(`^pm_[A-Za-z0-9_]{1,250}$`)

// IsPaymentMethod reports whether a method has the shape of a Stripe payment method's id, such as "pm_1QabcD…". Card
// numbers do not.
func IsPaymentMethod(m models.PaymentMethod) bool { return paymentMethod.MatchString(string(m)) }

// bound gives a question its time.
func (g *Gateway) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, g.timeout)
}
