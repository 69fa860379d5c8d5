package models

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// MaxDecimalLength bounds a decimal's text.
const MaxDecimalLength = 60

// errFraction says that a number is not whole, errRange that it is too large for an int64.
var (
	errFraction = errors.New("has a fraction")
	errRange    = errors.New("is out of range")
)

// A decimal is a number as it was written: digits × 10^exponent.
type decimal struct {
	digits   string // without a sign, and not empty
	negative bool
	exponent int
}

// parseDecimal reads a number in JSON's grammar, but for leading zeros, which do no harm.
func parseDecimal(text string) (decimal, error) {
	if len(text) > MaxDecimalLength {
		return decimal{}, fmt.Errorf("must have at most %d characters", MaxDecimalLength)
	}
	bad := fmt.Errorf("%q is not a decimal number", text)
	mantissa, exponent, hasExponent := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, hasPoint := strings.Cut(mantissa, ".")
	unsigned, negative := strings.CutPrefix(whole, "-")
	if !allDigits(unsigned) || hasPoint && !allDigits(fraction) {
		return decimal{}, bad
	}
	d := decimal{digits: unsigned + fraction, negative: negative, exponent: -len(fraction)}
	if hasExponent {
		shift, err := strconv.Atoi(exponent)
		if err != nil && !errors.Is(err, strconv.ErrRange) {
			return decimal{}, bad
		}
		const most = 1000 // beyond it nothing differs, and Atoi's largest numbers would overflow
		d.exponent += min(max(shift, -most), most)
	}
	return d, nil
}

// times10 returns the number × 10^places as a whole number. Errors: errFraction, errRange.
func (d decimal) times10(places int) (int64, error) {
	digits, shift := strings.TrimLeft(d.digits, "0"), d.exponent+places
	if digits == "" {
		return 0, nil
	}
	for ; shift < 0; shift++ {
		if !strings.HasSuffix(digits, "0") {
			return 0, errFraction
		}
		digits = digits[:len(digits)-1]
	}
	const maxDigits = 19 // of an int64
	if len(digits)+shift > maxDigits {
		return 0, errRange
	}
	n, err := strconv.ParseInt(digits+strings.Repeat("0", shift), 10, 64)
	if err != nil {
		return 0, errRange
	}
	if d.negative {
		n = -n
	}
	return n, nil
}

// ParseWhole reads a whole number however it is written: 1000, 1e3 and 1000.0 are the same, to JSON Schema and to us.
// inRange is false where it is whole but beyond an int64.
func ParseWhole(text string) (n int64, inRange bool, err error) {
	d, err := parseDecimal(text)
	if err != nil {
		return 0, true, err
	}
	n, err = d.times10(0)
	if errors.Is(err, errRange) {
		return 0, false, nil
	}
	return n, true, err
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
