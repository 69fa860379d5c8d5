package modeltest

import (
	"context"
	"errors"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
)

// rest lets everything come to its end, without further faults, and checks the promise: a ticket or the money back.
func (l *life) rest() {
	l.t.Helper()
	l.begin(plan{})
	l.note("from here on nothing fails")
	for round := 0; !l.atRest(); round++ {
		if round == 40 {
			l.fail("it did not come to rest")
		}
		l.advance(40 * time.Second)
		if round == 3 {
			l.nobodyForgotten()
			l.advance(paymentDeadline) // what is left then, nobody pays
		}
		l.settleDown()
		l.agree()
	}
	l.agree()
	for _, id := range l.order {
		l.ended(id, l.model.bookings[id])
	}
}

// nobodyForgotten: two minutes after the last fault every booking that may still be paid has met a worker.
func (l *life) nobodyForgotten() {
	l.t.Helper()
	for _, id := range l.order {
		if b := l.model.bookings[id]; b.status == "PENDING" && b.charge == nil {
			l.fail("no worker came for %s", l.name(id))
		}
	}
}

// settleDown lets every loop do all that there is to do now.
func (l *life) settleDown() {
	l.t.Helper()
	l.relayAll()
	for _, loop := range []string{"worker", "reclaimer"} {
		for l.begin(plan{}); ; l.begin(plan{}) {
			if l.work(loop); len(l.started) == 0 {
				break
			}
		}
	}
	l.reportSeconds()
	for len(l.dueCharges()) > 0 {
		l.begin(plan{})
		l.retry()
	}
	l.sweeper()
	l.canceller()
	for len(l.dueRefunds()) > 0 {
		l.begin(plan{})
		l.giveBack()
	}
}

func (l *life) relayAll() {
	l.begin(plan{})
	l.reconciler()
	for range l.processes { // both, for one may hold rows that it has claimed
		for _, p := range l.processes {
			l.must(l.round(p.loops["relay"]))
		}
	}
}

// atRest reports whether nothing is to come any more.
func (l *life) atRest() bool {
	for id, b := range l.model.bookings {
		unheard := l.ledger[id] != nil && l.ledger[id].second && b.second == nil
		if b.status == "PENDING" || b.charge.open() || b.refund.owed() || b.second.owed() || unheard || l.model.cancelled && b.live() {
			return false
		}
	}
	rows, err := l.store.OutboxDepth(context.Background())
	l.must(err)
	messages, err := l.queue.Depth(context.Background())
	l.must(err)
	return rows == 0 && messages == 0
}

// ended checks one booking at its end, by what the gateway remembers.
func (l *life) ended(id models.BookingID, b *booking) {
	l.t.Helper()
	record, a := l.record(id, 1), l.ledger[id]
	if (record == nil) != (a == nil) {
		l.fail("%s: the gateway remembers %+v, the model's %+v", l.name(id), record, a)
	}
	kept := 0
	if record != nil {
		charges := map[bool]int{true: 1}[a.state == "charged"]
		if kept = charges; a.returned || b.moved > 0 && b.gone() == b.amount && !b.live() {
			kept = 0
		}
		if record.Status != a.state || record.Charges != charges || record.RefundedAt.IsZero() == a.returned {
			l.fail("%s: the gateway remembers %+v, the model's %+v", l.name(id), record, a)
		}
	}
	kept += l.endedSecond(id, a)
	if want := map[bool]int{true: 1}[b.status == "CONFIRMED" && b.amount > 0]; kept != want {
		l.fail("%s is %s, and its money is kept %d times", l.name(id), b, kept)
	}
	l.endedLetters(id, b)
	l.endedMoved(id, b)
}

// endedSecond checks what the gateway took besides, and returns how often that is kept.
func (l *life) endedSecond(id models.BookingID, a *account) (kept int) {
	l.t.Helper()
	record := l.record(id, 2)
	if a == nil || !a.second {
		if record != nil {
			l.fail("%s: the gateway remembers %+v, the model's nothing", l.name(id), record)
		}
		return 0
	}
	if record == nil || record.Charges != 1 || record.RefundedAt.IsZero() == a.secondReturned {
		l.fail("%s: the gateway remembers %+v, the model's %+v", l.name(id), record, a)
	}
	if a.secondReturned {
		return 0
	}
	return 1
}

// endedLetters checks the letters of a booking's two charges.
func (l *life) endedLetters(id models.BookingID, b *booking) {
	l.t.Helper()
	for i := range 4 {
		kind, key := []models.LetterKind{models.LetterCharge, models.LetterRefund}[i%2], models.ChargeKey{BookingRef: l.ref(id), N: 1 + i/2}
		_, err := l.store.DeadLetter(context.Background(), models.Everything, key.LetterID(kind))
		if there, want := !errors.Is(err, models.ErrLetterNotFound), b.hasLetter(kind, key.N); there != want {
			l.fail("%s has a letter about its %s %d: %v (%v), in the model: %v", l.name(id), kind, key.N, there, err, want)
		}
	}
}

// endedMoved checks the letter of money that somebody gave back at the gateway: a person has to look as long as the
// ticket is there, and the money is not.
func (l *life) endedMoved(id models.BookingID, b *booking) {
	l.t.Helper()
	_, err := l.store.DeadLetter(context.Background(), models.Everything, models.FirstCharge(l.ref(id)).LetterID(models.LetterMoved))
	if there, want := !errors.Is(err, models.ErrLetterNotFound), b.gone() > 0 && b.live(); there != want {
		l.fail("%s has a letter about money that moved: %v (%v), in the model: %v", l.name(id), there, err, want)
	}
}

// record is what the simulator keeps of a booking's first or second charge.
func (l *life) record(id models.BookingID, n int) (found *simulator.Record) {
	reference := models.ChargeKey{BookingRef: l.ref(id), N: n}.Reference()
	l.must(l.store.SimCharges(context.Background(), []string{reference}, func(_ time.Time, records map[string]*simulator.Record) {
		if r := records[reference]; r != nil {
			seen := *r
			found = &seen
		}
	}))
	return found
}
