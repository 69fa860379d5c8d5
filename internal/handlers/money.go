package handlers

import (
	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
)

// amount is money in a response: a JSON number with the currency's decimals, such as 75.50.
type amount struct{ models.Money }

// MarshalJSON writes the exact decimal; a float never comes near it.
func (a amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// Schema documents the number. Without its format some generators would keep it in 32 bits, where 250000.01 is
// 250000.02.
func (amount) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeNumber, Format: "double", Examples: []any{75.5},
		Description: "An exact decimal with as many decimals as the currency has, and at most 15 digits: a double holds each such amount, and gives it back when it is written with the currency's decimals.",
	}
}

// price is money in a request: a number, read exactly, or a string that holds one.
type price string

const decimalPattern = `^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`

// Schema documents both forms, as one component. A Go generator would make a union of them; a number is enough there.
func (price) Schema(r huma.Registry) *huma.Schema {
	const name = "Price"
	if r.Map()[name] == nil {
		zero, most := 0.0, float64(models.MaxAmount)
		r.Map()[name] = &huma.Schema{
			OneOf: []*huma.Schema{
				{Type: huma.TypeNumber, Format: "double", Minimum: &zero, Maximum: &most, Examples: []any{75.5}},
				{Type: huma.TypeString, Pattern: decimalPattern, MaxLength: new(models.MaxDecimalLength), Examples: []any{"75.50"}},
			},
			Description: "An exact decimal with at most as many decimals as the currency has: a number, or a string that holds one. " +
				"At most 15 digits in the currency's smallest unit (9999999999999.99 USD, 999999999999999 JPY, 999999999999.999 KWD), so that a double holds it; times total_tickets as well.",
			Extensions: map[string]any{goType: "float64"},
		}
	}
	return &huma.Schema{Ref: componentPrefix + name}
}

// textOrNull is a text that may be absent: then it is null.
func textOrNull[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	text := string(s)
	return &text
}
