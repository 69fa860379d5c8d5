package models

import (
	"fmt"
	"time"
)

// FactKind says what happened. The words are those of the feed (docs/feed.md).
type FactKind string

// The kinds of facts. What each of them holds is said at its fields in [Fact].
const (
	FactOpened FactKind = "event.opened" // what the sum of all earlier facts is: they were pruned, or never written down

	FactCreated        FactKind = "event.created"
	FactEdited         FactKind = "event.edited"
	FactEventCancelled FactKind = "event.cancelled"
	FactDeleted        FactKind = "event.deleted"

	FactBooked    FactKind = "booking.created"   // tickets: available -> held
	FactConfirmed FactKind = "booking.confirmed" // held -> sold
	FactCancelled FactKind = "booking.cancelled" // held or sold -> available
	FactRestored  FactKind = "booking.restored"  // available -> held again: paid after it had expired
	FactRevenue   FactKind = "booking.revenue"   // what a CONFIRMED booking earns: its money moved at the gateway

	FactCharged       FactKind = "charge.succeeded" // money taken
	FactRefundOwed    FactKind = "refund.owed"      // money to be given back
	FactRefundReduced FactKind = "refund.reduced"   // less of it is owed, for some went back otherwise
	FactRefundGiven   FactKind = "refund.succeeded" // what was owed was given back
	FactRefundMoved   FactKind = "refund.moved"     // money that went back without being asked for here
	FactRefundFailed  FactKind = "refund.failed"    // money that had gone back is here again
)

// Fact is one thing that happened at an event, as its journal keeps it. Fields that a kind does not name are zero. It
// tells neither names nor addresses, and no tries: only what has come of them.
type Fact struct {
	Kind     FactKind
	Booking  BookingID    // of bookings, charges and refunds
	Quantity int64        // of bookings: their tickets
	Amount   int64        // in minor units: of bookings what they count for; of FactRevenue the change, perhaps below 0
	Was      Status       // of FactCancelled: PENDING or CONFIRMED
	Reason   CancelReason // of FactCancelled
	Charge   int          // of charges and refunds: which of the booking's charges, from 1
	Part     int          // of refunds: which part of the charge's money, from 1
	Moved    RefundReason // of FactRefundMoved
	Terms    *Terms       // of FactCreated and FactEdited
	Balance  *Balance     // of FactOpened
}

// Terms are what an event is sold by, as its organiser has set them.
type Terms struct {
	TotalTickets int64
	TicketPrice  Money
	DateTime     time.Time
	SalesEnd     time.Time // zero: none
	TimeZone     string
	Version      int64
}

// TermsOf returns an event's terms.
func TermsOf(e *Event) *Terms {
	return &Terms{
		TotalTickets: e.Stock.Total, TicketPrice: e.TicketPrice, DateTime: e.DateTime, SalesEnd: e.SalesEnd,
		TimeZone: e.TimeZone, Version: e.Version,
	}
}

// Entry is a row of an event's journal: what one batch has changed, in order. Seq begins at 1 and has no gaps.
type Entry struct {
	Event    EventID
	Seq      int64
	At       time.Time // by the store's clock, under the event's lock
	Currency Currency  // of the facts' amounts
	Facts    []Fact
	Place    FeedPlace // where it stands in the feed of all events, if it was read there
}

// FeedPlace is a place in the feed over all events. Only its store can tell what is before or after it.
type FeedPlace struct {
	Epoch uint32 // of the store's numbers: a database that was restored from a dump begins another
	Tx    int64
	Event EventID
	Seq   int64
}

// anew is set in the epoch of places that are given to a reader who has begun without one, until it comes past all that
// was pruned. What was taken out before it opens with its sum there, so that nothing is kept from it.
const anew = 1 << 31

// Of reports whether the place is of an epoch; stores give epochs below 1<<31.
func (p FeedPlace) Of(epoch uint32) bool { return p.Epoch&^anew == epoch }

