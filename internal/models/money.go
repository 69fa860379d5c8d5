package models

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Money is an exact amount: an integer number of a currency's minor units (cents), never a float.
type Money struct {
	Minor    int64
	Currency Currency
}

// ParseMoney reads a plain decimal ("75.50", "75", "7.55e1") exactly. More decimals than the currency has,
// unless they are zeros, and amounts beyond [MaxAmount] are errors.
func ParseMoney(text string, currency Currency) (Money, error) {
	digits, scale, err := splitDecimal(text)
	if err != nil {
		return Money{}, err
	}
	shift := currency.Decimals() - scale
	for shift < 0 {
		if !strings.HasSuffix(digits, "0") {
			if strings.Trim(digits, "-0") == "" {
				return Money{Currency: currency}, nil
			}
			return Money{}, fmt.Errorf("%s has at most %d decimals", currency, currency.Decimals())
		}
		digits, shift = digits[:len(digits)-1], shift+1
	}
	minor, err := strconv.ParseInt(digits+strings.Repeat("0", min(shift, 40)), 10, 64)
	if strings.Trim(digits, "-0") == "" {
		minor, err = 0, nil
	}
	if err != nil || abs(minor) > MaxAmount(currency) {
		return Money{}, fmt.Errorf("the amount is too large; at most %s", Money{MaxAmount(currency), currency})
	}
	return Money{Minor: minor, Currency: currency}, nil
}

// splitDecimal gives a decimal's digits with their sign, and how many of them stand behind the point.
func splitDecimal(text string) (digits string, scale int, err error) {
	bad := fmt.Errorf("%q is not a decimal number", clip(text, 40))
	if len(text) > 60 {
		return "", 0, bad
	}
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	unsigned := strings.TrimPrefix(whole, "-")
	if !allDigits(unsigned) || hasPoint && !allDigits(fraction) {
		return "", 0, bad
	}
	scale = len(fraction)
	if hasExponent {
		shift, err := strconv.Atoi(exponent)
		if err != nil || shift < -40 || shift > 40 {
			return "", 0, bad
		}
		scale -= shift
	}
	return whole + fraction, scale, nil
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// MaxAmount is the largest amount of a currency in minor units: what an int64 and a NUMERIC(20,3) both hold.
func MaxAmount(currency Currency) int64 {
	const wholeDigits = 17 // NUMERIC(20,3)
	if wholeDigits+currency.Decimals() > 18 {
		return math.MaxInt64
	}
	limit := int64(1)
	for range wholeDigits + currency.Decimals() {
		limit *= 10
	}
	return limit - 1
}

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
	if high != 0 || low > uint64(MaxAmount(m.Currency)) {
		return Money{}, false
	}
	return Money{Minor: int64(low), Currency: m.Currency}, true
}
