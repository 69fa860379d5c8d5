package sale

import "quantix/internal/models"

// decide records a gateway's word on a charge. A success is never forgotten, whatever came before it: it ends in a
// CONFIRMED booking or in a refund. Everything else changes only charges that have no outcome yet, so repeats and
// answers out of order are harmless.
func (c *Settle) decide(s *State) Verdict {
	charge, b := s.Charges[c.Charge], s.Bookings[c.Charge.Booking]
	if charge == nil || b == nil {
		return refuse(models.ErrBookingNotFound)
	}
	if c.Result.Outcome == models.OutcomeSucceeded {
		s.chargeSucceeded(charge, b, c.Result)
	} else if charge.Status.Open() && !isForOtherReference(charge, c.Result) {
		s.chargeNotSucceeded(charge, b, c)
	}
	verdict := Verdict{Booking: copyOf(b), Charge: copyOf(charge)}
	if c.Result.Outcome == models.OutcomePrepared {
		verdict.Event = copyOf(s.Event) // whether it still takes place decides what follows
	}
	return verdict
}

// isForOtherReference reports whether an answer is about a provider reference other than the charge's: one that was
// prepared in vain, and never charged. Whatever becomes of it is no news of the charge.
func isForOtherReference(c *models.Charge, r models.Result) bool {
	return r.ProviderReference != "" && c.ProviderReference != "" && r.ProviderReference != c.ProviderReference
}

func (s *State) chargeSucceeded(charge *models.Charge, b *models.Booking, result models.Result) {
	switch {
	case isForOtherReference(charge, result):
		s.secondSuccess(charge, b, result)
		return
	case charge.Status == models.ChargeSucceeded, wasTakenAbroad(charge, b):
		return // said again; a person may have closed its letter meanwhile
	case !pays(charge, result):
		s.wrongSum(charge, b, result)
		return
	}
	s.take(charge, result)
	if s.earnsTicket(b) {
		s.confirm(b)
	} else {
		s.owe(charge)
	}
}

// earnsTicket reports whether a charge that has just succeeded pays for its booking: a PENDING one always, and one that
// expired meanwhile if its tickets are still there to take, the event goes on, and no money was owed back for it yet.
func (s *State) earnsTicket(b *models.Booking) bool {
	if b.Status == models.StatusPending {
		return true
	}
	if b.Status != models.StatusCancelled || b.CancelReason != models.ReasonExpired || s.hasRefund(b) {
		return false
	}
	event, err := s.liveEvent()
	return err == nil && event.CancelledAt.IsZero() && s.Now.Before(event.DateTime) && event.Stock.Available >= b.Quantity
}

func (s *State) hasRefund(b *models.Booking) bool {
	for _, charge := range s.chargesOf(b) {
		if len(s.refundsOf(charge)) > 0 {
			return true
		}
	}
	return false
}

func (s *State) chargeNotSucceeded(charge *models.Charge, b *models.Booking, c *Settle) {
	wasGivenUp := charge.Status == models.ChargeUnknown
	s.touchCharge(charge)
	charge.LastError = c.Result.Reason
	charge.NextAttemptAt = s.Now.Add(c.Backoff)
	if c.Result.ProviderReference != "" {
		charge.ProviderReference = c.Result.ProviderReference
	}
	switch c.Result.Outcome {
	case models.OutcomeDeclined:
		charge.Status = models.ChargeDeclined
		if b.Status == models.StatusPending {
			s.cancel(b, models.ReasonDeclined)
		}
	case models.OutcomeVoided:
		charge.Status = models.ChargeVoided
	case models.OutcomePending:
		charge.Status = models.ChargePending
	case models.OutcomePrepared:
		return // under way: only its reference is news
	default:
		s.chargeErred(charge, c)
		return
	}
	if wasGivenUp {
		s.closeLetter(charge.LetterID(models.LetterCharge))
	}
}

// chargeErred leaves a charge for its next try, or after the last one writes the dead letter. Unavailable and Absent
// mean that this try surely took nothing; after one without an answer that is not enough. A charge that was given up in
// doubt stays open, and the gateway is asked about it until it answers that it has never heard of the charge.
func (s *State) chargeErred(charge *models.Charge, c *Settle) {
	result := c.Result
	if charge.Status == models.ChargeUnknown {
		charge.NextAttemptAt = s.Now.Add(s.Rules.RetryLease)
		if result.Outcome == models.OutcomeAbsent {
			charge.Status = models.ChargeFailed // the letter stays: now it may be retried or discarded
		}
		return
	}
	if result.Stall != "" {
		giveTryBack(charge, result, c.Try)
		return
	}
	if charge.Status == models.ChargeStarted && result.Outcome == models.OutcomeUnknown {
		charge.Status = models.ChargeDoubtful
	}
	switch {
	case result.Outcome == models.OutcomeGone: // it may have been asked for there; nobody here can know
		charge.Status = models.ChargeUnknown
	case charge.Status == models.ChargePending || charge.Attempts < models.MaxAttempts:
		return
	case charge.Status == models.ChargeDoubtful:
		charge.Status = models.ChargeUnknown
	default:
		charge.Status = models.ChargeFailed
	}
	charge.NextAttemptAt = s.Now.Add(s.Rules.RetryLease)
	s.addLetter(models.DeadLetter{
		ID: charge.LetterID(models.LetterCharge), Kind: models.LetterCharge, ChargeKey: charge.ChargeKey,
		Amount: charge.Amount, Attempts: charge.Attempts, LastError: charge.LastError,
	})
}
