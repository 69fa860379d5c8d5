package models_test

import (
	"fmt"

	"quantix/internal/models"
)

// Amounts are exact, in the currency's own decimals; what has more of them is refused, not rounded.
func ExampleParseMoney() {
	for _, amount := range []struct {
		text     string
		currency models.Currency
	}{{"75.5", "USD"}, {"75.5", "JPY"}, {"1.2345e3", "KWD"}} {
		money, err := models.ParseMoney(amount.text, amount.currency)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(money, money.Currency, "is", money.Minor, "minor units")
	}
	// Output:
	// 75.50 USD is 7550 minor units
	// JPY has at most 0 decimals
	// 1234.500 KWD is 1234500 minor units
}

// A booking's tickets go from available to held, and when it is paid, to sold.
func ExampleStock() {
	stock := models.Stock{Total: 10, Available: 10}
	stock.Hold(3, 7500)
	stock.Sell(3, 7500)
	fmt.Println(stock.Available, "left,", stock.Sold, "sold for", stock.SoldAmount)
	// Output: 7 left, 3 sold for 7500
}
