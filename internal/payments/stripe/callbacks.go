package stripe

import (
	"encoding/json"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// SignatureHeader is the header in which Stripe signs a callback.
const SignatureHeader = "Stripe-Signature"

// event is as much of a callback as we need. The library's own type is bound to one version of Stripe's API, and an
// organiser's endpoint may have been set up with another.
type event struct {
	Object string
	Type   string
	Data   struct {
		Object struct {
			ID        string
			Object    string
			Metadata  map[string]string
			LastError struct {
				Code        api.ErrorCode
				DeclineCode api.DeclineCode `json:"decline_code"`
			} `json:"last_payment_error"`
		}
	}
}

// ReadCallback checks and reads an event that Stripe has sent. Events come late, twice and out of order; settling a
// charge allows for that.
func (g *Gateway) ReadCallback(header func(name string) string, body []byte, now time.Time) (payments.Notice, error) {
	if err := payments.CheckSignature(g.webhookSecret, header(SignatureHeader), body, now); err != nil {
		return payments.Notice{}, err
	}
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return payments.Notice{}, payments.ErrUnreadable
	}
	if owner := e.Data.Object.Metadata[installationKey]; owner != "" && g.installation != "" && owner != g.installation {
		return payments.Notice{}, payments.ErrIrrelevant
	}
	return e.notice()
}

// notice gives the outcome that an event reports. Intents without a reference of ours are another system's, in the same
// account.
func (e *event) notice() (payments.Notice, error) {
	intent := &e.Data.Object
	result := models.Result{ProviderReference: intent.ID}
	switch e.Type {
	case "payment_intent.succeeded":
		result.Outcome = models.Succeeded
	case "payment_intent.payment_failed":
		result.Outcome, result.Reason = models.Declined, declineReason(intent.LastError.Code, intent.LastError.DeclineCode)
	case "payment_intent.canceled":
		result.Outcome, result.Reason = models.Voided, "the charge was voided"
	case "payment_intent.processing":
		result.Outcome, result.Reason = models.StillOpen, "at Stripe: processing"
	default:
		return payments.Notice{}, payments.ErrIrrelevant
	}
	reference := intent.Metadata[referenceKey]
	if _, err := models.ParseReference(reference); err != nil || e.Object != "event" || intent.Object != "payment_intent" {
		return payments.Notice{}, payments.ErrIrrelevant
	}
	if intent.ID == "" {
		return payments.Notice{}, payments.ErrUnreadable
	}
	return payments.Notice{Reference: reference, Result: result}, nil
}
