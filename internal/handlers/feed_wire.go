package handlers

import (
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
)

// entryBody is an entry of an event's journal as it is answered; appendEntry writes the same.
type entryBody struct {
	EventID  models.EventID  `json:"event_id"`
	Seq      int64           `json:"seq" doc:"Its number at this event: from 1, without gaps." example:"42"`
	At       time.Time       `json:"at" doc:"When it was committed, by the database's clock."`
	Currency models.Currency `json:"currency" doc:"Of the amounts of bookings, charges and refunds."`
	Facts    []factBody      `json:"facts" nullable:"false" doc:"What happened, in order."`
}

// placedEntryBody is an entry of the feed of all events; appendPlaced writes the same.
type placedEntryBody struct {
	EventID  models.EventID  `json:"event_id"`
	Seq      int64           `json:"seq" doc:"Its number at this event: from 1, without gaps." example:"42"`
	At       time.Time       `json:"at" doc:"When it was committed, by the database's clock."`
	Currency models.Currency `json:"currency" doc:"Of the amounts of bookings, charges and refunds."`
	Facts    []factBody      `json:"facts" nullable:"false" doc:"What happened, in order."`
	Cursor   string          `json:"cursor" doc:"Its place in the feed of all events, for after and Last-Event-ID."`
}

// factBody is one thing that happened. Which fields there are, its type says: see docs/feed.md.
type factBody struct {
	Type           factKind          `json:"type"`
	BookingID      *models.BookingID `json:"booking_id,omitempty" doc:"Of bookings, charges and refunds."`
	Quantity       *int64            `json:"quantity,omitempty" doc:"The booking's tickets."`
	PreviousStatus *models.Status    `json:"previous_status,omitempty" doc:"Of booking.cancelled: what it was before."`
	CancelReason   *reasonOrNothing  `json:"cancel_reason,omitempty" doc:"Of booking.cancelled."`
	PaymentID      *string           `json:"payment_id,omitempty" format:"uuid" doc:"Of charges and refunds: their id among the booking's payments."`
	Reason         *string           `json:"reason,omitempty" doc:"Of refund.moved: moved (given back at the gateway, by hand) or dispute (taken by the buyer's bank)."`
	Amount         *amount           `json:"amount,omitempty" doc:"Of bookings what they count for, of charges and refunds the money; of booking.revenue the change, which may be below 0."`
	TotalTickets   *int64            `json:"total_tickets,omitempty"`
	TicketPrice    *amount           `json:"ticket_price,omitempty"`
	DateTime       *time.Time        `json:"date_time,omitempty" doc:"When the event begins."`
	SalesEnd       *timeOrNull       `json:"sales_end,omitempty"`
	TimeZone       *zoneOrNull       `json:"time_zone,omitempty"`
	Version        *int64            `json:"version,omitempty" doc:"The number in the event's ETag."`
	Available      *int64            `json:"available,omitempty" doc:"Of event.opened, as all that follow: what the sum of all earlier facts is."`
	Held           *int64            `json:"held,omitempty"`
	Sold           *int64            `json:"sold,omitempty"`
	HeldAmount     *amount           `json:"held_amount,omitempty"`
	SoldAmount     *amount           `json:"sold_amount,omitempty"`
	Pending        *int64            `json:"pending,omitempty" doc:"Bookings."`
	Confirmed      *int64            `json:"confirmed,omitempty" doc:"Bookings."`
	Cancelled      *int64            `json:"cancelled,omitempty" doc:"Bookings."`
	Charged        *amount           `json:"charged,omitempty" doc:"All money taken."`
	Refunded       *amount           `json:"refunded,omitempty" doc:"All money that has gone back, or is owed."`
	Owed           *amount           `json:"owed,omitempty" doc:"Of refunded what is still to be given back."`
	Currency       *models.Currency  `json:"currency,omitempty" doc:"Of the event, as event.created, event.edited and event.opened tell it."`
}

// timeOrNull is a time that a fact always tells, null when there is none.
type timeOrNull struct{ time.Time }

// MarshalJSON writes null for no time.
func (t timeOrNull) MarshalJSON() ([]byte, error) { return t.append(nil), nil }

func (t timeOrNull) append(b []byte) []byte {
	if t.IsZero() {
		return append(b, "null"...)
	}
	return appendTime(b, t.Time)
}

// Schema is a time, or null.
func (timeOrNull) Schema(huma.Registry) *huma.Schema {
	s := orNull(&huma.Schema{Type: huma.TypeString, Format: "date-time"})
	s.Description = "When the sale ends; null: when the event begins."
	return s
}

// zoneOrNull is a time zone that a fact always tells, null when there is none.
type zoneOrNull string

// MarshalJSON writes null for no zone.
func (z zoneOrNull) MarshalJSON() ([]byte, error) { return z.append(nil), nil }

func (z zoneOrNull) append(b []byte) []byte {
	if z == "" {
		return append(b, "null"...)
	}
	return appendText(b, string(z))
}

