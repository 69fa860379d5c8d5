package stripe

import (
	"context"
	"math"
	"slices"
	"strings"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

var _ payments.Teller = (*Gateway)(nil)

// Look asks for an intent, its refunds and its disputes. Stripe's events about these say neither whose charge it is
// nor, since API version 2022-11-15, what was refunded; so they are taken for a reason to ask.
func (g *Gateway) Look(ctx context.Context, request payments.ChargeRequest) payments.Statement {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	id := request.ProviderReference
	intent, err := g.client.V1PaymentIntents.Retrieve(ctx, id, nil)
	if err != nil {
		return payments.Statement{Result: unsure(g.explain(ctx, "look", id, err))}
	}
	if owner := intent.Metadata[installationKey]; owner != "" && g.installation != "" && owner != g.installation {
		return payments.Statement{}
	}
	if intent.Metadata[referenceKey] == "" { // another program's, whatever has become of it
		return payments.Statement{}
	}
	statement := payments.Statement{Reference: intent.Metadata[referenceKey], Result: found(id, intent)}
	if statement.Result.Outcome != models.OutcomeSucceeded {
		return statement
	}
	refunds, err := g.refunds(ctx, id)
	if err != nil {
		return payments.Statement{Result: unsure(g.explain(ctx, "look", id, err))}
	}
	disputes, err := g.disputes(ctx, id)
	if err != nil {
		return payments.Statement{Result: unsure(g.explain(ctx, "look", id, err))}
	}
	for _, refund := range slices.Backward(refunds) {
		statement.Movements = append(statement.Movements, refundMovement(refund, statement.Reference))
	}
	for _, dispute := range slices.Backward(disputes) {
		statement.Movements = append(statement.Movements, disputeMovement(dispute))
	}
	return statement
}

// disputes reads an intent's disputes, newest first.
func (g *Gateway) disputes(ctx context.Context, intent string) ([]*api.Dispute, error) {
	params := &api.DisputeListParams{PaymentIntent: &intent}
	params.Limit, params.Single = api.Int64(100), true
	var list []*api.Dispute
	for dispute, err := range g.client.V1Disputes.List(ctx, params).All(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, dispute)
	}
	return list, nil
}

// refundMovement is what a refund's state says. One that is pending may still fail, weeks later.
func refundMovement(refund *api.Refund, reference string) models.Movement {
	m := models.Movement{
		ID: refund.ID, Reason: models.RefundMoved, Amount: counted(refund.Amount, string(refund.Currency)),
		Note: word(string(refund.Status)),
	}
	if part := partOf(refund, reference); part > 0 {
		m.Reason, m.Part = models.RefundOwed, part
	}
	switch {
	case dead(refund):
		m.State = models.MovementUndone
	case refund.Status == api.RefundStatusSucceeded:
		m.State = models.MovementDone
	default:
		m.State = models.MovementOpen
	}
	return m
}

// disputeMovement is what a dispute's state says. The bank takes the money when it opens a dispute; an inquiry, whose
// states begin with "warning_", and what was prevented take none.
func disputeMovement(dispute *api.Dispute) models.Movement {
	m := models.Movement{
		ID: dispute.ID, Reason: models.RefundDisputed, Amount: counted(dispute.Amount, string(dispute.Currency)),
		Note: word(string(dispute.Status)),
	}
	switch dispute.Status {
	case api.DisputeStatusLost:
		m.State = models.MovementDone
	case api.DisputeStatusNeedsResponse, api.DisputeStatusUnderReview:
		m.State = models.MovementOpen
	default:
		m.State = models.MovementUndone
	}
	return m
}

// succeeded is the result of a payment of so many of Stripe's units.
func succeeded(id string, units int64, currency string) models.Result {
	amount, exact := minorUnits(units, currency)
	if !exact {
		return models.Result{Outcome: models.OutcomeUnknown, ProviderReference: id, Reason: "Stripe took a sum that cannot be counted here"}
	}
	return models.Result{Outcome: models.OutcomeSucceeded, ProviderReference: id, Amount: amount}
}

// counted returns a sum that only has to be near: what is written down of it is bounded by the charge.
func counted(units int64, currency string) models.Money {
	amount, _ := minorUnits(units, currency)
	return amount
}

// minorUnits is stripeUnits turned round: an amount as Stripe counts it, and whether it is one of ours.
func minorUnits(units int64, currency string) (models.Money, bool) {
	c := models.Currency(strings.ToUpper(word(currency)))
	if units < 0 || len(c) != 3 {
		return models.Money{}, false
	}
	switch {
	case slices.Contains(wholeAsHundreds, c):
		return models.Money{Minor: units / 100, Currency: c}, units%100 == 0
	case slices.Contains(hundredsAsWhole, c):
		if units > math.MaxInt64/100 {
			return models.Money{}, false
		}
		return models.Money{Minor: units * 100, Currency: c}, true
	}
	return models.Money{Minor: units, Currency: c}, units <= models.MaxAmount
}
