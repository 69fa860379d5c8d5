package modeltest

import (
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
)

// settle is what a gateway's word does to a charge and its booking. pause is how long an undecided charge is left
// alone.
func (m *model) settle(b *booking, of reference, outcome models.Outcome, pause time.Duration) {
	c := b.charge
	switch {
	case c == nil:
	case outcome == models.OutcomeSucceeded && c.known != "" && c.known != of:
		if b.second == nil { // else it is said again
			b.second = &refund{due: m.now}
		}
	case outcome == models.OutcomeSucceeded:
		m.succeeded(b, of)
	case !c.open():
	case outcome == models.OutcomeDeclined:
		c.status, c.letter = "declined", false
		if b.status == "PENDING" {
			m.end(b, "payment_declined")
		}
	case outcome == models.OutcomeVoided:
		c.status, c.letter = "voided", false
	case outcome == models.OutcomePending:
		c.status, c.letter, c.due = "pending", false, m.now.Add(pause).Truncate(time.Microsecond)
	default:
		m.erred(c, outcome)
	}
}

// settleCall is what an answer to a call does. One that says that nobody has even looked at it was no try.
func (m *model) settleCall(b *booking, answer call) {
	if answer.stall == "" {
		m.settle(b, own, answer.told, m.pause(b.charge))
	} else {
		m.stalled(b.charge, answer.stall)
	}
}

// stalled: the try is not counted; but what is said to be under way may still take the money.
func (m *model) stalled(c *charge, stall models.Stall) {
	switch {
	case c.status == "unknown":
		c.due = m.now.Add(lease)
		return
	case c.trying():
		c.attempts = max(c.attempts-1, 0)
	}
	if c.status == "started" && stall == models.StallLocked {
		c.status = "doubtful"
	}
	c.due = m.now.Add(maxBackoff)
}

// succeeded: a success is never forgotten, and ends in a ticket or in a refund.
func (m *model) succeeded(b *booking, of reference) {
	if b.charge.status == "succeeded" {
		return
	}
	b.charge.status, b.charge.letter, b.charge.known = "succeeded", false, of
	if b.method == simulator.Short { // half of the price buys nothing
		b.charge.amount = half(b.amount)
		if m.owe(b); b.live() {
			m.end(b, "payment_declined")
		}
		return
	}
	late := b.status == "CANCELLED" && b.reason == "expired" && b.refund == nil && b.second == nil
	fits := !m.erase && !m.cancelled && !m.begun() && m.total-m.taken() >= b.quantity
	if b.status == "PENDING" || late && fits {
		b.status, b.reason = "CONFIRMED", ""
		return
	}
	m.owe(b)
}

func half(amount int64) int64 { return (amount + 1) / 2 }

// erred: a try without an outcome. Five of them make a dead letter.
func (m *model) erred(c *charge, outcome models.Outcome) {
	if c.status == "unknown" {
		c.due = m.now.Add(lease)
		if outcome == models.OutcomeAbsent {
			c.status = "failed"
		}
		return
	}
	c.due = m.now.Add(maxBackoff)
	if c.status == "started" && outcome == models.OutcomeUnknown {
		c.status = "doubtful"
	}
	if c.status == "pending" || c.attempts < 5 {
		return
	}
	c.letter, c.due = true, m.now.Add(lease)
	if c.status == "doubtful" {
		c.status = "unknown"
	} else {
		c.status = "failed"
	}
}

func (m *model) settleRefund(r *refund, answer call) {
	if answer.told == models.OutcomeSucceeded {
		r.done, r.letter = true, false
		return
	}
	r.due = m.now.Add(maxBackoff)
	if answer.stall != "" {
		r.attempts--
		return
	}
	r.letter = r.letter || r.attempts >= 5
}

// retryLetter and discardLetter are a person's look at a charge's letter.
func (m *model) retryLetter(b *booking) string {
	c := b.charge
	switch {
	case c.status != "failed" && c.status != "unknown":
		return "dead_letter_not_found"
	case c.status == "failed" && (b.status != "PENDING" || !m.now.Before(b.deadline)):
		return "booking_not_pending"
	}
	if c.status == "unknown" {
		c.status = "doubtful"
	} else {
		c.status = "started"
	}
	c.attempts, c.due, c.letter = 0, m.now, false
	return ""
}

func (m *model) discardLetter(b *booking) string {
	if b.charge.open() {
		return "outcome_not_known"
	}
	b.charge.letter = false
	return ""
}

// pause is how long an undecided charge is left alone: the longer, the older it is.
func (m *model) pause(c *charge) time.Duration {
	return min(max(firstBackoff, m.now.Sub(c.created)/4), maxBackoff)
}

// ledger is the naive gateway: what it has done, by booking.
type ledger map[models.BookingID]*account

type account struct {
	state     string // "failed", "charged", "declined", "pending", "voided"
	calls     int
	settlesAt time.Time
	returned  bool

	second, secondReturned bool // the money was taken twice
}

// of returns an account, with a slow payment settled when its time has come.
func (l ledger) of(id models.BookingID, now time.Time) *account {
	a := l[id]
	if a != nil && a.state == "pending" && !now.Before(a.settlesAt) {
		a.state = "charged"
	}
	return a
}

func (l ledger) charge(id models.BookingID, b *booking, now time.Time) models.Outcome {
	a := l.of(id, now)
	if a == nil {
		a = &account{state: "failed"}
		l[id] = a
	}
	a.calls++
	if a.state == "failed" {
		switch {
		case b.method == simulator.OK, b.method == simulator.Lost, b.method == simulator.Short, b.method == simulator.Twice, b.method == simulator.Flaky && a.calls >= 3:
			a.state, a.second = "charged", b.method == simulator.Twice
		case b.method == simulator.Decline:
			a.state = "declined"
		case b.method == simulator.Slow:
			a.state, a.settlesAt = "pending", b.deadline.Add(time.Second)
		}
	}
	switch {
	case a.state == "charged" && b.method == simulator.Lost:
		return models.OutcomeUnknown
	case a.state == "voided":
		return models.OutcomeDeclined
	}
	return a.says()
}

func (l ledger) find(id models.BookingID, now time.Time) models.Outcome {
	if a := l.of(id, now); a != nil && a.state != "failed" {
		return a.says()
	}
	return models.OutcomeAbsent
}

func (l ledger) void(id models.BookingID, now time.Time) models.Outcome {
	a := l.of(id, now)
	if a == nil {
		a = &account{}
		l[id] = a
	}
	if a.state == "" || a.state == "failed" || a.state == "pending" {
		a.state = "voided"
	}
	return a.says()
}

func (l ledger) refund(id models.BookingID, n int, now time.Time) models.Outcome {
	a := l.of(id, now)
	switch {
	case a != nil && n == 2 && a.second:
		a.secondReturned = true
	case a != nil && n == 1 && a.state == "charged":
		a.returned = true
	default:
		return models.OutcomeUnavailable
	}
	return models.OutcomeSucceeded
}

func (a *account) says() models.Outcome {
	return map[string]models.Outcome{
		"charged": models.OutcomeSucceeded, "declined": models.OutcomeDeclined, "pending": models.OutcomePending,
		"voided": models.OutcomeVoided, "failed": models.OutcomeUnavailable,
	}[a.state]
}
