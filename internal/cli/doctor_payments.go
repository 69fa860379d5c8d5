package cli

import (
	"context"
	"fmt"

	"quantix/internal/config"
	"quantix/internal/payments/stripe"
	"quantix/internal/repository"
)

// simulatedName is what charges of the simulated gateway are stored with.
const simulatedName = "simulated"

// examinePayments finds what waits for a gateway that is not set up any more.
func examinePayments(ctx context.Context, p Program, c config.Config, store repository.Store) bool {
	open, err := store.OpenPayments(ctx)
	if err != nil {
		return finding(p, "open payments", err, "the schema may be damaged")
	}
	mine := simulatedName
	if c.PaymentGateway == config.Stripe {
		mine = stripe.Name
	}
	sound := true
	for _, o := range open {
		if o.Gateway == mine {
			continue
		}
		err := fmt.Errorf("%d charges and %d refunds wait for the gateway %q, which is not set up any more", o.Charges, o.Refunds, o.Gateway)
		sound = finding(p, "payments", err, "set PAYMENT_GATEWAY back until they have ended, or settle them there by hand and close their dead letters")
	}
	return sound && finding(p, "no payment waits for a gateway that is not set up", nil, "")
}
