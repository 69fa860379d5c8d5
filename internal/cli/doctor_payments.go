package cli

import (
	"context"
	"fmt"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/repository"
)

// examinePayments finds what waits for a gateway that is not set up any more.
func examinePayments(ctx context.Context, p Program, c config.Config, store repository.Store) bool {
	open, err := store.OpenPayments(ctx)
	if err != nil {
		return finding(p, "open payments", err, "the schema may be damaged")
	}
	mine := app.GatewayName(c)
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
