package models

import (
	"cmp"
	"math"
	"strconv"
	"time"
)

// Limits of an event.
const (
	MaxDescriptionLength = 10_000
	MaxTotalTickets      = math.MaxInt32 // an INTEGER column
)

// Event is a show that tickets are sold for, with the counters that make selling safe.
type Event struct {
	ID          EventID
	Organizer   OrganizerID // who owns it; never changes
	Name        string
	Description string
	DateTime    time.Time // when it begins
	SalesEnd    time.Time // zero: the sale ends when the event begins
	TicketPrice Money
	Stock       Stock
	TimeZone    string // IANA name of the place's; empty: not told
	Version     int64  // of the ETag: what an organiser edits; bookings do not move it
	Seq         int64  // of the newest entry in its journal
	CountsUsers bool   // the rows of what its users hold are kept; see sale.Customer
	CancelledAt time.Time
	DeletedAt   time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// EventDraft is what an organiser gives to create an event.
type EventDraft struct {
	Organizer    OrganizerID // zero: the default one
	Name         string
	Description  string
	DateTime     time.Time
	SalesEnd     time.Time // zero: none
	TimeZone     string    // IANA name; empty: none
	TotalTickets int64
	TicketPrice  Money
}

// EventPatch is a change to an event; nil fields keep their value.
type EventPatch struct {
	Name         *string
	Description  *string
	DateTime     *time.Time
	SalesEnd     *time.Time // pointer to the zero time: none any more
	TimeZone     *string    // pointer to the empty text: none any more
	TotalTickets *int64
	Price        *string // the exact decimal, read in the event's (new) currency
	Currency     *Currency
}

// NewEvent checks a draft and makes the event. The store sets the times of creation.
func NewEvent(draft EventDraft) (Event, error) {
	e := Event{
		ID: NewID[EventID](), Organizer: cmp.Or(draft.Organizer, DefaultOrganizer),
		Name: draft.Name, Description: draft.Description,
		DateTime: instant(draft.DateTime), SalesEnd: instant(draft.SalesEnd), TimeZone: draft.TimeZone,
		TicketPrice: draft.TicketPrice,
		Stock:       Stock{Total: draft.TotalTickets, Available: draft.TotalTickets}, Version: 1,
	}
	return e, e.check()
}

// instant is a time as every store keeps it: UTC, whole microseconds.
func instant(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func (e *Event) check() error {
	var fields []FieldError
	fields = checkName(fields, e.Name)
	fields = checkText(fields, "description", e.Description, 0, MaxDescriptionLength)
	fields = checkInstant(fields, "date_time", e.DateTime)
	if !e.SalesEnd.IsZero() {
		fields = checkInstant(fields, "sales_end", e.SalesEnd)
	}
	fields = checkTimeZone(fields, e.TimeZone)
	if e.Stock.Total < 1 || e.Stock.Total > MaxTotalTickets {
		fields = append(fields, FieldError{"total_tickets", "must be between 1 and " + itoa(MaxTotalTickets), e.Stock.Total})
	}
	if e.TicketPrice.Minor < 0 {
		fields = append(fields, FieldError{"ticket_price", "must not be negative", e.TicketPrice.String()})
	} else if !e.amountsFit() {
		fields = append(fields, FieldError{"ticket_price", "times total_tickets is too large an amount", e.TicketPrice.String()})
	}
	return Invalid(fields)
}

// amountsFit reports whether the event's amounts stay within bounds whatever is sold from now on: what is taken, at the
// prices of its time, and every ticket once more at today's.
func (e *Event) amountsFit() bool {
	all, fits := e.TicketPrice.Times(max(e.Stock.Total, 0))
	taken := e.Stock.HeldAmount + e.Stock.SoldAmount
	return fits && all.Minor <= MaxAmount-taken
}

func checkInstant(fields []FieldError, place string, t time.Time) []FieldError {
	if t.Year() < 1900 || t.Year() > 9999 {
		return append(fields, FieldError{Field: place, Message: "must be a time between the years 1900 and 9999"})
	}
	return fields
}

// SalesClosed returns the reason why nothing can be booked at a time, or nil.
func (e *Event) SalesClosed(now time.Time) *Error {
	cutoff := e.SalesEnd
	if cutoff.IsZero() {
		cutoff = e.DateTime
	}
	switch {
	case !e.CancelledAt.IsZero():
		return ErrEventCancelled
	case now.Before(cutoff):
		return nil
	case !now.Before(e.DateTime):
		return ErrEventStarted
	}
	return ErrSalesEnded
}

// Apply changes an event by a patch and reports whether anything differs now. Errors: ErrInvalid, ErrCurrencyFixed,
// ErrCapacityBelowTaken.
func (e *Event) Apply(patch EventPatch, now time.Time) (changed bool, err error) {
	next := *e
	set(&next.Name, patch.Name)
	set(&next.Description, patch.Description)
	if patch.DateTime != nil {
		next.DateTime = instant(*patch.DateTime)
	}
	if patch.SalesEnd != nil {
		next.SalesEnd = instant(*patch.SalesEnd)
	}
	set(&next.TimeZone, patch.TimeZone)
	if err := next.applyPrice(patch); err != nil {
		return false, err
	}
	if err := next.resize(patch.TotalTickets); err != nil {
		return false, err
	}
	if err := next.check(); err != nil || next == *e {
		return false, err
	}
	next.Version++
	next.UpdatedAt = now
	*e = next
	return true, nil
}

func (e *Event) applyPrice(patch EventPatch) error {
	if patch.Currency != nil && *patch.Currency != e.TicketPrice.Currency {
		if e.Stock.Bookings() > 0 {
			return ErrCurrencyFixed
		}
		// The number that the organiser saw stays: 75.50 USD becomes 75.50 EUR, not the same count of minor units.
		price := e.TicketPrice.String()
		if patch.Price == nil {
			patch.Price = &price
		}
		e.TicketPrice.Currency = *patch.Currency
	}
	if patch.Price == nil {
		return nil
	}
	price, err := ParseMoney(*patch.Price, e.TicketPrice.Currency)
	if err != nil {
		return Invalid([]FieldError{{"ticket_price", err.Error(), Clip(*patch.Price, 40)}})
	}
	e.TicketPrice = price
	return nil
}

// resize sets the capacity; what is taken stays taken.
func (e *Event) resize(total *int64) error {
	if total == nil || *total < 1 || *total > MaxTotalTickets {
		set(&e.Stock.Total, total) // check() names what is wrong
		return nil
	}
	if *total < e.Stock.Taken() {
		return ErrCapacityBelowTaken.Attr("taken", e.Stock.Taken()).Attr("sold", e.Stock.Sold).Attr("held", e.Stock.Held)
	}
	e.Stock.Resize(*total)
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
