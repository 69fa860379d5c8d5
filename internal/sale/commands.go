package sale

import (
	"time"

	"quantix/internal/models"
)

// Command is one change asked of an event's desk. State.Decide returns its outcome.
type Command interface {
	// need adds what must be read before the command can be decided.
	need(*Reads)
	// decide changes the state, or leaves it as it was and says why.
	decide(*State) Verdict
}

// Verdict is a command's outcome. Err is set if the command was refused; otherwise the fields that name the command.
type Verdict struct {
	Booking  *models.Booking // as the command left it; of Reserve, Cancel, Settle
	Charge   *models.Charge  // as the command left it; of Settle, SettleMoved
	Refund   *models.Refund  // what is still to be given back of the charge; of SettleMoved
	Event    *models.Event   // of EditEvent, DeleteEvent, CancelEvent, and of Settle with Prepared
	Replayed bool            // an Idempotency-Key's first answer, given again
	Err      *models.Error   // why not
}

// Reads is what a batch must read under the event's lock, besides the event itself.
type Reads struct {
	Users    []models.UserID    // which of them exist
	Keys     []models.ReplayKey // bookings made under these keys, of any event
	Bookings []models.BookingID // of this event
	Money    []models.BookingID // of Bookings: those whose charges and refunds are read too
	Seen     []*Seen            // need not be read where the writing tells whether they still stand so

	Customers bool // how many tickets of the event each of Users holds, too

	again bool // nothing that was seen before is believed
}

// Seen is a booking as it was when its first charge was started.
type Seen struct {
	Booking *models.Booking
	Charge  *models.Charge
}

// ReadsOf collects what a batch of commands must read. With recheck, the bookings that reservations would make are
// looked up too: the batch was sent before, and whether it was committed is not known. With again, the batch was
// undone: what was seen before it is read as well.
func ReadsOf(commands []Command, recheck, again bool) Reads {
	n := Reads{again: recheck || again}
	for _, c := range commands {
		c.need(&n)
		if r, ok := c.(*Reserve); ok && recheck {
			n.Bookings = append(n.Bookings, r.Booking)
		}
	}
	return n
}

// Reserve takes tickets for a new PENDING booking. Its id is made before the transaction, so that an unknown commit
// can be looked up.
type Reserve struct {
	Booking  models.BookingID
	User     models.UserID
	Quantity int64
	Method   models.PaymentMethod
	Key      string // empty: none
	Hash     models.RequestHash
}

// Cancel ends a booking at its user's wish.
type Cancel struct{ Booking models.BookingID }

// Expire ends a PENDING booking whose deadline has passed.
type Expire struct{ Booking models.BookingID }

// CancelForEvent ends a booking of a cancelled event.
type CancelForEvent struct{ Booking models.BookingID }

// ConfirmFree confirms a booking that costs nothing.
type ConfirmFree struct{ Booking models.BookingID }

// Settle records what a gateway said of a charge, and does what follows: confirm, cancel, refund, retry or give up.
type Settle struct {
	Charge  models.ChargeKey
	Try     int // which one was answered: the charge's Attempts as it was taken up; 0: none, or not known
	Result  models.Result
	Backoff time.Duration // how long to wait before the next try, if there is to be one
	Seen    *Seen         // of a success: the booking as its charge was started; nil: to be read
}

// SettleRefund records what a gateway said of a refund.
type SettleRefund struct {
	Charge  models.ChargeKey
	Part    int // 0: the first
	Try     int // as of Settle
	Result  models.Result
	Backoff time.Duration
}

// RetryLetter gives a dead letter's charge or refund another round of attempts.
type RetryLetter struct {
	Kind   models.LetterKind
	Charge models.ChargeKey
}

// DiscardLetter drops the dead letter of a charge that surely was not made.
type DiscardLetter struct {
	Kind   models.LetterKind
	Charge models.ChargeKey
}

// EditEvent changes what an organiser may change. IfVersion, when given, must be the event's version.
type EditEvent struct {
	Patch     models.EventPatch
	IfVersion *int64
	// what the gateway cannot charge, for the organiser to read; nil: it can charge all
	Chargeable func(models.Money) error
}

// DeleteEvent hides an event that nobody holds a live or refundable booking of.
type DeleteEvent struct{ IfVersion *int64 }

// CancelEvent stops an event's sale for good; its bookings are then cancelled one batch after another.
type CancelEvent struct{}

func (c *Reserve) need(n *Reads) {
	n.Users = append(n.Users, c.User)
	if c.Key != "" {
		n.Keys = append(n.Keys, models.ReplayKey{User: c.User, Key: c.Key})
	}
}
func (c *Cancel) need(n *Reads)         { n.withMoney(c.Booking) }
func (c *Expire) need(n *Reads)         { n.Bookings = append(n.Bookings, c.Booking) }
func (c *CancelForEvent) need(n *Reads) { n.withMoney(c.Booking) }
func (c *ConfirmFree) need(n *Reads)    { n.Bookings = append(n.Bookings, c.Booking) }
func (c *SettleRefund) need(n *Reads)   { n.withMoney(c.Charge.Booking) }
func (c *RetryLetter) need(n *Reads)    { n.withMoney(c.Charge.Booking) }
func (c *DiscardLetter) need(n *Reads)  { n.withMoney(c.Charge.Booking) }
func (c *EditEvent) need(*Reads)        {}
func (c *DeleteEvent) need(*Reads)      {}
func (c *CancelEvent) need(*Reads)      {}

func (c *Settle) need(n *Reads) {
	if c.Seen != nil && !n.again {
		n.Seen = append(n.Seen, c.Seen)
		return
	}
	n.withMoney(c.Charge.Booking)
}

func (n *Reads) withMoney(b models.BookingID) {
	n.Bookings = append(n.Bookings, b)
	n.Money = append(n.Money, b)
}
