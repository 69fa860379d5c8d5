package repotest

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// randomRules let chance write the tests: batches of any commands, held against a plain tally.
var randomRules = rules{
	"any_batches_of_commands_leave_what_a_plain_tally_says": func(t *testing.T, s *shop) {
		user := s.user()
		rapid.Check(t, func(rt *rapid.T) {
			event, err := models.NewEvent(models.EventDraft{
				Name: "Concert", DateTime: s.clock.Now().Add(24 * time.Hour),
				TotalTickets: rapid.Int64Range(1, 20).Draw(rt, "places"),
				TicketPrice:  models.Money{Minor: rapid.Int64Range(1, 9999).Draw(rt, "price"), Currency: "USD"},
			})
			if err == nil {
				event, err = s.CreateEvent(s.ctx(), event)
			}
			if err != nil {
				rt.Fatalf("creating an event: %v", err)
			}
			w := &walk{
				shop: s, rt: rt, event: event, user: user, tally: tally{total: event.Stock.Total, price: event.TicketPrice.Minor},
			}
			for range rapid.IntRange(1, 7).Draw(rt, "batches") {
				w.step()
			}
			w.compare()
		})
	},
}

// tally is the books kept in the plainest way: one line for each booking, and sums made anew each time.
type tally struct {
	total, price int64
	lines        []*line
}

type line struct {
	id       models.BookingID
	quantity int64
	status   models.Status
	reason   models.CancelReason
	deadline time.Time
	charge   models.ChargeStatus // empty: none was started
	refund   models.RefundStatus // empty: none is owed
}

func (b *tally) stock() models.Stock {
	st := models.Stock{Total: b.total}
	for _, l := range b.lines {
		switch l.status {
		case models.StatusPending:
			st.Held, st.HeldAmount, st.Pending = st.Held+l.quantity, st.HeldAmount+l.quantity*b.price, st.Pending+1
		case models.StatusConfirmed:
			st.Sold, st.SoldAmount, st.Confirmed = st.Sold+l.quantity, st.SoldAmount+l.quantity*b.price, st.Confirmed+1
		case models.StatusCancelled:
			st.Cancelled++
		}
	}
	st.Available = st.Total - st.Held - st.Sold
	return st
}

// end cancels a line; what was paid for it is owed.
func (l *line) end(reason models.CancelReason) {
	if l.status == models.StatusConfirmed {
		l.refund = models.RefundPending
	}
	l.status, l.reason = models.StatusCancelled, reason
}

// settle enters a gateway's word.
func (b *tally) settle(l *line, outcome models.Outcome) {
	open := l.charge.Open()
	switch {
	case l.charge == "": // there is nothing that a gateway could speak of
	case outcome == models.OutcomeSucceeded && l.charge != models.ChargeSucceeded:
		l.charge = models.ChargeSucceeded
		late := l.status == models.StatusCancelled && l.reason == models.ReasonExpired && b.stock().Available >= l.quantity
		if l.status == models.StatusPending || late {
			l.status, l.reason = models.StatusConfirmed, ""
		} else {
			l.refund = models.RefundPending
		}
	case outcome == models.OutcomeDeclined && open:
		l.charge = models.ChargeDeclined
		if l.status == models.StatusPending {
			l.end(models.ReasonDeclined)
		}
	case outcome == models.OutcomeVoided && open:
		l.charge = models.ChargeVoided
	case outcome == models.OutcomePending && open:
		l.charge = models.ChargePending
	case outcome == models.OutcomeUnknown && l.charge == models.ChargeStarted:
		l.charge = models.ChargeDoubtful
	}
}

// walk is one sequence of batches on an event of its own.
type walk struct {
	*shop
	rt    *rapid.T
	event models.Event
	user  models.User
	tally tally
	known int   // how many lines earlier batches have made: nobody can name a booking before it was answered
	limit int64 // of the process that decides this batch: what the user may hold; 0: any number
}

// step starts some charges, lets some time pass, sends one batch and compares the counters.
func (w *walk) step() {
	if w.known = len(w.tally.lines); w.known > 0 && rapid.Bool().Draw(w.rt, "charge") {
		w.charge(w.pick())
	}
	w.clock.Pass(time.Duration(rapid.SampledFrom([]int{0, 1, 10}).Draw(w.rt, "minutes")) * time.Minute)
	now := w.clock.Now()
	desk := w.limited()
	desk.limit = rapid.SampledFrom([]int64{0, 0, 5, 9}).Draw(w.rt, "limit")
	w.limit = desk.limit
	var commands []sale.Command
	var accepted []bool
	for range rapid.IntRange(1, 6).Draw(w.rt, "commands") {
		command, ok := w.command(now)
		commands, accepted = append(commands, command), append(accepted, ok)
	}
	verdicts, err := desk.try(w.ctx(), w.event.ID, commands...)
	if err != nil {
		w.rt.Fatalf("the desk failed: %v", err)
	}
	for i, v := range verdicts {
		if (v.Err == nil) != accepted[i] {
			w.rt.Fatalf("command %d, %+v, gave %v; the tally says accepted: %v", i, commands[i], v.Err, accepted[i])
		}
	}
	event, err := w.Event(w.ctx(), models.Everything, w.event.ID)
	if err != nil || event.Stock != w.tally.stock() {
		w.rt.Fatalf("the stock is %+v, %v; the tally says %+v", event.Stock, err, w.tally.stock())
	}
}

