package app

import (
	"fmt"
	"log/slog"
	"strings"

	"quantix/internal/config"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/payments/stripe"
)

// gateway is who takes the money, with what else depends on who that is.
type gateway struct {
	port      payments.Gateway // with whatever other ports of package payments it implements
	methods   payments.Methods
	notifiers map[string]payments.Notifier // by the name that PAYMENT_GATEWAY has for them
	close     func()
}

// simulatedName is what charges of the simulated gateway are stored with.
const simulatedName = "simulated"

// GatewayName is what charges of the gateway that the settings ask for are stored with; empty for one that nobody
// knows.
func GatewayName(c config.Config) string {
	return map[config.Gateway]string{config.Simulator: simulatedName, config.Stripe: stripe.Name}[c.PaymentGateway]
}

// openGateway makes the gateway that the settings ask for.
func openGateway(c config.Config, ledger simulator.Ledger, logger *slog.Logger) (*gateway, error) {
	switch c.PaymentGateway {
	case config.Simulator:
		return openSimulator(c, ledger, logger), nil
	case config.Stripe:
		return openStripe(c, logger)
	}
	return nil, fmt.Errorf("PAYMENT_GATEWAY=%s: nothing here opens this gateway", c.PaymentGateway)
}

// openSimulator needs nothing; without a secret it sends no callbacks.
func openSimulator(c config.Config, ledger simulator.Ledger, logger *slog.Logger) *gateway {
	g := simulator.New(ledger, simulator.Options{
		Latency: c.Simulator.Latency, FailureRate: c.Simulator.FailureRate, LostRate: c.Simulator.LostRate,
		Rate: c.Simulator.Rate, AwayFile: c.Simulator.AwayFile,
		Secret: c.Simulator.CallbackSecret, CallbackURL: c.Simulator.CallbackURL, Logger: logger,
	})
	opened := &gateway{port: g, methods: simulator.PaidWith, close: g.Close}
	if c.Simulator.CallbackSecret != "" {
		opened.notifiers = map[string]payments.Notifier{string(config.Simulator): g}
	}
	return opened
}

// openStripe needs both secrets; nothing is asked of Stripe before the first charge. There is no default method: a card
// is the buyer's to name.
func openStripe(c config.Config, logger *slog.Logger) (*gateway, error) {
	g, err := stripe.New(stripe.Options{
		SecretKey: c.Stripe.SecretKey, WebhookSecret: c.Stripe.WebhookSecret, APIURL: c.Stripe.APIURL, Logger: logger,
	})
	if err != nil {
		return nil, fmt.Errorf("PAYMENT_GATEWAY=stripe: %w", err)
	}
	return &gateway{
		port:      g,
		methods:   payments.Methods{Accept: stripe.IsPaymentMethod, Rule: "must be the id of a Stripe payment method, such as pm_1Qabc"},
		notifiers: map[string]payments.Notifier{string(config.Stripe): g},
		close:     g.Close,
	}, nil
}

// stripeMode reports whether a key moves real money.
func stripeMode(key string) string {
	if strings.Contains(key, "_live_") {
		return "live"
	}
	return "test"
}
