package models

import (
	"math"
	"math/big"
	"strconv"
	"strings"
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
		{"9999999999999.99", "USD", "9999999999999.99"},
		{"10000000000000", "USD", ""},
		{"999999999999999", "JPY", "999999999999999"},
		{"1000000000000000", "JPY", ""},
		{"999999999999.999", "KWD", "999999999999.999"},
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
		money := Money{rapid.Int64Range(-MaxAmount, MaxAmount).Draw(t, "minor"), currency}
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
		if fits != (want.Cmp(big.NewInt(MaxAmount)) <= 0) || fits && got.Minor != want.Int64() {
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

// Most clients read a JSON number into a float64. Every amount that is taken must come back from one as it went in.
func TestMoney_survives_a_float64(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]Currency{"JPY", "USD", "KWD"}).Draw(t, "currency")
		money := Money{rapid.Int64Range(-MaxAmount, MaxAmount).Draw(t, "minor"), currency}
		float, err := strconv.ParseFloat(money.String(), 64)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseMoney(strconv.FormatFloat(float, 'g', -1, 64), currency)
		if err != nil || again != money {
			t.Fatalf("%v became %v, and so %v, %v", money, float, again, err)
		}
	})
}

func TestParseMoney_says_what_is_wrong(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1e41": "the amount is too large; at most 9999999999999.99", "1e999999999999999999999": "the amount is too large; at most 9999999999999.99",
		"1e-41": "USD has at most 2 decimals", "1e-999999999999999999999": "USD has at most 2 decimals",
		"1." + strings.Repeat("0", 60): "must have at most 60 characters", "abc": `"abc" is not a decimal number`,
		"1e": `"1e" is not a decimal number`, "9999999999999.99": "", "10000000000000": "the amount is too large; at most 9999999999999.99",
		"0e99": "", "-0e-999999999999999999999": "", "0.000e41": "", "5" + strings.Repeat("0", 50) + "e-50": "",
	} {
		got := ""
		if _, err := ParseMoney(text, "USD"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestParseWhole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "1000": 1000, "1.0": 1, "1e3": 1000, "-2.50e1": -25, "100e-2": 1, "9223372036854775807": math.MaxInt64, "0e99": 0} {
		if n, inRange, err := ParseWhole(text); n != want || !inRange || err != nil {
			t.Errorf("%s is %d, %t, %v", text, n, inRange, err)
		}
	}
	for _, text := range []string{"1.5", "1e-1", "x", "", "1e", "0x1", strings.Repeat("1", 61)} {
		if n, _, err := ParseWhole(text); err == nil {
			t.Errorf("%s was read as %d", text, n)
		}
	}
	for _, text := range []string{"9223372036854775808", "1e19", "1e999999999"} {
		if n, inRange, err := ParseWhole(text); inRange || err != nil {
			t.Errorf("%s was read as %d, %v", text, n, err)
		}
	}
}
