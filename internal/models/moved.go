package models

import (
	"fmt"
	"slices"
	"strings"
)

// MovementState is where a movement stands.
type MovementState string

// The states of a movement. It may go from each to those below it, and never back.
const (
	MovementOpen   MovementState = "open"   // a refund that is not finished, and may fail; a dispute that is not decided: the money is gone
	MovementDone   MovementState = "done"   // the money is gone
	MovementUndone MovementState = "undone" // it never went, or came back
)

// Movement is money of a charge that went back at its gateway, by whosever will.
type Movement struct {
	ID     string       // the gateway's name for it
	Reason RefundReason // RefundOwed: it was asked for here, as Part
	Part   int
	Amount Money
	State  MovementState
	Note   string // how it stands there, in a word
}

// disputeLost begins what is noted of a dispute that the bank has decided for the buyer.
const disputeLost = "lost"

// SettleMoved records what has become of a charge's money at its gateway. Each movement goes one way only, so that what
// is said twice, late or out of order does no harm.
type SettleMoved struct {
	Charge            ChargeKey
	ProviderReference string // which of the booking's charges; empty: Charge itself
	Movements         []Movement
}

func (c *SettleMoved) need(n *Need) { n.withMoney(c.Charge.Booking) }

// decide never cancels a booking: one whose money was given back by hand stays CONFIRMED, earns less, and a letter asks a
// person what to make of it. What a booking that has ended is owed still, after a refund came back say, is owed again.
func (c *SettleMoved) decide(s *EventState) Verdict {
	b := s.Bookings[c.Charge.Booking]
	if b == nil || s.Charges[c.Charge] == nil {
		return refuse(ErrBookingNotFound)
	}
	charge := s.chargeUnder(b, c)
	if charge == nil || charge.Status != ChargeSucceeded {
		return Verdict{Booking: copyOf(b)}
	}
	before := s.kept(b)
	news := false
	for _, m := range c.Movements {
		news = s.move(charge, m) || news
	}
	if news {
		s.afterMoves(charge, b, before, c.Movements)
	}
	v := Verdict{Booking: copyOf(b), Charge: copyOf(charge)}
	if owed := s.owedRefund(charge); owed != nil {
		v.Refund = copyOf(owed)
	}
	return v
}

// chargeUnder finds the charge that a gateway speaks of.
func (s *EventState) chargeUnder(b *Booking, c *SettleMoved) *Charge {
	if c.ProviderReference == "" {
		return s.Charges[c.Charge]
	}
	for _, charge := range s.chargesOf(b) {
		if charge.ProviderReference == c.ProviderReference {
			return charge
		}
	}
	return nil
}

// afterMoves does what follows for the booking.
func (s *EventState) afterMoves(charge *Charge, b *Booking, before int64, movements []Movement) {
	s.sumUp(charge)
	if b.Status != Confirmed || s.owedBack(charge) {
		s.refund(charge)
	}
	if change := s.kept(b) - before; b.Status == Confirmed && change != 0 {
		s.Event.Stock.SoldAmount += change
		s.touchEvent()
	}
	s.tellOfMoves(charge, b, movements)
}

// move records one movement, and tells whether it is news.
func (s *EventState) move(charge *Charge, m Movement) bool {
	r := s.refundOf(charge, m)
	switch {
	case r == nil && (m.Amount.Minor <= 0 || m.State == MovementUndone || m.State == MovementOpen && m.Reason != RefundDisputed):
		return false
	case r == nil:
		s.addMove(charge, m)
	case m.State == MovementDone && r.Status == RefundPending:
		s.touchRefund(r)
		s.given(charge, r, m.ID)
	case m.State == MovementUndone && r.Status == RefundSucceeded:
		s.undo(charge, r, m)
	case r.Reason == RefundDisputed && m.State == MovementDone && !strings.HasPrefix(r.LastError, disputeLost):
		r.LastError = disputeLost
		s.touchRefund(r)
	default:
		return false
	}
	return true
}

// refundOf finds the refund that a movement is known as.
func (s *EventState) refundOf(charge *Charge, m Movement) *Refund {
	refunds := s.refundsOf(charge)
	for _, r := range refunds {
		if r.ProviderReference == m.ID {
			return r
		}
	}
	for _, r := range refunds {
		if m.Reason == RefundOwed && r.Reason == RefundOwed && r.Part == m.Part && r.Status == RefundPending {
			return r
		}
	}
	return nil
}

