package journal

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"quantix/internal/models"
)

// version is the format's number, the first byte of every entry. The currency of the amounts follows.
const version = 1

// sameBooking is set in a fact's first byte when it is about the booking of the fact before it.
const sameBooking = 0x80

// maxZone bounds the name of a time zone, so that foreign bytes cannot ask for more memory than there is.
const maxZone = 1 << 10

// kinds gives each kind of fact its number, which never changes: 0 is none.
var kinds = []models.FactKind{
	1: models.FactOpened, 2: models.FactCreated, 3: models.FactEdited, 4: models.FactEventCancelled, 5: models.FactDeleted,
	6: models.FactBooked, 7: models.FactConfirmed, 8: models.FactCancelled, 9: models.FactRestored, 10: models.FactRevenue,
	11: models.FactCharged, 12: models.FactRefundOwed, 13: models.FactRefundReduced, 14: models.FactRefundGiven,
	15: models.FactRefundMoved, 16: models.FactRefundFailed,
}

// The numbers of what a fact may say besides; they never change.
var (
	reasons = []models.CancelReason{
		1: models.ReasonUser, 2: models.ReasonExpired, 3: models.ReasonDeclined, 4: models.ReasonEventCancelled,
	}
	formers = []models.Status{1: models.StatusPending, 2: models.StatusConfirmed}
	moves   = []models.RefundReason{1: models.RefundMoved, 2: models.RefundDisputed}
)

// Encode returns an entry's facts as they are stored. A fact that this format cannot say is a fault of ours, and
// panics: the box office then writes nothing of the batch.
func Encode(currency models.Currency, facts []models.Fact) []byte {
	if len(currency) != 3 {
		panic(fmt.Sprintf("a journal in currency %q", currency))
	}
	e := encoder{buf: make([]byte, 0, 4+24*len(facts))}
	e.buf = append(append(e.buf, version), currency...)
	for i := range facts {
		e.fact(&facts[i])
	}
	return e.buf
}

type encoder struct {
	buf  []byte
	last models.BookingID
}

func (e *encoder) fact(f *models.Fact) {
	kind := numberOf(kinds, f.Kind)
	if f.Booking == (models.BookingID{}) {
		e.buf = append(e.buf, kind)
		e.ofEvent(f)
		return
	}
	if f.Booking == e.last {
		e.buf = append(e.buf, kind|sameBooking)
	} else {
		e.buf = append(append(e.buf, kind), f.Booking[:]...)
		e.last = f.Booking
	}
	e.ofBooking(f)
}

func (e *encoder) ofEvent(f *models.Fact) {
	switch f.Kind {
	case models.FactOpened:
		for _, n := range sums(f.Balance) {
			e.buf = binary.BigEndian.AppendUint64(e.buf, uint64(*n))
		}
	case models.FactCreated, models.FactEdited:
		e.terms(f.Terms)
	case models.FactEventCancelled, models.FactDeleted:
	default:
		panic(fmt.Sprintf("a fact %s without a booking", f.Kind))
	}
}

// sums are the numbers of an opening balance in their order. They have eight bytes each, so that SQL can write them,
// too: migration 9 opens the journals of events from before.
func sums(b *models.Balance) []*int64 {
	s := &b.Stock
	return []*int64{
		&s.Total, &s.Available, &s.Held, &s.Sold, &s.HeldAmount, &s.SoldAmount, &s.Pending, &s.Confirmed, &s.Cancelled,
		&b.Charged, &b.Refunded, &b.Owed,
	}
}

func (e *encoder) terms(t *models.Terms) {
	if len(t.TicketPrice.Currency) != 3 || len(t.TimeZone) > maxZone {
		panic(fmt.Sprintf("terms that could not be read again: %+v", t))
	}
	e.number(t.TotalTickets)
	e.number(t.TicketPrice.Minor)
	e.buf = append(e.buf, t.TicketPrice.Currency...)
	e.time(t.DateTime)
	e.time(t.SalesEnd)
	e.number(int64(len(t.TimeZone)))
	e.buf = append(e.buf, t.TimeZone...)
	e.number(t.Version)
}

func (e *encoder) ofBooking(f *models.Fact) {
	switch f.Kind {
	case models.FactBooked, models.FactConfirmed, models.FactRestored:
		e.number(f.Quantity)
	case models.FactCancelled:
		e.number(f.Quantity)
		e.buf = append(e.buf, numberOf(formers, f.Was)<<4|numberOf(reasons, f.Reason))
	case models.FactRevenue:
		e.buf = binary.AppendVarint(e.buf, f.Amount)
		return
	case models.FactCharged:
		e.number(int64(f.Charge))
	case models.FactRefundOwed, models.FactRefundReduced, models.FactRefundGiven, models.FactRefundFailed:
		e.number(int64(f.Charge))
		e.number(int64(f.Part))
	case models.FactRefundMoved:
		e.number(int64(f.Charge))
		e.number(int64(f.Part))
		e.buf = append(e.buf, numberOf(moves, f.Moved))
	default:
		panic(fmt.Sprintf("a fact %s of a booking", f.Kind))
	}
	e.number(f.Amount)
}

// number writes one that is never negative.
func (e *encoder) number(n int64) {
	if n < 0 {
		panic(fmt.Sprintf("a fact with %d", n))
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(n))
}

// time writes whole microseconds since 1970; no time is a mark of its own.
func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.buf = append(e.buf, 0)
		return
	}
	e.buf = binary.AppendVarint(append(e.buf, 1), t.UnixMicro())
}

func numberOf[T ~string](list []T, word T) byte {
	at := slices.Index(list, word)
	if at < 1 {
		panic(fmt.Sprintf("a journal has no number for %q", word))
	}
	return byte(at)
}