// Schema is a text, or null.
func (zoneOrNull) Schema(huma.Registry) *huma.Schema {
	s := orNull(&huma.Schema{Type: huma.TypeString, MinLength: new(1)})
	s.Description = "IANA name of the place's time zone; null: not told."
	return s
}

// appendEntry writes what entryBody would be as JSON; a test holds the two together. Readers take thousands a second.
func appendEntry(b []byte, e *models.Entry) []byte { return append(appendOpenEntry(b, e), '}') }

// appendPlaced writes what placedEntryBody would be as JSON.
func appendPlaced(b []byte, e *models.Entry) []byte {
	b = append(appendOpenEntry(b, e), `,"cursor":"`...)
	b = appendPlace(b, e.Place)
	return append(b, '"', '}')
}

func appendOpenEntry(b []byte, e *models.Entry) []byte {
	b = append(b, `{"event_id":"`...)
	b = e.Event.Append(b)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = appendTime(append(b, `,"at":`...), e.At)
	b = appendText(append(b, `,"currency":`...), string(e.Currency))
	b = append(b, `,"facts":[`...)
	for i := range e.Facts {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFact(b, e, &e.Facts[i])
	}
	return append(b, ']')
}

func appendFact(b []byte, e *models.Entry, f *models.Fact) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, f.Kind...)
	b = append(b, '"')
	switch f.Kind {
	case models.FactOpened:
		b = appendBalance(b, f.Balance, e.Currency)
		b = appendText(append(b, `,"currency":`...), string(e.Currency))
	case models.FactCreated, models.FactEdited:
		b = appendTerms(b, f.Terms)
	case models.FactEventCancelled, models.FactDeleted:
	default:
		b = appendBookingFact(b, e, f)
	}
	return append(b, '}')
}

// appendBookingFact writes what a fact says of a booking, and of its money.
func appendBookingFact(b []byte, e *models.Entry, f *models.Fact) []byte {
	b = append(b, `,"booking_id":"`...)
	b = f.Booking.Append(b)
	b = append(b, '"')
	switch f.Kind {
	case models.FactBooked, models.FactConfirmed, models.FactRestored:
		b = appendNumber(b, "quantity", f.Quantity)
	case models.FactCancelled:
		b = appendNumber(b, "quantity", f.Quantity)
		b = appendText(append(b, `,"previous_status":`...), string(f.Was))
		b = appendText(append(b, `,"cancel_reason":`...), string(f.Reason))
	case models.FactRevenue:
	default:
		charge := models.ChargeKey{BookingRef: models.BookingRef{Event: e.Event, Booking: f.Booking}, N: f.Charge}
		b = append(b, `,"payment_id":"`...)
		if f.Kind == models.FactCharged {
			b = charge.ChargeID().Append(b)
		} else {
			b = models.RefundKey{ChargeKey: charge, Part: f.Part}.RefundID().Append(b)
		}
		b = append(b, '"')
	}
	if f.Kind == models.FactRefundMoved {
		b = appendText(append(b, `,"reason":`...), string(f.Moved))
	}
	return appendMoney(b, "amount", f.Amount, e.Currency)
}

func appendTerms(b []byte, t *models.Terms) []byte {
	b = appendNumber(b, "total_tickets", t.TotalTickets)
	b = appendMoney(b, "ticket_price", t.TicketPrice.Minor, t.TicketPrice.Currency)
	b = appendTime(append(b, `,"date_time":`...), t.DateTime)
	b = timeOrNull{t.SalesEnd}.append(append(b, `,"sales_end":`...))
	b = zoneOrNull(t.TimeZone).append(append(b, `,"time_zone":`...))
	b = appendNumber(b, "version", t.Version)
	return appendText(append(b, `,"currency":`...), string(t.TicketPrice.Currency))
}

func appendBalance(b []byte, v *models.Balance, currency models.Currency) []byte {
	s := &v.Stock
	b = appendNumber(b, "total_tickets", s.Total)
	b = appendNumber(b, "available", s.Available)
	b = appendNumber(b, "held", s.Held)
	b = appendNumber(b, "sold", s.Sold)
	b = appendMoney(b, "held_amount", s.HeldAmount, currency)
	b = appendMoney(b, "sold_amount", s.SoldAmount, currency)
	b = appendNumber(b, "pending", s.Pending)
	b = appendNumber(b, "confirmed", s.Confirmed)
	b = appendNumber(b, "cancelled", s.Cancelled)
	b = appendMoney(b, "charged", v.Charged, currency)
	b = appendMoney(b, "refunded", v.Refunded, currency)
	return appendMoney(b, "owed", v.Owed, currency)
}

func appendName(b []byte, name string) []byte {
	b = append(b, ',', '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

func appendNumber(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendName(b, name), n, 10)
}

func appendMoney(b []byte, name string, minor int64, currency models.Currency) []byte {
	return models.Money{Minor: minor, Currency: currency}.Append(appendName(b, name))
}
