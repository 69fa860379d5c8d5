package services

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// ask makes one call to the gateway, with a bound on its time and on how many there are at once. A gateway that panics
// has not answered; everything else goes on.
func (p *Payments) ask(
	ctx context.Context, reference string, call func(context.Context) models.Result,
) (result models.Result) {
	if _, err := p.asking.acquire(ctx, 1, 1); err != nil {
		return models.Result{
			Outcome: models.OutcomeUnavailable, Stall: models.StallThrottled, Reason: "the gateway was not asked in time",
		}
	}
	defer p.asking.release(1)
	if !p.turn(ctx) {
		return models.Result{Outcome: models.OutcomeUnavailable, Stall: models.StallThrottled, Reason: "there was no room for the call at the gateway"}
	}
	begun := time.Now()
	defer func() { p.pace.Note(begun, result) }()
	ctx, cancel := context.WithTimeout(ctx, p.options.Timeout)
	defer cancel()
	defer func() {
		if fault := recover(); fault != nil {
			p.options.Logger.Error("the gateway panicked", "reference", reference, "panic", fault,
				"stack", string(debug.Stack()))
			result = models.Result{Outcome: models.OutcomeUnknown, Reason: "the gateway failed inside"}
		}
	}()
	return call(ctx)
}

// call asks one of the gateway's questions about a charge.
func (p *Payments) call(
	ctx context.Context, r payments.ChargeRequest, do func(context.Context, payments.ChargeRequest) models.Result,
) models.Result {
	return p.ask(ctx, r.Reference, func(ctx context.Context) models.Result { return do(ctx, r) })
}

// maxTurn bounds how long a call waits for its turn: a rate that has just dropped must not let the lease of its charge
// run out. What has no turn by then is as well left in the database.
const maxTurn = 5 * time.Second

// turn waits until a call may go, and reports whether it may.
func (p *Payments) turn(ctx context.Context) bool {
	if p.pace.Free() {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	return p.pace.Wait(ctx) == nil
}

// Room returns how many of most payments the gateway has room for now. What there is none for is better left in the
// queue or in the database: there it waits for its deadline alone, and no try of it is counted.
func (p *Payments) Room(most int) int { return p.pace.Room(most) }

// unsure turns a failed question into what it is: no knowledge of the charge.
func unsure(r models.Result) models.Result {
	if r.Outcome == models.OutcomeUnavailable {
		r.Outcome = models.OutcomeUnknown
	}
	return r
}

// otherGateway is the answer of a gateway that is not there to be asked.
func otherGateway(name string) models.Result {
	return models.Result{Outcome: models.OutcomeGone, Reason: fmt.Sprintf("the gateway %q is not set up any more", name)}
}

// failed reports whether a try had no outcome: it counts, and is something to try again.
func failed(r models.Result) bool {
	return r.Stall == "" &&
		(r.Outcome == models.OutcomeUnknown || r.Outcome == models.OutcomeUnavailable || r.Outcome == models.OutcomeAbsent)
}

// outcomeOf is what metrics call an answer.
func outcomeOf(r models.Result) string {
	if r.Stall != "" {
		return string(r.Stall)
	}
	return string(r.Outcome)
}
