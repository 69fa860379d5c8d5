package stripe

import (
	"fmt"

	"quantix/internal/models"
)

// minUnits is the least that Stripe charges in a currency, as it counts it, by its page on currencies. An account that
// is paid out in another currency may have to ask for a little more. Of currencies that are not here Stripe says
// nothing.
var minUnits = map[models.Currency]int64{
	"AED": 200, "AUD": 50, "BRL": 50, "CAD": 50, "CHF": 50, "CZK": 1500, "DKK": 250, "EUR": 50, "GBP": 30, "HKD": 400,
	"HUF": 17500, "INR": 50, "JPY": 50, "MXN": 1000, "MYR": 200, "NOK": 300, "NZD": 50, "PLN": 200, "RON": 200, "SEK": 300,
	"SGD": 50, "THB": 1000, "USD": 50,
}

// CanCharge returns nil for an amount that Stripe can charge, otherwise why it cannot: a currency or decimals that it
// does not take, or too little.
func (g *Gateway) CanCharge(amount models.Money) error { return chargeable(amount) }

func chargeable(amount models.Money) error {
	units, err := stripeUnits(amount)
	if err != nil {
		return err
	}
	if least := minUnits[amount.Currency]; units < least { // all of them count as ISO 4217 does
		minimum := models.Money{Minor: least, Currency: amount.Currency}
		return fmt.Errorf("Stripe charges at least %s %s", minimum, amount.Currency) //nolint:staticcheck // a name
	}
	return nil
}
