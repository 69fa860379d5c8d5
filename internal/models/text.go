package models

import (
	"strings"
	"time"
	_ "time/tzdata" // or the names that are known would be those of the machine, which in a container may be none
	"unicode"
	"unicode/utf8"
)

// checkName checks what an event or a user is called: one readable text, without characters that show it as another
// one.
func checkName(fields []FieldError, name string) []FieldError {
	const place = "name"
	known := len(fields)
	if fields = checkText(fields, place, name, 1, MaxNameLength); len(fields) > known {
		return fields
	}
	if strings.ContainsFunc(name, turnsText) {
		return append(fields, FieldError{Field: place, Message: "must not have bidirectional control characters"})
	}
	return fields
}

// turnsText tells of characters that change the order in which others are shown, so that a name can look like another.
func turnsText(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

// checkText bounds a text's length in characters and refuses what no database column or terminal should get.
func checkText(fields []FieldError, place, text string, least, most int) []FieldError {
	switch length := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "" && least > 0:
		return append(fields, FieldError{Field: place, Message: "must not be empty"})
	case length > most:
		return append(fields, FieldError{Field: place, Message: "must have at most " + itoa(most) + " characters"})
	case !isPrintable(text):
		return append(fields, FieldError{Field: place, Message: "must be UTF-8 text without control characters"})
	}
	return fields
}

// isPrintable refuses invalid UTF-8 and control characters, those of the upper half (C1) as well, other than tab and
// line breaks; PostgreSQL takes no NUL.
func isPrintable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
	})
}

// maxTimeZone is longer than any name that the zone database has.
const maxTimeZone = 64

// checkTimeZone takes the names of the IANA time zone database, and no others that the system may know; empty is none.
func checkTimeZone(fields []FieldError, name string) []FieldError {
	if name == "" || isTimeZone(name) {
		return fields
	}
	return append(fields, FieldError{
		Field: "time_zone", Message: "must be the name of an IANA time zone, such as Europe/Berlin", Value: Clip(name, maxTimeZone),
	})
}

func isTimeZone(name string) bool {
	if len(name) > maxTimeZone || name == "Local" || strings.ContainsFunc(name, notInTimeZones) {
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

func notInTimeZones(r rune) bool {
	return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/_+-", r)
}
