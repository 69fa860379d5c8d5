package stripe

import (
	"math"
	"testing"

	"quantix/internal/models"
)

func TestStripeUnits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		money models.Money
		want  int64 // 0: cannot be charged
	}{
		{models.Money{Minor: 7550, Currency: "USD"}, 7550},
		{models.Money{Minor: 500, Currency: "JPY"}, 500},
		{models.Money{Minor: 5000, Currency: "KRW"}, 5000},
		{models.Money{Minor: 5, Currency: "ISK"}, 500},
		{models.Money{Minor: 5, Currency: "UGX"}, 500},
		{models.Money{Minor: math.MaxInt64 / 100, Currency: "UGX"}, math.MaxInt64 / 100 * 100},
		{models.Money{Minor: math.MaxInt64/100 + 1, Currency: "UGX"}, 0},
		{models.Money{Minor: 1000, Currency: "HUF"}, 1000}, // whole ones are asked for payouts only
		{models.Money{Minor: 80045, Currency: "TWD"}, 80045},
		{models.Money{Minor: 500_00, Currency: "MGA"}, 500},
		{models.Money{Minor: 500_50, Currency: "MGA"}, 0},
		{models.Money{Minor: 5120, Currency: "KWD"}, 5120},
		{models.Money{Minor: 5124, Currency: "KWD"}, 0},
		{models.Money{Minor: 5120, Currency: "IQD"}, 0},
		{models.Money{Minor: 5120, Currency: "LYD"}, 0},
		{models.Money{Minor: 5, Currency: "UYI"}, 0},
		{models.Money{Currency: "USD"}, 0},
		{models.Money{Minor: -1, Currency: "USD"}, 0},
	} {
		got, err := stripeUnits(test.money)
		if got != test.want || (err == nil) != (test.want != 0) {
			t.Errorf("%s %s: %d, %v; want %d", test.money, test.money.Currency, got, err, test.want)
		}
	}
}

// The tables speak of what they say they do, whatever happens to ours.
func TestTheTablesFitOurCurrencies(t *testing.T) {
	t.Parallel()
	for decimals, table := range map[int][]models.Currency{0: wholeAsHundreds, 2: hundredsAsWhole, 3: threeDecimals} {
		for _, c := range table {
			if _, err := models.ParseCurrency(string(c)); err != nil || c.Decimals() != decimals {
				t.Errorf("%s has %d decimals, the table says %d (%v)", c, c.Decimals(), decimals, err)
			}
		}
	}
}
