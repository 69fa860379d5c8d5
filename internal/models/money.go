package models

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
)

// Money is an exact amount: an integer number of a currency's minor units (cents), never a float.
type Money struct {
	Minor    int64
	Currency Currency
}

// ParseMoney reads a plain decimal ("75.50", "75", "7.55e1") exactly. More decimals than the currency has,
// unless they are zeros, and amounts beyond [MaxAmount] are errors.
func ParseMoney(text string, currency Currency) (Money, error) {
	d, err := parseDecimal(text)
	if err != nil {
		return Money{}, err
	}
	minor, err := d.times10(currency.Decimals())
	switch {
	case errors.Is(err, errFraction):
		return Money{}, fmt.Errorf("%s has at most %d decimals", currency, currency.Decimals())
	case err != nil || abs(minor) > MaxAmount:
		return Money{}, fmt.Errorf("the amount is too large; at most %s", Money{MaxAmount, currency})
	}
	return Money{Minor: minor, Currency: currency}, nil
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// MaxAmount is the largest amount of any currency in minor units: fifteen digits, which a float64 holds exactly. So
// whoever reads our JSON numbers into one, as most clients do, and writes them again, keeps every amount.
const MaxAmount int64 = 999_999_999_999_999

// String is the exact decimal with the currency's decimals, without the currency: "75.50".
func (m Money) String() string { return string(m.Append(nil)) }

// Append appends what String gives.
func (m Money) Append(b []byte) []byte {
	size := uint64(m.Minor)
	if m.Minor < 0 {
		b, size = append(b, '-'), -size
	}
	var room [20]byte
	digits := strconv.AppendUint(room[:0], size, 10)
	whole := len(digits) - m.Currency.Decimals()
	if whole <= 0 {
		b = append(b, '0')
	} else {
		b = append(b, digits[:whole]...)
	}
	if m.Currency.Decimals() == 0 {
		return b
	}
	b = append(b, '.')
	for ; whole < 0; whole++ {
		b = append(b, '0')
	}
	return append(b, digits[whole:]...)
}

// Times multiplies by a number of tickets; false when the product is beyond [MaxAmount].
func (m Money) Times(quantity int64) (Money, bool) {
	if m.Minor < 0 || quantity < 0 {
		return Money{}, false
	}
	high, low := bits.Mul64(uint64(m.Minor), uint64(quantity))
	if high != 0 || low > uint64(MaxAmount) {
		return Money{}, false
	}
	return Money{Minor: int64(low), Currency: m.Currency}, true
}
