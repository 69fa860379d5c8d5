package modeltest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/queue/inprocess"
	"quantix/internal/services"
)

// step is one thing that happens, drawn by weight.
func (l *life) step() {
	l.t.Helper()
	steps := []struct {
		weight int
		do     func()
	}{
		{18, l.book}, {5, l.cancel}, {12, l.wait}, {6, l.relay}, {10, l.worker}, {14, l.pay}, {3, l.reclaimer}, {14, l.retrier},
		{8, l.refunder}, {5, l.sweeper}, {3, l.canceller}, {3, l.reconciler}, {2, l.flush}, {3, l.kill}, {5, l.callback},
		{4, l.moved}, {4, l.edit}, {1, l.cancelEvent}, {1, l.deleteEvent}, {1, l.leave}, {3, l.letter},
	}
	sum := 0
	for _, s := range steps {
		sum += s.weight
	}
	drawn := l.random.IntN(sum)
	for _, s := range steps {
		if drawn -= s.weight; drawn < 0 {
			l.begin(plan{})
			s.do()
			return
		}
	}
}

// chance is true once in n times.
func (l *life) chance(n int) bool { return l.random.IntN(n) == 0 }

// trouble draws the faults of a step that talks to the gateway, and lets the process die at one of some points.
func (l *life) trouble(deaths ...death) {
	var p plan
	for range 2 {
		switch l.random.IntN(12) {
		case 0, 1:
			p.calls = append(p.calls, refused)
		case 2:
			p.calls = append(p.calls, answerLost)
		case 3:
			p.calls = append(p.calls, []fault{throttled, away, locked}[l.random.IntN(3)])
		default:
			p.calls = append(p.calls, fine)
		}
	}
	if l.chance(6) {
		p.dies = deaths[l.random.IntN(len(deaths))]
	}
	p.desk = l.lostCommit()
	l.begin(p)
	l.note("  (faults %v, death %d)", p.calls, p.dies)
}

// lostCommit is rare, for the program takes its time to find out.
func (l *life) lostCommit() fault {
	if l.chance(150) {
		return commitUnknown
	}
	return fine
}

// run lets one replica's loop do one round, and replaces the replica if it died. Errors are as good as faults: what
// counts is what is there afterwards.
func (l *life) run(loop string) {
	i := l.random.IntN(len(l.processes))
	_ = l.round(l.processes[i].loops[loop])
	if l.plan.dies != lives || l.stalled() { // after a stall its calls would wait, by the real clock
		l.processes[i] = l.newProcess()
	}
}

func (l *life) stalled() bool {
	return slices.ContainsFunc(l.calls, func(c call) bool { return c.stall != "" })
}

// methods are what buyers pay by; sim_ok most of all.
var methods = slices.Concat(
	[]models.PaymentMethod{simulator.OK, simulator.OK, simulator.OK, simulator.OK}, simulator.Methods[:6],
	[]models.PaymentMethod{simulator.Short, simulator.Twice},
)

func (l *life) book() {
	request := services.BookingRequest{
		User: l.user, Event: l.event, Quantity: 1 + l.random.Int64N(3), Method: methods[l.random.IntN(len(methods))],
	}
	if l.chance(3) {
		request.Key = fmt.Sprintf("%d-%d", l.seed, l.random.IntN(3))
	}
	if first, known := l.keys[request.Key]; known {
		l.bookAgain(request, first)
		return
	}
	l.plan.desk = l.lostCommit()
	p := l.one()
	made, _, err := p.bookings.Create(context.Background(), models.TheOperator, request)
	l.same(fmt.Sprintf("book %d by %s, key %q, limit %d", request.Quantity, request.Method, request.Key, p.limit), err,
		l.model.book(made.ID, l.user, request.Quantity, request.Method, p.limit))
	if err != nil {
		return
	}
	l.order = append(l.order, made.ID)
	if want := l.model.bookings[made.ID].deadline; !made.PaymentDeadline.Equal(want) {
		l.fail("the deadline is %s, the model's %s", made.PaymentDeadline, want)
	}
	if request.Key != "" {
		l.keys[request.Key], l.keyed[request.Key] = request, made.ID
	}
}

