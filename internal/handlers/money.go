package handlers

import (
	"errors"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
)

// amount is money in a response: a JSON number with the currency's decimals, such as 75.50.
type amount struct{ models.Money }

// MarshalJSON writes the exact decimal; a float never comes near it.
func (a amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// Schema documents the number.
func (amount) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeNumber, Examples: []any{75.5},
		Description: "An exact decimal with as many decimals as the currency has.",
	}
}

// price is money in a request: a number, read exactly, or a string that holds one.
type price string

// Schema documents both forms.
func (price) Schema(huma.Registry) *huma.Schema {
	const decimal = `^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$`
	zero := 0.0
	return &huma.Schema{
		OneOf: []*huma.Schema{
			{Type: huma.TypeNumber, Minimum: &zero, Examples: []any{75.5}},
			{Type: huma.TypeString, Pattern: decimal, Examples: []any{"75.50"}},
		},
		Description: "An exact decimal with at most as many decimals as the currency has; a number, or a string that holds one.",
	}
}

var errNoInstant = errors.New("must be an RFC 3339 time with its offset, such as 2035-12-31T20:00:00Z")

// parseInstant reads RFC 3339 as strictly as it is written: time.Parse also takes hours of one digit, and a comma.
func parseInstant(text string) (time.Time, error) {
	if len(text) < len("2006-01-02T15:04:05Z") || text[13] != ':' || text[19] == ',' {
		return time.Time{}, errNoInstant
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errNoInstant
	}
	return t.UTC(), nil
}

// moment is a time in a response that may not have come: then it is null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// textOrNull is a text that may be absent: then it is null.
func textOrNull[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	text := string(s)
	return &text
}
