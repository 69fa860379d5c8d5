package stripe

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"quantix/internal/models"
)

// Currencies in which Stripe does not count as ISO 4217 does, by its page on currencies.
var (
	// wholeAsHundreds have no decimals, but Stripe goes on counting them in hundredths: 5 ISK are sent as 500.
	wholeAsHundreds = []models.Currency{"ISK", "UGX"}
	// hundredsAsWhole have two decimals, but Stripe counts whole ones.
	hundredsAsWhole = []models.Currency{"MGA"}
	// threeDecimals are those that Stripe takes with three decimals, of which the last must be 0.
	threeDecimals = []models.Currency{"BHD", "JOD", "KWD", "OMR", "TND"}
	// foreign are those whose decimals at Stripe are nowhere said. A factor must not be guessed.
	foreign = []models.Currency{"IQD", "LYD", "UYI"}
)

// stripeUnits returns an amount as Stripe counts it. An amount that Stripe cannot count exactly is an error, never
// rounded: the buyer agreed to this one.
func stripeUnits(m models.Money) (int64, error) {
	inexact := fmt.Errorf("an amount of %s %s cannot be charged with Stripe", m, m.Currency)
	switch c := m.Currency; {
	case m.Minor <= 0, slices.Contains(foreign, c):
		return 0, inexact
	case slices.Contains(wholeAsHundreds, c):
		if m.Minor > math.MaxInt64/100 {
			return 0, inexact
		}
		return m.Minor * 100, nil
	case slices.Contains(hundredsAsWhole, c):
		if m.Minor%100 != 0 {
			return 0, inexact
		}
		return m.Minor / 100, nil
	case slices.Contains(threeDecimals, c) && m.Minor%10 != 0:
		return 0, inexact
	}
	return m.Minor, nil
}

// code is how Stripe writes a currency.
func code(c models.Currency) string { return strings.ToLower(string(c)) }