// bookAgain sends a key that was answered before: with the same request, or with another one.
func (l *life) bookAgain(request, first services.BookingRequest) {
	code := "idempotency_key_reused"
	if l.chance(2) {
		request = first
	}
	if request == first {
		code = ""
	}
	made, replayed, err := l.one().bookings.Create(context.Background(), models.TheOperator, request)
	l.same("book again with key "+request.Key, err, code)
	if err == nil && (!replayed || made.ID != l.keyed[request.Key] || made.Status != models.StatusPending) {
		l.fail("the key was answered with %+v, replayed: %v", made, replayed)
	}
}

func (l *life) cancel() {
	if id, b, found := l.any(); found {
		l.plan.desk = l.lostCommit()
		_, err := l.one().bookings.Cancel(context.Background(), models.TheOperator, id)
		l.same("cancel "+l.name(id), err, l.model.cancel(b))
	}
}

// wait moves the clock: by more than any backoff, or by almost nothing, or to the very deadline of a booking, the
// event's begin or the end of its refunds.
func (l *life) wait() {
	pauses := []time.Duration{20 * time.Second, 20 * time.Second, 35 * time.Second, 61 * time.Second, 5 * time.Minute, 16 * time.Minute, time.Microsecond}
	pause := pauses[l.random.IntN(len(pauses))]
	moments := []time.Time{l.model.date, l.model.date.Add(refundWindow)}
	if _, b, found := l.any(); found {
		moments = append(moments, b.deadline, b.deadline, b.deadline, b.deadline)
	}
	if l.chance(3) {
		moment := moments[l.random.IntN(len(moments))]
		if left := moment.Sub(l.model.now) - time.Duration(l.random.IntN(2))*time.Microsecond; left > maxBackoff {
			pause = left
		}
	}
	l.advance(pause)
}

func (l *life) advance(pause time.Duration) {
	l.note("wait %s", pause)
	l.model.now = l.clock.Advance(pause)
}

func (l *life) relay() {
	p := plan{}
	if l.chance(6) {
		p.dies = []death{afterClaim, beforeDeletion}[l.random.IntN(2)]
	}
	l.begin(p)
	l.note("relay (death %d)", p.dies)
	l.run("relay")
}

func (l *life) reconciler() {
	l.note("reconciler")
	l.run("reconciler")
}

func (l *life) flush() {
	l.note("the queue loses everything")
	l.queue = inprocess.New(inprocess.Options{Now: l.clock.Now})
}

func (l *life) kill() {
	i := l.random.IntN(len(l.processes))
	l.note("replica %d is killed", i+1)
	l.processes[i] = l.newProcess()
}

func (l *life) worker() {
	l.trouble(afterReceive, afterStart, afterGateway, beforeAck)
	l.work("worker")
}

// pay gives a worker something to do, and has it done.
func (l *life) pay() {
	l.note("relay")
	l.run("relay")
	l.worker()
}

func (l *life) reclaimer() {
	l.trouble(afterReceive, afterStart, afterGateway, beforeAck)
	l.work("reclaimer")
}

// work lets a worker, or a reclaimer, take one message.
func (l *life) work(loop string) {
	l.t.Helper()
	l.run(loop)
	l.note("%s: took %d messages", loop, len(l.started))
	for _, ref := range l.started {
		b := l.model.bookings[ref.Booking]
		charged, confirmed := l.model.startsCharge(b)
		if confirmed && l.plan.dies != afterStart {
			b.status = "CONFIRMED"
		}
		if !charged || l.plan.dies == afterStart {
			l.calledAsWanted()
			continue
		}
		l.calledAsWanted("charge")
		if l.plan.dies != afterGateway {
			l.model.settleCall(b, l.calls[0])
		}
	}
}

// calledAsWanted checks which questions the gateway was asked, and that its answers are the naive ledger's.
func (l *life) calledAsWanted(ops ...string) {
	l.t.Helper()
	if len(l.calls) != len(ops) {
		l.fail("the gateway was asked %+v, the model wants %q", l.calls, ops)
	}
	for i, c := range l.calls {
		if c.op != ops[i] {
			l.fail("the gateway was asked %+v, the model wants %q", l.calls, ops)
		}
		l.note("  %s %s: %s, told %s %s", c.op, l.name(c.booking), c.said, c.told, c.stall)
		if c.nothing() {
			continue
		}
		if want := l.account(c); c.said != want {
			l.fail("the gateway said %s, the model's says %s", c.said, want)
		}
	}
}

