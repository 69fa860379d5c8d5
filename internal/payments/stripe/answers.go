package stripe

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
)

// once sends a write under an idempotency key. Stripe keeps the first answer under a key for a day, a server error too,
// and refuses the key for a request that differs, as a newer release of ours may send it. Then a fresh key is needed,
// or nothing would work until tomorrow. It is safe because every write here is also safe without a key: a second intent
// is never confirmed, an intent succeeds once, and a charge is given back once.
func once[T any](key string, send func(key *string) (T, error)) (T, error) {
	answer, err := send(&key)
	if spent(err) {
		return send(nil) // the library makes a key up
	}
	return answer, err
}

// spent reports whether a key will give nothing but this error.
func spent(err error) bool {
	e, is := errors.AsType[*api.Error](err)
	switch {
	case !is:
		return false
	case e.Type == api.ErrorTypeIdempotency:
		return e.HTTPStatusCode == http.StatusBadRequest
	}
	replayed := e.LastResponse != nil && e.LastResponse.Header.Get("Idempotent-Replayed") == "true"
	return replayed && e.HTTPStatusCode >= http.StatusInternalServerError
}

// explain says what an error means for the money, in words that are safe to store and show: Stripe's own message, and
// the library's, may quote whatever was sent or answered.
func (g *Gateway) explain(ctx context.Context, operation, reference string, err error) models.Result {
	result := meaning(ctx, err)
	result.Stall, result.RetryAfter = stallOf(ctx, operation, err)
	attributes := []any{"operation", operation, "reference", reference, "outcome", result.Outcome, "reason", result.Reason}
	if e, is := errors.AsType[*api.Error](err); is {
		attributes = append(attributes, "status", e.HTTPStatusCode, "request_id", word(e.RequestID))
	}
	level := g.logger.WarnContext
	// of a stall the engine tells once, and not for each call
	if result.Outcome == models.OutcomeDeclined || result.Stall != "" {
		level = g.logger.DebugContext
	}
	level(ctx, "Stripe did not do as asked", attributes...)
	return result
}

func meaning(ctx context.Context, err error) models.Result {
	if e, is := errors.AsType[*api.Error](err); is {
		return refusal(e)
	}
	if _, is := errors.AsType[*notSentError](err); is {
		return models.Result{Outcome: models.OutcomeUnavailable, Reason: "Stripe cannot be reached"}
	}
	if ctx.Err() != nil {
		return models.Result{Outcome: models.OutcomeUnknown, Reason: "Stripe did not answer in time"}
	}
	return models.Result{Outcome: models.OutcomeUnknown, Reason: "Stripe gave no answer that can be read"}
}

// refusal says what an answer with an error means. Only what Stripe has surely not carried out is Unavailable.
func refusal(e *api.Error) models.Result {
	result := models.Result{Outcome: models.OutcomeUnknown, Reason: "Stripe answered with an error: " + word(firstOf(string(e.Code), string(e.Type)))}
	switch status := e.HTTPStatusCode; {
	case status >= http.StatusInternalServerError:
	case status == http.StatusConflict, e.Code == api.ErrorCodeLockTimeout:
		result.Reason = "Stripe is still busy with an earlier request for this payment"
	case status == http.StatusTooManyRequests:
		result.Outcome, result.Reason = models.OutcomeUnavailable, "Stripe limits the rate of requests"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		result.Outcome, result.Reason = models.OutcomeUnavailable, "Stripe refuses the secret key"
	case status == http.StatusPaymentRequired, e.Type == api.ErrorTypeCard:
		result.Outcome, result.Reason = models.OutcomeDeclined, declineReason(e.Code, e.DeclineCode)
	case unpayable(e):
		result.Outcome, result.Reason = models.OutcomeDeclined, "Stripe cannot charge this: "+
			word(firstOf(string(e.Code), e.Param))
	case e.Code == api.ErrorCodeResourceMissing:
		// Intents are never deleted: another account's key is in use, and the charge may well have been made.
		result.Reason = "Stripe does not know the payment; the key may be another account's"
	case status == http.StatusBadRequest && e.Code != api.ErrorCodePaymentIntentUnexpectedState:
		result.Outcome = models.OutcomeUnavailable
	}
	return result
}

// unpayable tells of a request that is refused for what the buyer or the organiser gave, and will be refused for ever.
func unpayable(e *api.Error) bool {
	return e.Type == api.ErrorTypeInvalidRequest && (slices.Contains(hopeless, e.Code) ||
		slices.Contains([]string{"payment_method", "amount", "currency"}, e.Param))
}

var hopeless = []api.ErrorCode{
	api.ErrorCodeAmountTooLarge, api.ErrorCodeAmountTooSmall, api.ErrorCodeInvalidChargeAmount,
	api.ErrorCodeChargeExceedsSourceLimit, api.ErrorCodeChargeExceedsTransactionLimit,
	api.ErrorCodePaymentIntentIncompatiblePaymentMethod, api.ErrorCodePaymentMethodCurrencyMismatch,
	api.ErrorCodePaymentMethodNotAvailable, api.ErrorCodePaymentMethodUnactivated,
	api.ErrorCodePaymentMethodUnexpectedState, api.ErrorCodePaymentMethodUnsupportedType,
}

// hushed are the reasons for which Stripe asks that nobody be told more than that the card was declined: they would
// tell a thief what the bank knows.
var hushed = []api.DeclineCode{
	api.DeclineCodeFraudulent, api.DeclineCodeLostCard, api.DeclineCodeStolenCard, api.DeclineCodePickupCard,
	api.DeclineCodeMerchantBlacklist, api.DeclineCodeRestrictedCard, api.DeclineCodeSecurityViolation,
	"highest_risk_level",
}

// declineReason says why a payment was declined, as far as it may be told.
func declineReason(code api.ErrorCode, decline api.DeclineCode) string {
	if slices.Contains(hushed, decline) {
		decline = api.DeclineCodeGenericDecline
	}
	return "declined: " + word(firstOf(string(decline), string(code)))
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// word lets pass what looks like one of Stripe's codes or ids, and nothing else that came over the line.
func word(s string) string {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
	if s == "" || len(s) > 80 || strings.Trim(s, allowed) != "" {
		return "unspecified"
	}
	return s
}
