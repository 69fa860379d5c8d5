package models

// decide records a gateway's word on a charge. A success is never forgotten, whatever came before it: it ends in a
// CONFIRMED booking or in a refund. Everything else changes only charges that have no outcome yet, so repeats and
// answers out of order are harmless.
func (c *Settle) decide(s *EventState) Verdict {
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if charge == nil || b == nil {
		return refuse(ErrBookingNotFound)
	}
	if c.Result.Outcome == Succeeded {
		s.chargeSucceeded(charge, b, c.Result)
	} else if charge.Status.Open() && !charge.foreign(c.Result) {
		s.chargeNotSucceeded(charge, b, c)
	}
	verdict := Verdict{Booking: copyOf(b), Charge: copyOf(charge)}
	if c.Result.Outcome == Prepared {
		verdict.Event = copyOf(s.Event) // whether it still takes place decides what follows
	}
	return verdict
}

// foreign tells of an answer about another one of the provider's references than the charge has: one that was prepared in
// vain, and never charged. Whatever becomes of it is no news of the charge.
func (c *Charge) foreign(r Result) bool {
	return r.ProviderReference != "" && c.ProviderReference != "" && r.ProviderReference != c.ProviderReference
}

func (s *EventState) chargeSucceeded(charge *Charge, b *Booking, result Result) {
	switch {
	case charge.foreign(result):
		s.secondSuccess(charge, b, result)
		return
	case charge.Status == ChargeSucceeded:
		return
	case !charge.pays(result):
		s.wrongSum(charge, b, result)
		return
	}
	s.take(charge, result)
	if s.earnsTicket(b) {
		s.confirm(b)
	} else {
		s.refund(charge)
	}
}

// take records that money was taken for a charge.
func (s *EventState) take(charge *Charge, result Result) {
	if charge.Status == ChargeUnknown || charge.Status == ChargeFailed {
		s.closeLetter(charge.LetterID(LetterCharge))
	}
	charge.Status, charge.LastError = ChargeSucceeded, ""
	if result.ProviderReference != "" {
		charge.ProviderReference = result.ProviderReference
	}
	s.touchCharge(charge)
}

// earnsTicket tells whether a charge that has just succeeded pays for its booking: a PENDING one always, and one that
// expired meanwhile if its tickets are still there to take, the event goes on, and no money was owed back for it yet.
func (s *EventState) earnsTicket(b *Booking) bool {
	if b.Status == Pending {
		return true
	}
	if b.Status != Cancelled || b.CancelReason != ReasonExpired || s.hasRefund(b) {
		return false
	}
	event, err := s.liveEvent()
	return err == nil && event.CancelledAt.IsZero() && s.Now.Before(event.DateTime) && event.Stock.Available >= b.Quantity
}

func (s *EventState) hasRefund(b *Booking) bool {
	for _, charge := range s.chargesOf(b) {
		if len(s.refundsOf(charge)) > 0 {
			return true
		}
	}
	return false
}

func (s *EventState) chargeNotSucceeded(charge *Charge, b *Booking, c *Settle) {
	given := charge.Status == ChargeUnknown
	s.touchCharge(charge)
	charge.LastError = c.Result.Reason
	charge.NextAttemptAt = s.Now.Add(c.Backoff)
	if c.Result.ProviderReference != "" {
		charge.ProviderReference = c.Result.ProviderReference
	}
	switch c.Result.Outcome {
	case Declined:
		charge.Status = ChargeDeclined
		if b.Status == Pending {
			s.cancel(b, ReasonDeclined)
		}
	case Voided:
		charge.Status = ChargeVoided
	case StillOpen:
		charge.Status = ChargePending
	case Prepared:
		return // under way: only its reference is news
	default:
		s.chargeErred(charge, c)
		return
	}
	if given {
		s.closeLetter(charge.LetterID(LetterCharge))
	}
}

// chargeErred leaves a charge for its next try, or after the last one writes the dead letter. Unavailable and Absent mean
// that this try surely took nothing; after one without an answer that is not enough. What was given up in doubt stays
// open, and is asked about until the gateway has never heard of it, long after any try could still be under way.
func (s *EventState) chargeErred(charge *Charge, c *Settle) {
	result := c.Result
	if charge.Status == ChargeUnknown {
		charge.NextAttemptAt = s.Now.Add(s.Rules.RetryLease)
		if result.Outcome == Absent {
			charge.Status = ChargeFailed // the letter stays: now it may be retried or discarded
		}
		return
	}
	if result.Stall != "" {
		charge.stalled(result, c.Try)
		return
	}
	if charge.Status == ChargeStarted && result.Outcome == Unknown {
		charge.Status = ChargeDoubtful
	}
	switch {
	case result.Outcome == Gone: // it may have been asked for there; nobody here can know
		charge.Status = ChargeUnknown
	case charge.Status == ChargePending || charge.Attempts < MaxAttempts:
		return
	case charge.Status == ChargeDoubtful:
		charge.Status = ChargeUnknown
	default:
		charge.Status = ChargeFailed
	}
	charge.NextAttemptAt = s.Now.Add(s.Rules.RetryLease)
	s.addLetter(DeadLetter{
		ID: charge.LetterID(LetterCharge), Kind: LetterCharge, ChargeKey: charge.ChargeKey,
		Amount: charge.Amount, Attempts: charge.Attempts, LastError: charge.LastError,
	})
}
