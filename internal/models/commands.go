package models

import "time"

// Command is one change asked of an event's desk. EventState.Decide gives its outcome.
type Command interface {
	// need adds what must be read before the command can be decided.
	need(*Need)
	// decide changes the state, or leaves it as it was and says why.
	decide(*EventState) Verdict
}

// Verdict is a command's outcome. Exactly one of Err and the rest is set.
type Verdict struct {
	Booking  *Booking // as the command left it; of Reserve, Cancel, Settle
	Charge   *Charge  // as the command left it; of Settle, SettleMoved
	Refund   *Refund  // what is still to be given back of the charge; of SettleMoved
	Event    *Event   // of EditEvent, DeleteEvent, CancelEvent, and of Settle with Prepared
	Replayed bool     // an Idempotency-Key's first answer, given again
	Err      *Error   // why not
}

// Need is what a batch must read under the event's lock, besides the event itself.
type Need struct {
	Users    []UserID    // which of them exist
	Keys     []ReplayKey // bookings made under these keys, of any event
	Bookings []BookingID // of this event
	Money    []BookingID // of Bookings: those whose charges and refunds are read too
}

// Needs collects what a batch of commands must read. With recheck, the bookings that reservations would make are
// looked up too: the batch was sent before, and whether it was committed is not known.
func Needs(commands []Command, recheck bool) Need {
	var n Need
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
	Booking  BookingID
	User     UserID
	Quantity int64
	Method   PaymentMethod
	Key      string // empty: none
	Hash     RequestHash
}

// Cancel ends a booking at its user's wish.
type Cancel struct{ Booking BookingID }

// Expire ends a PENDING booking whose deadline has passed.
type Expire struct{ Booking BookingID }

// CancelForEvent ends a booking of a cancelled event.
type CancelForEvent struct{ Booking BookingID }

// ConfirmFree confirms a booking that costs nothing.
type ConfirmFree struct{ Booking BookingID }

// Settle records what a gateway said of a charge, and does what follows: confirm, cancel, refund, retry or give up.
type Settle struct {
	Charge  ChargeKey
	Try     int // which one was answered: the charge's Attempts as it was taken up; 0: none, or not known
	Result  Result
	Backoff time.Duration // how long to wait before the next try, if there is to be one
}

// SettleRefund records what a gateway said of a refund.
type SettleRefund struct {
	Charge  ChargeKey
	Part    int // 0: the first
	Try     int // as of Settle
	Result  Result
	Backoff time.Duration
}

// RetryLetter gives a dead letter's charge or refund another round of attempts.
type RetryLetter struct {
	Kind   LetterKind
	Charge ChargeKey
}

// DiscardLetter drops the dead letter of a charge that surely was not made.
type DiscardLetter struct {
	Kind   LetterKind
	Charge ChargeKey
}

// EditEvent changes what an organiser may change. IfVersion, when given, must be the event's version.
type EditEvent struct {
	Patch      EventPatch
	IfVersion  *int64
	Chargeable func(Money) error // what the gateway cannot charge, for the organiser to read; nil: it can charge all
}

// DeleteEvent hides an event that nobody holds a live booking of.
type DeleteEvent struct{ IfVersion *int64 }

// CancelEvent stops an event's sale for good; its bookings are then cancelled one batch after another.
type CancelEvent struct{}

func (c *Reserve) need(n *Need) {
	n.Users = append(n.Users, c.User)
	if c.Key != "" {
		n.Keys = append(n.Keys, ReplayKey{c.User, c.Key})
	}
}
func (c *Cancel) need(n *Need)         { n.withMoney(c.Booking) }
func (c *Expire) need(n *Need)         { n.Bookings = append(n.Bookings, c.Booking) }
func (c *CancelForEvent) need(n *Need) { n.withMoney(c.Booking) }
func (c *ConfirmFree) need(n *Need)    { n.Bookings = append(n.Bookings, c.Booking) }
func (c *Settle) need(n *Need)         { n.withMoney(c.Charge.Booking) }
func (c *SettleRefund) need(n *Need)   { n.withMoney(c.Charge.Booking) }
func (c *RetryLetter) need(n *Need)    { n.withMoney(c.Charge.Booking) }
func (c *DiscardLetter) need(n *Need)  { n.withMoney(c.Charge.Booking) }
func (c *EditEvent) need(*Need)        {}
func (c *DeleteEvent) need(*Need)      {}
func (c *CancelEvent) need(*Need)      {}

func (n *Need) withMoney(b BookingID) {
	n.Bookings = append(n.Bookings, b)
	n.Money = append(n.Money, b)
}
