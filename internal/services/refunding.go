package services

import (
	"context"
	"slices"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

func (p *Payments) refund(ctx context.Context, d *repository.DueRefund) {
	r := &d.Refund
	result := otherGateway(r.Gateway)
	if r.Gateway == p.gateway.Name() {
		var ended bool
		if result, ended = p.giveBack(ctx, r); ended {
			p.options.Observer.Payment("refund", string(result.Outcome))
			return
		}
	}
	p.settleRefund(ctx, r, result)
}

// giveBack asks for a refund. Where so much is not left at the gateway, it looks what has moved there, and asks for
// what the desk says is owed then. ended: nothing is.
func (p *Payments) giveBack(ctx context.Context, r *models.Refund) (result models.Result, ended bool) {
	for range 2 {
		request := payments.RefundRequest{
			Key: r.Key().GatewayKey(), Part: r.Part, Reference: r.Reference(), ProviderReference: r.ChargeReference,
			Amount: r.Amount,
		}
		result = p.ask(ctx, request.Key, func(ctx context.Context) models.Result { return p.gateway.Refund(ctx, request) })
		if result.Outcome != models.OutcomeMoved {
			return result, false
		}
		owed, open, stall, err := p.lookAgain(ctx, r)
		switch {
		case err != nil:
			return models.Result{Outcome: models.OutcomeUnknown, Reason: result.Reason, Stall: stall}, false
		case owed != nil && open:
			return models.Result{Outcome: models.OutcomePending, Reason: "a refund that was made at the gateway is not finished"}, false
		case owed == nil:
			return result, true
		}
		owed.Attempts = r.Attempts
		*r = *owed
	}
	return models.Result{Outcome: models.OutcomeUnavailable, Reason: result.Reason}, false
}

// lookAgain returns what is still owed of a charge, now that it is known what has moved, and whether something that
// somebody else gave back is open: it may be the rest, or fail. An error comes with the stall of a gateway that does
// not tell now.
func (p *Payments) lookAgain(
	ctx context.Context, r *models.Refund,
) (owed *models.Refund, open bool, stall models.Stall, err error) {
	teller, is := p.gateway.(payments.Teller)
	if !is {
		return r, false, "", nil
	}
	var statement payments.Statement
	answer := p.ask(ctx, r.Reference(), func(ctx context.Context) models.Result {
		statement = teller.Look(ctx, payments.ChargeRequest{Reference: r.Reference(), ProviderReference: r.ChargeReference})
		return statement.Result
	})
	if answer.Outcome != models.OutcomeSucceeded {
		return nil, false, answer.Stall, models.ErrUnavailable
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	// By the charge's own key: the reference at the gateway may be that of the booking's first charge.
	command := &sale.SettleMoved{Charge: r.ChargeKey, Movements: statement.Movements}
	verdict, err := p.office.Tell(ctx, r.Event, command)
	if err != nil {
		p.options.Logger.Warn("what has moved is not settled yet", "reference", r.Reference(), "error", err)
		return nil, false, "", repository.ToDomain(err)
	}
	open = slices.ContainsFunc(statement.Movements, func(m models.Movement) bool {
		return m.Reason == models.RefundMoved && m.State == models.MovementOpen
	})
	return verdict.Refund, open, "", nil
}
