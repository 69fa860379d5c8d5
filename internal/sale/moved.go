package sale

import (
	"fmt"
	"slices"
	"strings"

	"quantix/internal/models"
)

// disputeLost begins what is noted of a dispute that the bank has decided for the buyer.
const disputeLost = "lost"

// SettleMoved records what has become of a charge's money at its gateway. Each movement goes one way only, so that what
// is said twice, late or out of order does no harm.
type SettleMoved struct {
	Charge            models.ChargeKey
	ProviderReference string // which of the booking's charges; empty: Charge itself
	Movements         []models.Movement
}

func (c *SettleMoved) need(n *Reads) { n.withMoney(c.Charge.Booking) }

// decide never cancels a booking: one whose money was given back by hand stays CONFIRMED, earns less, and a letter asks
// a person what to make of it. What a booking that has ended is owed still, after a refund came back say, is owed
// again.
func (c *SettleMoved) decide(s *State) Verdict {
	b := s.Bookings[c.Charge.Booking]
	if b == nil || s.Charges[c.Charge] == nil {
		return refuse(models.ErrBookingNotFound)
	}
	charge := s.chargeUnder(b, c)
	if charge == nil || charge.Status != models.ChargeSucceeded {
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
func (s *State) chargeUnder(b *models.Booking, c *SettleMoved) *models.Charge {
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
func (s *State) afterMoves(charge *models.Charge, b *models.Booking, before int64, movements []models.Movement) {
	s.sumUp(charge)
	if b.Status != models.StatusConfirmed || s.owedBack(charge) {
		s.owe(charge)
	}
	if change := s.kept(b) - before; b.Status == models.StatusConfirmed && change != 0 {
		s.earn(b, change)
	}
	s.tellOfMoves(charge, b, movements)
}

// move records one movement, and reports whether it is news.
func (s *State) move(charge *models.Charge, m models.Movement) bool {
	r := s.refundOf(charge, m)
	switch {
	case r == nil && (m.Amount.Minor <= 0 || m.State == models.MovementUndone ||
		m.State == models.MovementOpen && m.Reason != models.RefundDisputed):
		return false
	case r == nil && abroad(charge, m):
		s.addAbroad(charge, m)
	case r == nil:
		s.addMove(charge, m)
	case m.State == models.MovementDone && r.Status == models.RefundPending && !abroad(charge, m):
		s.touchRefund(r)
		s.give(charge, r, m.ID)
	case m.State == models.MovementUndone && r.Status == models.RefundSucceeded:
		s.undo(charge, r, m)
	case r.Reason == models.RefundDisputed && m.State == models.MovementDone &&
		!strings.HasPrefix(r.LastError, disputeLost):
		r.LastError = disputeLost
		s.touchRefund(r)
	default:
		return false
	}
	return true
}

// refundOf finds the refund that a movement is known as.
func (s *State) refundOf(charge *models.Charge, m models.Movement) *models.Refund {
	refunds := s.refundsOf(charge)
	for _, r := range refunds {
		if r.ProviderReference == m.ID {
			return r
		}
	}
	for _, r := range refunds {
		if m.Reason == models.RefundOwed && r.Reason == models.RefundOwed && r.Part == m.Part &&
			r.Status == models.RefundPending &&
			!abroad(charge, m) {
			return r
		}
	}
	return nil
}

// abroad reports whether money has moved in another currency than the charge's.
func abroad(charge *models.Charge, m models.Movement) bool {
	return m.Amount.Currency != charge.Amount.Currency
}

// addAbroad writes down what moved in another currency as it is. What that is in the charge's nobody here knows: it
// comes off nothing, adds up to nothing, and a person is told.
func (s *State) addAbroad(charge *models.Charge, m models.Movement) {
	r := s.addRefund(charge, 0, byOthers(m.Reason), models.RefundSucceeded, m.ID)
	r.Amount = m.Amount
	noteLost(r, m)
}

// byOthers is why money moved that nobody here knows of: asked for here once, it was forgotten since, by a restored
// backup say.
func byOthers(reason models.RefundReason) models.RefundReason {
	if reason == models.RefundOwed {
		return models.RefundMoved
	}
	return reason
}

func noteLost(r *models.Refund, m models.Movement) {
	if r.Reason == models.RefundDisputed && m.State == models.MovementDone {
		r.LastError = disputeLost
	}
}

// addMove writes down money that moved without being asked for here. It comes off what is owed, if anything is: what
// that was to give is given.
func (s *State) addMove(charge *models.Charge, m models.Movement) {
	owed := s.owedRefund(charge)
	switch {
	case owed != nil && m.Amount.Minor >= owed.Amount.Minor:
		s.touchRefund(owed)
		s.give(charge, owed, m.ID)
		return
	case owed != nil:
		owed.Amount.Minor -= m.Amount.Minor
		s.touchRefund(owed)
		s.tellOfRefund(models.FactRefundReduced, owed, m.Amount.Minor)
		if !slices.Contains(s.writes.NewRefunds, owed) {
			s.writes.RefundSums = addOnce(s.writes.RefundSums, owed)
		}
	}
	// A bank may take more than is left.
	r := s.addRefund(charge, min(m.Amount.Minor, charge.Amount.Minor-s.back(charge)), byOthers(m.Reason),
		models.RefundSucceeded, m.ID)
	noteLost(r, m)
}

// undo records that money that had gone back is here again. If it was owed, it still is.
func (s *State) undo(charge *models.Charge, r *models.Refund, m models.Movement) {
	if counts(charge, r) {
		s.tellOfRefund(models.FactRefundFailed, r, r.Amount.Minor)
	}
	r.Status, r.LastError = models.RefundFailed, m.Note
	s.touchRefund(r)
	if r.Reason == models.RefundOwed {
		s.addRefund(charge, r.Amount.Minor, models.RefundOwed, models.RefundPending, "")
	}
}

// tellOfMoves writes the letter of a CONFIRMED booking whose money has moved, and of a bank that took money which had
// been given back before; and closes it when the money is here again.
func (s *State) tellOfMoves(charge *models.Charge, b *models.Booking, movements []models.Movement) {
	for _, kind := range []models.LetterKind{models.LetterMoved, models.LetterDispute} {
		var sum int64
		moved := false
		for _, r := range s.refundsOf(charge) {
			if string(r.Reason) == string(kind) && r.Status != models.RefundFailed {
				moved = true
				if counts(charge, r) {
					sum += r.Amount.Minor
				}
			}
		}
		switch {
		case !moved:
			s.closeLetter(charge.LetterID(kind))
		case b.Status == models.StatusConfirmed || kind == models.LetterDispute:
			s.addLetter(models.DeadLetter{
				ID: charge.LetterID(kind), Kind: kind, ChargeKey: charge.ChargeKey, Amount: models.Money{
					Minor: sum, Currency: charge.Amount.Currency,
				},
				Attempts: charge.Attempts, LastError: notes(kind, movements),
			})
		}
	}
}

// notes says what has moved, in a line.
func notes(kind models.LetterKind, movements []models.Movement) string {
	text := ""
	for _, m := range movements {
		if string(m.Reason) == string(kind) && m.State != models.MovementUndone {
			text += fmt.Sprintf("; %s %s as %s (%s)", m.Amount, m.Amount.Currency, models.Clip(m.ID, 64),
				models.Clip(m.Note, 64))
		}
	}
	if kind == models.LetterDispute {
		return models.Clip("taken by the buyer's bank"+text, 500)
	}
	return models.Clip("given back at the gateway"+text, 500)
}

// closeMovedLetters closes what a person was asked about a charge's money, if it was.
func (s *State) closeMovedLetters(c *models.Charge) {
	for _, r := range s.refundsOf(c) {
		if r.Reason != models.RefundOwed {
			s.closeLetter(c.LetterID(models.LetterMoved))
			s.closeLetter(c.LetterID(models.LetterDispute))
			return
		}
	}
}

// disputeNote is what must stay noted of a lost dispute, so that it is told once.
func disputeNote(r *models.Refund) string {
	if strings.HasPrefix(r.LastError, disputeLost) {
		return disputeLost
	}
	return ""
}
