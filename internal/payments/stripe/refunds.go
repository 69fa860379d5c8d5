package stripe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// Refund gives a charge or a part of it back: Succeeded, also when that was done before; Pending while Stripe has not
// finished; Moved when somebody else, or a bank, has moved the money; Unknown; or Unavailable.
//
// It looks before it leaps: Stripe forgets idempotency keys after a day, and tries go on for longer.
func (g *Gateway) Refund(ctx context.Context, request payments.RefundRequest) models.Result {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	amount, err := stripeUnits(request.Amount)
	if err != nil || request.ProviderReference == "" {
		return models.Result{Outcome: models.OutcomeUnavailable, Reason: "there is no charge at Stripe to give back"}
	}
	earlier, err := g.refunds(ctx, request.ProviderReference)
	if err != nil {
		// Nothing was asked for now, but something may have been before.
		return unsure(g.explain(ctx, "look up refunds", request.Key, err))
	}
	if live := earlier.live(request); live != nil {
		return refunded(live)
	}
	refund, err := once(earlier.key(request.Key), func(key *string) (*api.Refund, error) {
		return g.client.V1Refunds.Create(ctx, refundParams(request, amount, key))
	})
	if e, is := errors.AsType[*api.Error](err); is && notLeft(e) {
		return models.Result{Outcome: models.OutcomeMoved, Reason: "Stripe cannot give so much back: " + word(firstOf(string(e.Code), e.Param))}
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
		Metadata:      refundMetadata(request),
	}
}

// partKey is where a refund carries its part, if that is not the first.
const partKey = "part"

func refundMetadata(request payments.RefundRequest) map[string]string {
	metadata := map[string]string{referenceKey: request.Reference}
	if request.Part > 1 {
		metadata[partKey] = strconv.Itoa(request.Part)
	}
	return metadata
}

// partOf tells which part of our refunds one is; 0: none of ours.
func partOf(refund *api.Refund, reference string) int {
	if refund.Metadata[referenceKey] != reference {
		return 0
	}
	part, err := strconv.Atoi(cmp.Or(refund.Metadata[partKey], "1"))
	if err != nil || part < 1 {
		return 0
	}
	return part
}

// notLeft tells of a refund that Stripe refuses because of what has become of the charge's money.
func notLeft(e *api.Error) bool {
	return e.Code == api.ErrorCodeChargeAlreadyRefunded || e.Code == "charge_disputed" ||
		e.HTTPStatusCode == http.StatusBadRequest && e.Type == api.ErrorTypeInvalidRequest && e.Param == "amount"
}

// owed: money that is owed back cannot be declined, only not be given back yet.
func owed(r models.Result) models.Result {
	if r.Outcome == models.OutcomeDeclined {
		r.Outcome = models.OutcomeUnavailable
	}
	return r
}

// refunded is what a refund's state says. One that is pending may still fail, weeks later, so that it is not reported
// as done; it is looked up again.
func refunded(refund *api.Refund) models.Result {
	result := models.Result{ProviderReference: refund.ID}
	switch refund.Status {
	case api.RefundStatusSucceeded:
		result.Outcome = models.OutcomeSucceeded
	case api.RefundStatusFailed, api.RefundStatusCanceled:
		result.Outcome, result.Reason = models.OutcomeUnavailable, "the refund failed at Stripe: "+word(string(refund.FailureReason))
	default:
		result.Outcome, result.Reason = models.OutcomePending, "Stripe has not finished the refund: "+word(string(refund.Status))
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

// live returns the refund that was made for a request before, and has not failed; nil if there is none.
func (l refundList) live(request payments.RefundRequest) *api.Refund {
	for _, refund := range l {
		if !dead(refund) && partOf(refund, request.Reference) == max(1, request.Part) {
			return refund
		}
	}
	return nil
}

func dead(refund *api.Refund) bool {
	return refund.Status == api.RefundStatusFailed || refund.Status == api.RefundStatusCanceled
}

// key is the idempotency key of the next refund: under that of one that has failed, Stripe would only tell of the
// failure.
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
