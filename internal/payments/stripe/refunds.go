package stripe

import (
	"context"
	"errors"
	"fmt"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// Refund gives a charge back in full: Succeeded, also when it was given back before; Unknown, also while Stripe has not
// finished; or Unavailable.
//
// It looks before it leaps: Stripe forgets idempotency keys after a day, and tries go on for longer.
func (g *Gateway) Refund(ctx context.Context, request payments.RefundRequest) models.Result {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	amount, err := stripeUnits(request.Amount)
	if err != nil || request.ProviderReference == "" {
		return models.Result{Outcome: models.Unavailable, Reason: "there is no charge at Stripe to give back"}
	}
	earlier, err := g.refunds(ctx, request.ProviderReference)
	if err != nil {
		// Nothing was asked for now, but something may have been before.
		return unsure(g.explain(ctx, "look up refunds", request.Key, err))
	}
	if live := earlier.live(amount); live != nil {
		return refunded(live)
	}
	refund, err := once(earlier.key(request.Key), func(key *string) (*api.Refund, error) {
		return g.client.V1Refunds.Create(ctx, refundParams(request, amount, key))
	})
	if e, is := errors.AsType[*api.Error](err); is && e.Code == api.ErrorCodeChargeAlreadyRefunded {
		return models.Result{Outcome: models.Succeeded, ProviderReference: earlier.newest()}
	}
	if err != nil {
		return owed(g.explain(ctx, "refund", request.Key, err))
	}
	return refunded(refund)
}

func refundParams(request payments.RefundRequest, amount int64, key *string) *api.RefundCreateParams {
	return &api.RefundCreateParams{
		Params:        api.Params{IdempotencyKey: key},
		PaymentIntent: api.String(request.ProviderReference),
		Amount:        &amount,
		Metadata:      map[string]string{referenceKey: request.Reference},
	}
}

// owed: money that is owed back cannot be declined, only not be given back yet.
func owed(r models.Result) models.Result {
	if r.Outcome == models.Declined {
		r.Outcome = models.Unavailable
	}
	return r
}

// refunded is what a refund's state says. One that is pending may still fail, weeks later, so that it is not reported as
// done; it is looked up again.
func refunded(refund *api.Refund) models.Result {
	result := models.Result{ProviderReference: refund.ID}
	switch refund.Status {
	case api.RefundStatusSucceeded:
		result.Outcome = models.Succeeded
	case api.RefundStatusFailed, api.RefundStatusCanceled:
		result.Outcome, result.Reason = models.Unavailable, "the refund failed at Stripe: "+word(string(refund.FailureReason))
	default:
		result.Outcome, result.Reason = models.Unknown, "Stripe has not finished the refund: "+word(string(refund.Status))
	}
	return result
}

// refundList is what was given back of an intent so far, newest first.
type refundList []*api.Refund

// refunds reads an intent's refunds, a hundred at most: we make one, and organisers a few by hand.
func (g *Gateway) refunds(ctx context.Context, intent string) (refundList, error) {
	params := &api.RefundListParams{PaymentIntent: &intent}
	params.Limit, params.Single = api.Int64(100), true
	list := refundList{}
	for refund, err := range g.client.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return nil, err
		}
		list = append(list, refund)
	}
	return list, nil
}

// live gives the refund that stands for a charge given back in full: the least certain of those that make up the
// amount; nil if they do not. Organisers may have given money back by hand, in parts.
func (l refundList) live(amount int64) *api.Refund {
	var total int64
	var least *api.Refund
	for _, refund := range l {
		if dead(refund) {
			continue
		}
		total += refund.Amount
		if least == nil || refund.Status != api.RefundStatusSucceeded {
			least = refund
		}
	}
	if total < amount {
		return nil
	}
	return least
}

func dead(refund *api.Refund) bool {
	return refund.Status == api.RefundStatusFailed || refund.Status == api.RefundStatusCanceled
}

// key is the idempotency key of the next refund: under that of one that has failed, Stripe would only tell of the failure.
func (l refundList) key(key string) string {
	failed := 0
	for _, refund := range l {
		if dead(refund) {
			failed++
		}
	}
	if failed == 0 {
		return key
	}
	return fmt.Sprintf("%s:%d", key, failed)
}

func (l refundList) newest() string {
	if len(l) == 0 {
		return ""
	}
	return l[0].ID
}
