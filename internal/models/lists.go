package models

import "time"

// Page bounds a list: at most Limit items, after the position of a cursor.
type Page struct {
	Limit int
	After *Position // nil: from the start
}

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