// account does in the naive ledger what a call does.
func (l *life) account(c call) models.Outcome {
	switch c.op {
	case "charge":
		return l.ledger.charge(c.booking, l.model.bookings[c.booking], l.model.now)
	case "find":
		return l.ledger.find(c.booking, l.model.now)
	case "void":
		return l.ledger.void(c.booking, l.model.now)
	}
	return l.ledger.refund(c.booking, c.n, l.model.now)
}

func (l *life) retrier() {
	l.trouble(afterStart, afterGateway)
	l.retry()
}

// retry lets a retrier take one due charge.
func (l *life) retry() {
	l.t.Helper()
	due := l.dueCharges()
	l.run("retrier")
	b, _ := l.taken("retrier", due)
	if b == nil {
		return
	}
	chargeable := l.model.takeUp(b)
	if l.plan.dies == afterStart {
		l.calledAsWanted()
		return
	}
	if len(l.calls) == 0 {
		l.fail("the gateway was not asked")
	}
	ops := []string{"find"}
	found := l.calls[0].told
	ended := b.status == "CANCELLED" && (b.reason != "expired" || l.model.now.Sub(b.deadline) >= maxLate)
	if found == models.OutcomeAbsent && !chargeable || found == models.OutcomePending && ended {
		ops = append(ops, "void")
	} else if found == models.OutcomeAbsent && b.charge.status != "unknown" {
		ops = append(ops, "charge")
	}
	if l.plan.dies == afterGateway {
		l.calledAsWanted("find")
		return
	}
	l.calledAsWanted(ops...)
	last := l.calls[len(ops)-1]
	if last.told == models.OutcomeUnavailable && last.op != "charge" {
		last.told = models.OutcomeUnknown
	}
	l.model.settleCall(b, last)
}

// dueCharges and dueRefunds are what may be taken up now.
func (l *life) dueCharges() map[models.ChargeKey]bool {
	due := map[models.ChargeKey]bool{}
	for id, b := range l.model.bookings {
		if l.model.dueCharge(b) {
			due[models.FirstCharge(l.ref(id))] = true
		}
	}
	return due
}

func (l *life) dueRefunds() map[models.ChargeKey]bool {
	due := map[models.ChargeKey]bool{}
	for id, b := range l.model.bookings {
		for n := 1; n <= 2; n++ {
			if l.model.dueRefund(b.refundOf(n)) {
				due[models.ChargeKey{BookingRef: l.ref(id), N: n}] = true
			}
		}
	}
	return due
}

// taken checks that what a loop took up was due, and returns its booking, and which of its charges; nil when nothing
// was and nothing was taken.
func (l *life) taken(loop string, due map[models.ChargeKey]bool) (*booking, int) {
	l.t.Helper()
	if len(l.took) == 0 {
		if len(due) > 0 {
			l.fail("the %s took nothing, though %d are due", loop, len(due))
		}
		return nil, 0
	}
	key := l.took[0]
	l.note("%s: takes charge %d of %s", loop, key.N, l.name(key.Booking))
	if !due[key] {
		l.fail("the %s took charge %d of %s, which is not due", loop, key.N, l.name(key.Booking))
	}
	return l.model.bookings[key.Booking], key.N
}

func (l *life) refunder() {
	l.trouble(afterStart, afterGateway)
	l.giveBack()
}

func (l *life) giveBack() {
	l.t.Helper()
	due := l.dueRefunds()
	l.run("refunder")
	b, n := l.taken("refunder", due)
	if b == nil {
		return
	}
	r := b.refundOf(n)
	r.attempts++
	r.due = l.model.now.Add(lease)
	if l.plan.dies == afterStart {
		l.calledAsWanted()
		return
	}
	l.calledAsWanted("refund")
	if l.plan.dies != afterGateway {
		l.model.settleRefund(r, l.calls[0])
	}
}

func (l *life) sweeper() {
	l.note("sweeper")
	l.run("sweeper")
	l.model.sweep()
}

func (l *life) canceller() {
	l.note("canceller")
	l.run("canceller")
	l.model.cancelBookings()
}
