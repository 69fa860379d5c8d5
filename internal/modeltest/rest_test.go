package modeltest

import (
	"context"
	"errors"
	"time"

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
	for len(l.due(l.model.dueCharge)) > 0 {
		l.begin(plan{})
		l.retry()
	}
	l.sweeper()
	l.canceller()
	for len(l.due(l.model.dueRefund)) > 0 {
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

// atRest tells whether nothing is to come any more.
func (l *life) atRest() bool {
	for _, b := range l.model.bookings {
		if b.status == "PENDING" || b.charge.open() || b.refund != nil && !b.refund.done || l.model.cancelled && b.live() {
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
	record, a := l.record(id), l.ledger[id]
	if (record == nil) != (a == nil) {
		l.fail("%s: the gateway remembers %+v, the model's %+v", l.name(id), record, a)
	}
	kept := false
	if record != nil {
		charges := map[bool]int{true: 1}[a.state == "charged"]
		kept = charges == 1 && !a.returned
		if record.Status != a.state || record.Charges != charges || record.RefundedAt.IsZero() == a.returned {
			l.fail("%s: the gateway remembers %+v, the model's %+v", l.name(id), record, a)
		}
	}
	if confirmed := b.status == "CONFIRMED" && b.amount > 0; confirmed != kept {
		l.fail("%s is %s, and its money is kept: %v", l.name(id), b, kept)
	}
	for _, kind := range []models.LetterKind{models.LetterCharge, models.LetterRefund} {
		_, err := l.store.DeadLetter(context.Background(), models.FirstCharge(l.ref(id)).LetterID(kind))
		if there := !errors.Is(err, models.ErrLetterNotFound); there != b.hasLetter(kind) {
			l.fail("%s has a letter about its %s: %v (%v), in the model: %v", l.name(id), kind, there, err, b.hasLetter(kind))
		}
	}
}

// record is what the simulator keeps of a booking's charge.
func (l *life) record(id models.BookingID) (found *models.SimCharge) {
	reference := models.FirstCharge(l.ref(id)).Reference()
	l.must(l.store.SimCharges(context.Background(), []string{reference}, func(_ time.Time, records map[string]*models.SimCharge) {
		if r := records[reference]; r != nil {
			seen := *r
			found = &seen
		}
	}))
	return found
}
