package handlers

import (
	"errors"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

var (
	errNoInstant = errors.New("must be an RFC 3339 time with its offset, such as 2035-12-31T20:00:00Z")
	errFarTime   = errors.New("must be a time between the years 1900 and 9999")
)

// parseInstant reads RFC 3339 as strictly as it is written: time.Parse also takes hours of one digit, a comma, and
// offsets of 24 hours and of 60 minutes. The zero time is refused with all before 1900: it means "none" inside.
func parseInstant(text string) (time.Time, error) {
	const shortest = len("2006-01-02T15:04:05Z")
	if len(text) < shortest || text[13] != ':' || text[19] == ',' || !isOffset(text) {
		return time.Time{}, errNoInstant
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errNoInstant
	}
	if t = t.UTC(); t.Year() < 1900 || t.Year() > 9999 {
		return time.Time{}, errFarTime
	}
	return t, nil
}

// isOffset reports whether a time ends with an offset from UTC that a clock can have.
func isOffset(text string) bool {
	if text[len(text)-1] == 'Z' {
		return true
	}
	offset := text[len(text)-len("+00:00"):]
	hours, err1 := strconv.Atoi(offset[1:3])
	minutes, err2 := strconv.Atoi(offset[4:])
	return err1 == nil && err2 == nil && hours < 24 && minutes < 60
}

// instantPattern says what parseInstant takes, as far as a pattern can.
const instantPattern = `^(19|[2-9][0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`

// instant is a time in a request.
type instant struct{ time.Time }

// Schema is RFC 3339, within bounds.
func (instant) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Pattern: instantPattern}
}

// UnmarshalText reads a parameter.
func (i *instant) UnmarshalText(text []byte) (err error) {
	i.Time, err = parseInstant(string(text))
	return err
}

// moment is a time in a response that may not have come: then it is null.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// pointer is the time as patches want it; nil stays nil.
func (i *instant) pointer() *time.Time {
	if i == nil {
		return nil
	}
	return &i.Time
}