// addMove writes down money that moved without being asked for here. It comes off what is owed, if anything is: what that
// was to give is given.
func (s *EventState) addMove(charge *Charge, m Movement) {
	owed := s.owedRefund(charge)
	switch {
	case owed != nil && m.Amount.Minor >= owed.Amount.Minor:
		s.touchRefund(owed)
		s.given(charge, owed, m.ID)
		return
	case owed != nil:
		owed.Amount.Minor -= m.Amount.Minor
		s.touchRefund(owed)
		if !slices.Contains(s.changes.NewRefunds, owed) {
			s.changes.RefundSums = addOnce(s.changes.RefundSums, owed)
		}
	}
	reason := m.Reason
	if reason == RefundOwed { // asked for here once, and forgotten since, by a restored backup say
		reason = RefundMoved
	}
	// A bank may take more than is left.
	r := s.addRefund(charge, min(m.Amount.Minor, charge.Amount.Minor-s.back(charge)), reason, RefundSucceeded, m.ID)
	if reason == RefundDisputed && m.State == MovementDone {
		r.LastError = disputeLost
	}
}

// undo records that money that had gone back is here again. If it was owed, it still is.
func (s *EventState) undo(charge *Charge, r *Refund, m Movement) {
	r.Status, r.LastError = RefundFailed, m.Note
	s.touchRefund(r)
	if r.Reason == RefundOwed {
		s.addRefund(charge, r.Amount.Minor, RefundOwed, RefundPending, "")
	}
}

// tellOfMoves writes the letter of a CONFIRMED booking whose money has moved, and of a bank that took money which had been
// given back before; and closes it when the money is here again.
func (s *EventState) tellOfMoves(charge *Charge, b *Booking, movements []Movement) {
	for _, kind := range []LetterKind{LetterMoved, LetterDispute} {
		var sum int64
		moved := false
		for _, r := range s.refundsOf(charge) {
			if string(r.Reason) == string(kind) && r.Status != RefundFailed {
				sum, moved = sum+r.Amount.Minor, true
			}
		}
		switch {
		case !moved:
			s.closeLetter(charge.LetterID(kind))
		case b.Status == Confirmed || kind == LetterDispute:
			s.addLetter(DeadLetter{
				ID: charge.LetterID(kind), Kind: kind, ChargeKey: charge.ChargeKey, Amount: Money{sum, charge.Amount.Currency},
				Attempts: charge.Attempts, LastError: notes(kind, movements),
			})
		}
	}
}

// notes says what has moved, in a line.
func notes(kind LetterKind, movements []Movement) string {
	text := ""
	for _, m := range movements {
		if string(m.Reason) == string(kind) && m.State != MovementUndone {
			text += fmt.Sprintf("; %s %s as %s (%s)", m.Amount, m.Amount.Currency, clip(m.ID, 64), clip(m.Note, 64))
		}
	}
	if kind == LetterDispute {
		return clip("taken by the buyer's bank"+text, 500)
	}
	return clip("given back at the gateway"+text, 500)
}

// closeMovedLetters closes what a person was asked about a charge's money, if it was.
func (s *EventState) closeMovedLetters(c *Charge) {
	for _, r := range s.refundsOf(c) {
		if r.Reason != RefundOwed {
			s.closeLetter(c.LetterID(LetterMoved))
			s.closeLetter(c.LetterID(LetterDispute))
			return
		}
	}
}

// disputeNote is what must stay noted of a lost dispute, so that it is told once.
func disputeNote(r *Refund) string {
	if strings.HasPrefix(r.LastError, disputeLost) {
		return disputeLost
	}
	return ""
}

// CloseLetter ends a letter as a person has decided: the booking stays as it is.
type CloseLetter struct {
	Kind   LetterKind
	Charge ChargeKey
	Reason string
}

func (c *CloseLetter) need(n *Need) { n.withMoney(c.Charge.Booking) }

// decide keeps the reason where the money is listed. A refund whose letter is closed was given by other means, and a charge
// of unknown outcome was looked up by a person: closed, neither is asked for any more.
func (c *CloseLetter) decide(s *EventState) Verdict {
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if charge == nil || b == nil {
		return refuse(ErrLetterNotFound)
	}
	note := "closed: " + clip(c.Reason, 4*500) // characters of up to four bytes
	switch c.Kind {
	case LetterCharge:
		switch charge.Status {
		case ChargeUnknown:
			charge.Status = ChargeVoided
		case ChargeFailed: // why stays noted: money taken in another currency is told once
			note = clip(charge.LastError, 500) + "; " + note
		}
		charge.LastError = note
		s.touchCharge(charge)
	case LetterRefund:
		if r := s.owedRefund(charge); r != nil {
			s.touchRefund(r)
			s.given(charge, r, r.ProviderReference)
			r.LastError = note
		}
	default:
		for _, r := range s.refundsOf(charge) {
			if string(r.Reason) == string(c.Kind) && r.Status == RefundSucceeded {
				r.LastError = strings.TrimPrefix(disputeNote(r)+"; "+note, "; ")
				s.touchRefund(r)
			}
		}
	}
	s.closeLetter(charge.LetterID(c.Kind))
	return Verdict{Booking: copyOf(b)}
}
