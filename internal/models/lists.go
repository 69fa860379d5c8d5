package models

import (
	"slices"
	"time"
)

// Page bounds a list: at most Limit items, after the position of a cursor.
type Page struct {
	Limit int
	After *Position // nil: from the start
}

// MaxText bounds the names and descriptions of one page of events, in bytes: a page ends with the event that reaches
// it, however many were asked for.
const MaxText = 128 << 10

// EventPage is a page of a list of events.
type EventPage struct {
	Events []Event
	// Next is where to read on when the page ends for a bound of its own, MaxText or SearchShort, and neither for its
	// limit nor for want of events; otherwise nil.
	Next *Position
}

// PositionOf returns an event's place in lists of events.
func PositionOf(e *Event) Position { return Position{Time: e.DateTime, ID: e.ID} }

// TextOf returns how much of MaxText an event takes.
func TextOf(e *Event) int { return len(e.Name) + len(e.Description) }

// Position is the last item seen, by the list's order.
type Position struct {
	Time time.Time // the sort key; zero where the id alone orders
	ID   [16]byte
}

// MaxEntryBytes bounds a page of a journal, in bytes as they are stored: a page ends with the entry that reaches it.
const MaxEntryBytes = 64 << 10

// Bounds of a list's length.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// EventFilter picks events; zero fields pick all.
type EventFilter struct {
	From, To time.Time // date_time in [From, To)
	Query    string    // part of the name or the description, case-insensitive
	State    SaleState // by the store's clock
}

// SaleState is how an event's sale stands. Whether it is sold out does not count.
type SaleState string

// The states of a sale.
const (
	OnSale     SaleState = "on_sale"   // it takes place, and its sale has not ended
	SaleClosed SaleState = "closed"    // it takes place, or took place, and its sale has ended
	CalledOff  SaleState = "cancelled" // the organiser has cancelled it
)

// BookingFilter picks bookings; the zero field picks all.
type BookingFilter struct {
	Status Status
}

// SearchNear is how many events are looked at one by one, from where a page begins, before an index is asked: most
// searches find enough among them, and for the others they cost as much as a small installation's whole list.
const SearchNear = 1000

// SearchShort is how many events a page is looked for among when no index can help, because the text is shorter than
// its trigrams: a page of such a search ends there, and its reader may go on.
const SearchShort = 5 * SearchNear

// Trigrams returns every three characters in a row of a text, each once, up to some: what an index of trigrams is asked
// for. None of a text that is shorter, which only reading finds.
func Trigrams(text string) []string {
	const most = 32
	runes := []rune(text)
	var all []string
	for i := 0; i+3 <= len(runes) && len(all) < most; i++ {
		if one := string(runes[i : i+3]); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// LetterFilter narrows dead letters down; the zero value of each field lets all pass.
type LetterFilter struct {
	Event EventID
	Kind  LetterKind // charge or refund
}
