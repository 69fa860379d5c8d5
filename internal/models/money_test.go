package models

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestParseMoney(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text     string
		currency Currency
		want     string // as String gives it; empty: refused
	}{
		{"75.50", "USD", "75.50"},
		{"75.5", "USD", "75.50"},
		{"75.500", "USD", "75.50"},
		{"0.1", "USD", "0.10"},
		{"0", "USD", "0.00"},
		{"-0.00", "USD", "0.00"},
		{"0e30", "USD", "0.00"},
		{"7.55e1", "USD", "75.50"},
		{"1E3", "JPY", "1000"},
		{"1200e-2", "JPY", "12"},
		{"1.234", "KWD", "1.234"},
		{"-5.00", "USD", "-5.00"},
		{"92233720368547758.07", "USD", "92233720368547758.07"},
		{"92233720368547758.08", "USD", ""},
		{"99999999999999999", "JPY", "99999999999999999"},
		{"100000000000000000", "JPY", ""},
		{"75.505", "USD", ""},
		{"1.5", "JPY", ""},
		{"", "USD", ""},
		{".5", "USD", ""},
		{"5.", "USD", ""},
		{"+5", "USD", ""},
		{"1,000", "USD", ""},
		{"NaN", "USD", ""},
		{"1e400", "USD", ""},
		{"0x10", "USD", ""},
		{" 1", "USD", ""},
		{"٣", "USD", ""},
	} {
		got, err := ParseMoney(test.text, test.currency)
		switch {
		case test.want == "" && err == nil:
			t.Errorf("ParseMoney(%q, %s) = %s; want a refusal", test.text, test.currency, got)
		case test.want != "" && (err != nil || got.String() != test.want):
			t.Errorf("ParseMoney(%q, %s) = %s, %v; want %s", test.text, test.currency, got, err, test.want)
		}
	}
}

func TestMoney_survives_its_text(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]Currency{"JPY", "USD", "KWD"}).Draw(t, "currency")
		limit := MaxAmount(currency)
		money := Money{rapid.Int64Range(-limit, limit).Draw(t, "minor"), currency}
		again, err := ParseMoney(money.String(), currency)
		if err != nil || again != money {
			t.Fatalf("%v read back as %v, %v", money, again, err)
		}
	})
}

func TestMoney_times_is_exact_or_refused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		price := Money{rapid.Int64Range(0, math.MaxInt64).Draw(t, "price"), "USD"}
		quantity := rapid.Int64Range(0, math.MaxInt32).Draw(t, "quantity")
		want := new(big.Int).Mul(big.NewInt(price.Minor), big.NewInt(quantity))
		got, fits := price.Times(quantity)
		if fits != want.IsInt64() || fits && got.Minor != want.Int64() {
			t.Fatalf("%d × %d = %d, %t; want %s", price.Minor, quantity, got.Minor, fits, want)
		}
	})
}

func TestMoney_of_everyday_prices(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		price    string
		quantity int64
		want     string
	}{{"0.1", 3, "0.30"}, {"19.99", 7, "139.93"}, {"75.50", 1_000_000_000, "75500000000.00"}} {
		price, _ := ParseMoney(test.price, "USD")
		if got, fits := price.Times(test.quantity); !fits || got.String() != test.want {
			t.Errorf("%s × %d = %s; want %s", test.price, test.quantity, got, test.want)
		}
	}
}

func TestParseCurrency(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"usd", "", "XYZ", "US", "USDT", "XAU"} {
		if _, err := ParseCurrency(code); err == nil {
			t.Errorf("ParseCurrency(%q) was accepted", code)
		}
	}
	for code, decimals := range map[string]int{"USD": 2, "JPY": 0, "KWD": 3, "EUR": 2} {
		if currency, err := ParseCurrency(code); err != nil || currency.Decimals() != decimals {
			t.Errorf("ParseCurrency(%q) = %s with %d decimals, %v", code, currency, currency.Decimals(), err)
		}
	}
}

func FuzzParseMoney(f *testing.F) {
	for _, seed := range []string{"75.50", "1e5", "-0", "99999999999999999999", "0.0000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		money, err := ParseMoney(text, "USD")
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if got, _ := new(big.Rat).SetString(money.String()); !ok || got.Cmp(want) != 0 {
			t.Fatalf("%q was read as %s", text, money)
		}
	})
}
