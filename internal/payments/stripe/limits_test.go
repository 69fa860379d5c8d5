package stripe

import (
	"testing"

	"quantix/internal/models"
)

func TestCanCharge(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		money models.Money
		want  bool
	}{
		{models.Money{Minor: 50, Currency: "USD"}, true},
		{models.Money{Minor: 49, Currency: "USD"}, false},
		{models.Money{Minor: 30, Currency: "GBP"}, true},
		{models.Money{Minor: 29, Currency: "GBP"}, false},
		{models.Money{Minor: 50, Currency: "JPY"}, true},
		{models.Money{Minor: 49, Currency: "JPY"}, false},
		{models.Money{Minor: 1, Currency: "ISK"}, true}, // no least amount is known
		{models.Money{Minor: 5120, Currency: "KWD"}, true},
		{models.Money{Minor: 5124, Currency: "KWD"}, false},
		{models.Money{Minor: 500_50, Currency: "MGA"}, false},
		{models.Money{Minor: 5120, Currency: "IQD"}, false},
	} {
		if err := new(Gateway).CanCharge(test.money); (err == nil) != test.want {
			t.Errorf("%s %s: %v", test.money, test.money.Currency, err)
		}
	}
	for currency := range minUnits {
		if units, err := stripeUnits(models.Money{Minor: 1000, Currency: currency}); err != nil || units != 1000 {
			t.Errorf("%s is not counted as the table does: %d, %v", currency, units, err)
		}
	}
}
