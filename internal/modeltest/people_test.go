package modeltest

import (
	"context"
	"fmt"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/services"
)

// What organisers do, users who leave, and whoever looks at the dead letters.

func (l *life) edit() {
	var patch models.EventPatch
	total, price, date := int64(0), int64(-1), time.Time{}
	switch l.random.IntN(3) {
	case 0:
		total = 1 + l.random.Int64N(12)
		patch.TotalTickets = &total
	case 1:
		price = []int64{0, 100, 7550}[l.random.IntN(3)]
		text := models.Money{Minor: price, Currency: "USD"}.String()
		patch.Price = &text
	case 2:
		date = l.model.now.Add([]time.Duration{-time.Minute, time.Minute, 30 * time.Minute, 3 * time.Hour}[l.random.IntN(4)])
		patch.DateTime = &date
	}
	var version *int64
	if l.chance(3) {
		n := l.model.version - l.random.Int64N(2)
		version = &n
	}
	l.plan.desk = l.lostCommit()
	_, err := l.one().events.Update(context.Background(), models.TheOperator, l.event, patch, version)
	l.same(fmt.Sprintf("edit: tickets %d, price %d, date %s", total, price, date), err, l.model.edit(total, price, date, version))
}

func (l *life) cancelEvent() {
	l.plan.desk = l.lostCommit()
	_, err := l.one().events.Cancel(context.Background(), models.TheOperator, l.event)
	l.same("cancel the event", err, l.model.cancelEvent())
}

func (l *life) deleteEvent() {
	l.plan.desk = l.lostCommit()
	err := l.one().events.Delete(context.Background(), models.TheOperator, l.event, nil)
	l.same("delete the event", err, l.model.deleteEvent())
}

// leave deletes the user, who cannot book any more then; another one takes over.
func (l *life) leave() {
	err := l.one().users.Delete(context.Background(), models.TheOperator, l.user, nil)
	if l.same("delete the user", err, l.model.deleteUser(l.user)); err != nil {
		return
	}
	want := "user_not_found"
	if l.model.erase {
		want = "event_not_found"
	}
	request := services.BookingRequest{User: l.user, Event: l.event, Quantity: 1, Method: simulator.OK}
	_, _, err = l.one().bookings.Create(context.Background(), models.TheOperator, request)
	l.same("book for the deleted user", err, want)
	l.user = l.shop.User().ID
	clear(l.keys)
	clear(l.keyed)
}

// letter is a person's look at a dead letter.
func (l *life) letter() {
	id, b, found := l.any()
	if !found {
		return
	}
	kind, key := models.LetterCharge, models.FirstCharge(l.ref(id))
	if b.refund != nil && l.chance(2) {
		kind = models.LetterRefund
	} else if b.second != nil && l.chance(2) {
		kind, key.N = models.LetterRefund, 2
	}
	letterID, ctx := key.LetterID(kind), context.Background()
	if l.chance(2) {
		if l.chance(4) {
			l.plan.desk = commitUnknown
		}
		l.same(fmt.Sprintf("retry the %s letter of %s", kind, l.name(id)), l.one().letters.Retry(ctx, models.TheOperator, letterID), l.retriesLetter(b, kind, key.N))
	} else {
		l.same(fmt.Sprintf("discard the %s letter of %s", kind, l.name(id)), l.one().letters.Discard(ctx, models.TheOperator, letterID), l.discardsLetter(b, kind, key.N))
	}
}

func (l *life) retriesLetter(b *booking, kind models.LetterKind, n int) string {
	switch {
	case !b.hasLetter(kind, n):
		return "dead_letter_not_found"
	case kind == models.LetterCharge:
		return l.model.retryLetter(b)
	}
	r := b.refundOf(n)
	r.attempts, r.due, r.letter = 0, l.model.now, false
	return ""
}

func (l *life) discardsLetter(b *booking, kind models.LetterKind, n int) string {
	switch {
	case !b.hasLetter(kind, n):
		return "dead_letter_not_found"
	case kind == models.LetterCharge:
		return l.model.discardLetter(b)
	}
	return "refund_owed"
}

func (b *booking) hasLetter(kind models.LetterKind, n int) bool {
	if kind == models.LetterCharge {
		return n == 1 && b.charge != nil && b.charge.letter
	}
	r := b.refundOf(n)
	return r != nil && r.letter
}