// Anew reports whether whoever reads on from the place has begun without one and not yet come past all that was pruned.
func (p FeedPlace) Anew() bool { return p.Epoch&anew != 0 }

// AsAnew returns the place for such a reader.
func (p FeedPlace) AsAnew() FeedPlace {
	p.Epoch |= anew
	return p
}

// JournalPage is a piece of an event's journal, read in one snapshot.
type JournalPage struct {
	First, Last int64 // the oldest entry that is kept and the newest one; both 0 when there is none yet
	Entries     []Entry
}

// Gone reports whether entries after a seq that a reader knows were pruned. The first entry that is kept then opens
// with their sum. A reader that knows nothing begins there.
func (p JournalPage) Gone(after int64) bool { return after < p.First && p.First > 1 }

// Balance is what an event's facts add up to: its counters and its money.
type Balance struct {
	Stock    Stock
	Charged  int64 // taken, in minor units
	Refunded int64 // gone back, or owed
	Owed     int64 // of Refunded what is still to be given
	Begun    bool  // a FactCreated or FactOpened was seen
}

// Add counts a fact. It is arithmetic alone, and asserts nothing: what a journal says is to be compared with what it
// should.
func (b *Balance) Add(f *Fact) error {
	s := &b.Stock
	switch f.Kind {
	case FactOpened:
		*b = *f.Balance
		b.Begun = true
	case FactCreated:
		*b = Balance{Stock: Stock{Total: f.Terms.TotalTickets, Available: f.Terms.TotalTickets}, Begun: true}
	case FactEdited:
		s.Available += f.Terms.TotalTickets - s.Total
		s.Total = f.Terms.TotalTickets
	case FactEventCancelled, FactDeleted:
	case FactBooked, FactRestored:
		b.hold(f)
	case FactConfirmed:
		s.Held, s.HeldAmount, s.Pending = s.Held-f.Quantity, s.HeldAmount-f.Amount, s.Pending-1
		s.Sold, s.SoldAmount, s.Confirmed = s.Sold+f.Quantity, s.SoldAmount+f.Amount, s.Confirmed+1
	case FactCancelled:
		b.release(f)
	case FactRevenue:
		s.SoldAmount += f.Amount
	case FactCharged:
		b.Charged += f.Amount
	case FactRefundOwed:
		b.Refunded, b.Owed = b.Refunded+f.Amount, b.Owed+f.Amount
	case FactRefundReduced:
		b.Refunded, b.Owed = b.Refunded-f.Amount, b.Owed-f.Amount
	case FactRefundGiven:
		b.Owed -= f.Amount
	case FactRefundMoved:
		b.Refunded += f.Amount
	case FactRefundFailed:
		b.Refunded -= f.Amount
	default:
		return fmt.Errorf("%q is not a kind of fact", f.Kind)
	}
	return nil
}

func (b *Balance) hold(f *Fact) {
	s := &b.Stock
	s.Available, s.Held = s.Available-f.Quantity, s.Held+f.Quantity
	s.HeldAmount, s.Pending = s.HeldAmount+f.Amount, s.Pending+1
	if f.Kind == FactRestored {
		s.Cancelled--
	}
}

func (b *Balance) release(f *Fact) {
	s := &b.Stock
	s.Available, s.Cancelled = s.Available+f.Quantity, s.Cancelled+1
	if f.Was == StatusConfirmed {
		s.Sold, s.SoldAmount, s.Confirmed = s.Sold-f.Quantity, s.SoldAmount-f.Amount, s.Confirmed-1
	} else {
		s.Held, s.HeldAmount, s.Pending = s.Held-f.Quantity, s.HeldAmount-f.Amount, s.Pending-1
	}
}

// JournalSum is what an event's journal adds up to.
type JournalSum struct {
	Balance
	First, Last int64 // the seqs of the first and the last entry; 0 when there is none
	Gaps        int64 // how many seqs are missing between them
}
