package modeltest

import (
	"context"
	"encoding/json"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/sale"
)

// callback lets the gateway report what it did, once or several times, late or early; of a slow payment also, out of
// order, that it was undecided once.
func (l *life) callback() {
	id, b, found := l.any()
	if !found {
		return
	}
	a := l.ledger.of(id, l.model.now)
	if a == nil || a.state == "failed" {
		return
	}
	of := own
	if a.second && l.chance(2) {
		of = other
	}
	said := l.report(id, of)
	if b.method == simulator.Slow && a.state != "voided" && l.chance(3) {
		said.Outcome, said.Amount = models.OutcomePending, models.Money{}
	}
	for range 1 + l.random.IntN(3) {
		l.plan.desk = l.lostCommit()
		l.callBack(id, of, said)
	}
}

// report is what the gateway has to say of money that it took for a booking, or did not.
func (l *life) report(id models.BookingID, of reference) models.Result {
	key, want := models.FirstCharge(l.ref(id)), l.ledger.of(id, l.model.now).says()
	if of == other {
		key.N, want = 2, models.OutcomeSucceeded
	}
	said := l.inner.Find(context.Background(), payments.ChargeRequest{Reference: key.Reference()})
	if said.Outcome != want {
		l.fail("the gateway says %s of %s, the model's %s", said.Outcome, l.name(id), want)
	}
	return said
}

// callBack has the gateway say it, always of the charge that it was asked for.
func (l *life) callBack(id models.BookingID, of reference, said models.Result) {
	l.note("callback for %s, its %s reference: %s", l.name(id), of, said.Outcome)
	body, err := json.Marshal(payments.Notice{Reference: models.FirstCharge(l.ref(id)).Reference(), Result: said})
	l.must(err)
	l.must(l.one().calls.Receive(context.Background(), "simulated", nil, body))
	l.model.settle(l.model.bookings[id], of, said.Outcome, 30*time.Second)
}

// reportSeconds lets the gateway report all that it took twice, which nobody would ask for.
func (l *life) reportSeconds() {
	l.begin(plan{})
	for _, id := range l.order {
		if a := l.ledger.of(id, l.model.now); a != nil && a.second {
			for _, of := range []reference{own, other} {
				l.callBack(id, of, l.report(id, of))
			}
		}
	}
}

// moved lets somebody give half or all of a paid booking's money back at the gateway, which tells it several times, or
// lets that come back. Whatever becomes of the booking afterwards, only the rest is given back here.
func (l *life) moved() {
	id, b, found := l.any()
	if !found || b.status != "CONFIRMED" || b.amount == 0 || b.charge.status != "succeeded" || b.back {
		return
	}
	told := models.Movement{ID: "hand", Reason: models.RefundMoved, State: models.MovementDone}
	switch {
	case b.moved == 0:
		b.moved = []int64{half(b.amount), b.amount}[l.random.IntN(2)]
	case l.chance(3):
		told.State, b.back = models.MovementUndone, true
	}
	told.Amount = models.Money{Minor: b.moved, Currency: "USD"}
	l.note("%d of %s were given back by hand: %s", b.moved, l.name(id), told.State)
	for range 1 + l.random.IntN(2) {
		l.plan.desk = l.lostCommit()
		_, err := l.one().office.Tell(context.Background(), l.event, &sale.SettleMoved{
			Charge: models.FirstCharge(l.ref(id)), Movements: []models.Movement{told},
		})
		l.must(err)
	}
}
