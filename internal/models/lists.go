package models

import "time"

// Page bounds a list: at most Limit items, after the position of a cursor.
type Page struct {
	Limit int
	After *Position // nil: from the start
}

// MostText bounds the names and descriptions of one page of events, in bytes: a page ends with the event that reaches it,
// however many were asked for.
const MostText = 128 << 10

// TextOf gives how much of MostText an event takes.
func TextOf(e *Event) int { return len(e.Name) + len(e.Description) }

// Position is the last item seen, by the list's order.
type Position struct {
	Time time.Time // the sort key; zero where the id alone orders
	ID   [16]byte
}

// Bounds of a list's length.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// EventFilter picks events; zero fields pick all.
type EventFilter struct {
	From, To time.Time // date_time in [From, To)
	Query    string    // part of the name or the description, case-insensitive
}

// BookingFilter picks bookings; the zero field picks all.
type BookingFilter struct {
	Status Status
}
