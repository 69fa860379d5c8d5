package stripe

import (
	"cmp"
	"context"
	"errors"
	"unicode/utf8"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// referenceKey is where an intent carries our reference, so that a callback about it finds its charge.
const referenceKey = "reference"

// installationKey is where it says whose charge that is.
const installationKey = "installation"

// Prepare creates the charge's PaymentIntent with its payment method, unconfirmed: no money moves. Outcomes: Prepared
// with the intent's id; Declined for a payment method or an amount that cannot be charged; Unknown; Unavailable.
//
// A second intent for the same charge, made because Stripe forgot the key after a day, is never confirmed and harmless.
func (g *Gateway) Prepare(ctx context.Context, request payments.ChargeRequest) models.Result {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	if !IsPaymentMethod(request.Method) {
		return models.Result{Outcome: models.OutcomeDeclined, Reason: "the payment method is not the id of a Stripe payment method"}
	}
	amount, err := stripeUnits(request.Amount)
	if err != nil {
		return models.Result{Outcome: models.OutcomeDeclined, Reason: err.Error()}
	}
	intent, err := once(request.Reference, func(key *string) (*api.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Create(ctx, g.intentParams(request, amount, key))
	})
	if err != nil {
		return g.explain(ctx, "prepare", request.Reference, err)
	}
	return models.Result{Outcome: models.OutcomePrepared, ProviderReference: intent.ID}
}

// intentParams says what is to be charged. The method is named here and not when confirming: a declined intent loses
// it, so that confirming the intent again cannot try the card a second time.
func (g *Gateway) intentParams(
	request payments.ChargeRequest, amount int64, key *string,
) *api.PaymentIntentCreateParams {
	return &api.PaymentIntentCreateParams{
		Params:        api.Params{IdempotencyKey: key},
		Amount:        &amount,
		Currency:      api.String(code(request.Amount.Currency)),
		PaymentMethod: api.String(string(request.Method)),
		CaptureMethod: api.String("automatic"), // "succeeded" means taken, not authorised
		AutomaticPaymentMethods: &api.PaymentIntentCreateAutomaticPaymentMethodsParams{
			Enabled:        api.Bool(true),
			AllowRedirects: api.String("never"), // a worker has no browser to send anywhere
		},
		Description: description(request),
		Metadata:    g.metadata(request),
	}
}

// description is what an accountant sees in Stripe's lists and exports: what was sold, and under which booking.
func description(request payments.ChargeRequest) *string {
	if request.EventName == "" {
		return api.String("Booking " + request.Booking.String())
	}
	return api.String(shorten(request.EventName, maxDescription) + ", booking " + request.Booking.String())
}

// metadata carries the reference for us, and the rest for people and their tools.
func (g *Gateway) metadata(request payments.ChargeRequest) map[string]string {
	data := map[string]string{referenceKey: request.Reference, "booking": request.Booking.String()}
	if request.EventName != "" {
		data["event"] = shorten(request.EventName, maxMetadata)
	}
	if g.installation != "" {
		data[installationKey] = g.installation
	}
	return data
}

// The longest texts that are sent, in characters; Stripe takes 500 in a value of metadata, and 1,000 in a description.
const (
	maxDescription = 200
	maxMetadata    = 500
)

// shorten cuts a text after so many characters.
func shorten(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}

// Charge confirms the prepared intent: Succeeded, Declined, Pending, Unknown, or Unavailable (this try surely took
// nothing). Confirming again what has an outcome gives that outcome.
//
// It does not prepare by itself. If it did, and its answer were lost, nobody would know the id of the intent that may
// have succeeded, and Stripe can be asked by id only: its search lags behind, and its idempotency keys are forgotten.
func (g *Gateway) Charge(ctx context.Context, request payments.ChargeRequest) models.Result {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	id := request.ProviderReference
	if id == "" {
		return models.Result{Outcome: models.OutcomeUnavailable, Reason: "the charge was not prepared"}
	}
	intent, err := once("charge:"+id, func(key *string) (*api.PaymentIntent, error) {
		return g.client.V1PaymentIntents.Confirm(ctx, id, &api.PaymentIntentConfirmParams{
			Params: api.Params{IdempotencyKey: key}, OffSession: api.Bool(true),
		})
	})
	if intent := unexpected(err); intent != nil {
		return charged(id, intent)
	}
	if err != nil {
		return withReference(g.explain(ctx, "charge", request.Reference, err), id)
	}
	return charged(id, intent)
}

// charged is what an intent's state says after it was to be confirmed.
func charged(id string, intent *api.PaymentIntent) models.Result {
	result := found(id, intent)
	switch result.Outcome {
	case models.OutcomeAbsent: // it was not tried, so nothing was taken
		result.Outcome = models.OutcomeUnavailable
	case models.OutcomeVoided: // as another gateway would say it: it is too late to charge
		result.Outcome, result.Reason = models.OutcomeDeclined, "the charge was voided before"
	}
	return result
}

// Find asks for the charge's intent: Succeeded, Declined, Pending, Voided, Absent or Unknown. Absent is a charge that
// was not prepared, or whose intent was never confirmed.
func (g *Gateway) Find(ctx context.Context, request payments.ChargeRequest) models.Result {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	id := request.ProviderReference
	if id == "" {
		return models.Result{Outcome: models.OutcomeAbsent, Reason: "the charge was not prepared"}
	}
	intent, err := g.client.V1PaymentIntents.Retrieve(ctx, id, nil)
	if err != nil {
		return withReference(unsure(g.explain(ctx, "find", request.Reference, err)), id)
	}
	return found(id, intent)
}

// found is what an intent's state says.
func found(id string, intent *api.PaymentIntent) models.Result {
	result := models.Result{ProviderReference: id}
	switch intent.Status {
	case api.PaymentIntentStatusSucceeded:
		return succeeded(id, cmp.Or(intent.AmountReceived, intent.Amount), string(intent.Currency))
	case api.PaymentIntentStatusCanceled:
		result.Outcome, result.Reason = models.OutcomeVoided, "the charge was voided"
	case api.PaymentIntentStatusProcessing, api.PaymentIntentStatusRequiresAction, api.PaymentIntentStatusRequiresCapture:
		result.Outcome, result.Reason = models.OutcomePending, "at Stripe: "+word(string(intent.Status))
	case api.PaymentIntentStatusRequiresConfirmation:
		result.Outcome, result.Reason = models.OutcomeAbsent, "the charge was prepared and not tried"
	case api.PaymentIntentStatusRequiresPaymentMethod:
		return declinedOrUntried(result, intent.LastPaymentError)
	default:
		result.Outcome, result.Reason = models.OutcomeUnknown, "Stripe told a state that is not known here"
	}
	return result
}

// declinedOrUntried reads the state to which an intent goes back when it is declined. It may be tried again there, with
// another payment method, but our buyer has named one.
func declinedOrUntried(result models.Result, last *api.Error) models.Result {
	if last == nil {
		result.Outcome, result.Reason = models.OutcomeAbsent, "the charge was prepared and not tried"
		return result
	}
	result.Outcome, result.Reason = models.OutcomeDeclined, declineReason(last.Code, last.DeclineCode)
	return result
}

// Void cancels the intent: Voided; Succeeded when it is too late; or Unknown. A charge that was not prepared needs no
// cancelling, because Charge refuses it.
func (g *Gateway) Void(ctx context.Context, request payments.ChargeRequest) models.Result {
	ctx, cancel := g.bound(ctx)
	defer cancel()
	id := request.ProviderReference
	if id == "" {
		return models.Result{Outcome: models.OutcomeVoided, Reason: "the charge was not prepared"}
	}
	intent, err := g.client.V1PaymentIntents.Cancel(ctx, id, &api.PaymentIntentCancelParams{
		CancellationReason: api.String("abandoned"),
	})
	if refused := unexpected(err); refused != nil {
		return voided(id, refused)
	}
	if err != nil {
		return withReference(unsure(g.explain(ctx, "void", request.Reference, err)), id)
	}
	return voided(id, intent)
}

// voided is what an intent's state says after it was to be cancelled: all but an end may still become a charge.
func voided(id string, intent *api.PaymentIntent) models.Result {
	result := found(id, intent)
	if result.Outcome != models.OutcomeVoided && result.Outcome != models.OutcomeSucceeded {
		result.Outcome, result.Reason = models.OutcomeUnknown, "Stripe cannot cancel the payment now: "+word(string(intent.Status))
	}
	return result
}

// unexpected returns the intent that Stripe encloses when its state does not allow what was asked, or nil.
func unexpected(err error) *api.PaymentIntent {
	e, is := errors.AsType[*api.Error](err)
	if !is || e.Code != api.ErrorCodePaymentIntentUnexpectedState {
		return nil
	}
	return e.PaymentIntent
}

func withReference(r models.Result, id string) models.Result {
	r.ProviderReference = id
	return r
}

// unsure turns a question that was not answered into what it is: no knowledge of the charge.
func unsure(r models.Result) models.Result {
	if r.Outcome == models.OutcomeUnavailable || r.Outcome == models.OutcomeDeclined {
		r.Outcome = models.OutcomeUnknown
	}
	return r
}