func (w *walk) pick() *line {
	return rapid.SampledFrom(w.tally.lines[:w.known]).Draw(w.rt, "booking")
}

func (w *walk) key(l *line) models.ChargeKey {
	return models.FirstCharge(models.BookingRef{Event: w.event.ID, Booking: l.id})
}

// charge starts a booking's charge; the tally reports whether that is allowed.
func (w *walk) charge(l *line) {
	allowed := l.status == models.StatusPending && l.charge == "" && w.clock.Now().Before(l.deadline)
	starts, err := w.StartCharges(w.ctx(), "sim", []models.BookingRef{w.key(l).BookingRef}, lease)
	if err != nil || (len(starts) == 1) != allowed {
		w.rt.Fatalf("starting the charge of %+v gave %+v, %v", l, starts, err)
	}
	if allowed {
		l.charge = models.ChargeStarted
	}
}

// command draws one, enters it into the tally and reports whether the desk will accept it.
func (w *walk) command(now time.Time) (sale.Command, bool) {
	kind := rapid.SampledFrom([]string{"reserve", "reserve", "cancel", "expire", "settle", "settle", "refund",
		"resize"}).Draw(w.rt, "kind")
	switch {
	case kind == "resize":
		return w.resize()
	case kind == "reserve" || w.known == 0:
		return w.reserve(now)
	}
	l := w.pick()
	switch kind {
	case "cancel":
		accepted := l.status != models.StatusCancelled
		if accepted {
			l.end(models.ReasonUser)
		}
		return &sale.Cancel{Booking: l.id}, accepted
	case "expire":
		if l.status == models.StatusPending && !now.Before(l.deadline) {
			l.end(models.ReasonExpired)
		}
		return &sale.Expire{Booking: l.id}, true
	case "refund":
		accepted := l.refund != ""
		if accepted {
			l.refund = models.RefundSucceeded
		}
		return &sale.SettleRefund{Charge: w.key(l), Result: models.Result{Outcome: models.OutcomeSucceeded}}, accepted
	}
	outcome := rapid.SampledFrom([]models.Outcome{
		models.OutcomeSucceeded, models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomePending,
		models.OutcomeUnknown, models.OutcomeUnavailable,
		models.OutcomeAbsent, models.OutcomeVoided,
	}).Draw(w.rt, "outcome")
	w.tally.settle(l, outcome)
	return settlement(w.key(l), outcome), l.charge != ""
}

func (w *walk) reserve(now time.Time) (sale.Command, bool) {
	command := reserve(w.user, rapid.Int64Range(1, 7).Draw(w.rt, "quantity"))
	st := w.tally.stock() // all of it is the one user's
	accepted := command.Quantity <= st.Available && (w.limit == 0 || st.Taken()+command.Quantity <= w.limit)
	if accepted {
		w.tally.lines = append(w.tally.lines, &line{
			id: command.Booking, quantity: command.Quantity, status: models.StatusPending,
			deadline: now.Add(theRules.PaymentDeadline),
		})
	}
	return command, accepted
}

func (w *walk) resize() (sale.Command, bool) {
	total := rapid.Int64Range(1, 30).Draw(w.rt, "total")
	st := w.tally.stock()
	accepted := total >= st.Held+st.Sold
	if accepted {
		w.tally.total = total
	}
	return &sale.EditEvent{Patch: models.EventPatch{TotalTickets: &total}}, accepted
}

// compare holds every booking and its money, at the end, to its line.
func (w *walk) compare() {
	for _, l := range w.tally.lines {
		b, err := w.Booking(w.ctx(), models.Everything, l.id)
		if err != nil || b.Status != l.status || b.CancelReason != l.reason || b.Quantity != l.quantity {
			w.rt.Fatalf("the booking is %+v, %v; the tally says %+v", b, err, l)
		}
		charges, refunds, err := w.PaymentsOf(w.ctx(), b.Ref())
		var charge models.ChargeStatus
		var refund models.RefundStatus
		for _, c := range charges {
			charge = c.Status
		}
		for _, r := range refunds {
			refund = r.Status
		}
		if err != nil || charge != l.charge || refund != l.refund {
			w.rt.Fatalf("its money is %+v, %+v, %v; the tally says %+v", charges, refunds, err, l)
		}
	}
	facts, err := w.AuditFacts(w.ctx(), w.event.ID)
	if err != nil || !sale.Audit(facts).OK {
		w.rt.Fatalf("the audit gives %v, %+v", err, sale.Audit(facts).Differences)
	}
}
