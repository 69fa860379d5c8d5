package sale

import (
	"fmt"

	"quantix/internal/models"
)

// This file is where a sale's stock changes, and where the journal is told of it: each verb does both, and counts what
// the user holds (customers.go). Money has its own in money.go. Decide asserts that what was told is what was done.

// hold takes a new booking's tickets off the sale.
func (s *State) hold(b *models.Booking) {
	s.Event.Stock.Hold(b.Quantity, b.TotalAmount.Minor)
	s.tellOf(models.FactBooked, b)
	s.count(b.UserID, b.Quantity)
}

// sell turns a booking's held tickets into sold ones.
func (s *State) sell(b *models.Booking) {
	s.Event.Stock.Sell(b.Quantity, b.TotalAmount.Minor)
	s.tellOf(models.FactConfirmed, b)
}

// holdAgain takes the tickets of a booking that had expired off the sale once more.
func (s *State) holdAgain(b *models.Booking) {
	s.Event.Stock.HoldAgain(b.Quantity, b.TotalAmount.Minor)
	s.tellOf(models.FactRestored, b)
	s.count(b.UserID, b.Quantity)
}

// putBack puts a live booking's tickets on sale again.
func (s *State) putBack(b *models.Booking, reason models.CancelReason) {
	amount := b.TotalAmount.Minor
	if b.Status == models.StatusConfirmed {
		amount = s.kept(b)
		s.Event.Stock.TakeBack(b.Quantity, amount)
	} else {
		s.Event.Stock.Release(b.Quantity, amount)
	}
	s.tell(models.Fact{
		Kind: models.FactCancelled, Booking: b.ID, Quantity: b.Quantity, Amount: amount, Was: b.Status, Reason: reason,
	})
	s.count(b.UserID, -b.Quantity)
}

// earn changes what a CONFIRMED booking adds to the revenue.
func (s *State) earn(b *models.Booking, change int64) {
	s.Event.Stock.Earn(change)
	s.tell(models.Fact{Kind: models.FactRevenue, Booking: b.ID, Amount: change})
}

// edited notes what an organiser has changed; its stock was resized by models.Event.Apply.
func (s *State) edited(kind models.FactKind) {
	s.writes.EventEdited = true
	f := models.Fact{Kind: kind}
	if kind == models.FactEdited {
		f.Terms = models.TermsOf(s.Event)
	}
	s.tell(f)
}

func (s *State) tellOf(kind models.FactKind, b *models.Booking) {
	s.tell(models.Fact{Kind: kind, Booking: b.ID, Quantity: b.Quantity, Amount: b.TotalAmount.Minor})
}

// tellOfRefund tells of money that goes back, if any does: what moved in another currency is none of the event's.
func (s *State) tellOfRefund(kind models.FactKind, r *models.Refund, minor int64) {
	if minor > 0 {
		f := models.Fact{Kind: kind, Booking: r.Booking, Charge: r.N, Part: r.Part, Amount: minor}
		if kind == models.FactRefundMoved {
			f.Moved = r.Reason
		}
		s.tell(f)
	}
}

// tell adds a fact to the batch's entry in the event's journal. The first one takes the entry's number.
func (s *State) tell(f models.Fact) {
	if len(s.writes.Facts) == 0 {
		s.Event.Seq++
	}
	s.writes.Facts = append(s.writes.Facts, f)
	s.writes.Event = s.Event
}

// mustTell asserts that the facts a command has told make the stock that it has left. The audit is this promise's pair.
func (s *State) mustTell(c Command, before models.Stock, facts []models.Fact) {
	told := models.Balance{Stock: before}
	for i := range facts {
		_ = told.Add(&facts[i]) // an unknown kind adds nothing, which is seen right here
	}
	if told.Stock != s.stock() {
		panic(fmt.Sprintf("%T was not told: %+v by its facts, %+v in fact", c, told.Stock, s.stock()))
	}
}
