package stripe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
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
			ID       string
			Object   string
			Metadata map[string]string
			// Of several kinds of objects, and so of any type.
			Amount        any
			Received      any `json:"amount_received"`
			Currency      any
			PaymentIntent any `json:"payment_intent"`
			LastError     struct {
				Code        api.ErrorCode
				DeclineCode api.DeclineCode `json:"decline_code"`
			} `json:"last_payment_error"`
		}
	}
}

// CheckHeader checks a callback's signature as far as it can be without the body.
func (g *Gateway) CheckHeader(header func(name string) string, now time.Time) error {
	return payments.CheckSignatureHeader(header(SignatureHeader), now)
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

// notice returns the outcome that an event reports. Intents without a reference of ours are another system's, in the
// same account.
func (e *event) notice() (payments.Notice, error) {
	intent := &e.Data.Object
	if slices.Contains(movedEvents, e.Type) && e.Object == "event" {
		return e.moved()
	}
	result := models.Result{ProviderReference: intent.ID}
	switch e.Type {
	case "payment_intent.succeeded":
		result.Outcome = models.OutcomeSucceeded
		if intent.Currency != nil && intent.Currency != "" {
			result = succeeded(intent.ID, cmp.Or(whole(intent.Received), whole(intent.Amount)), fmt.Sprint(intent.Currency))
		}
	case "payment_intent.payment_failed":
		result.Outcome, result.Reason = models.OutcomeDeclined,
			declineReason(intent.LastError.Code, intent.LastError.DeclineCode)
	case "payment_intent.canceled":
		result.Outcome, result.Reason = models.OutcomeVoided, "the charge was voided"
	case "payment_intent.processing":
		result.Outcome, result.Reason = models.OutcomePending, "at Stripe: processing"
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

// movedEvents say that a charge's money went back or came back.
var movedEvents = []string{
	"charge.refunded", "charge.refund.updated", "refund.created", "refund.updated", "refund.failed",
	"charge.dispute.created",
	"charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
}

// moved names the intent of a charge, a refund or a dispute. One without is another system's.
func (e *event) moved() (payments.Notice, error) {
	id, _ := e.Data.Object.PaymentIntent.(string)
	if !strings.HasPrefix(id, "pi_") || word(id) != id {
		return payments.Notice{}, payments.ErrIrrelevant
	}
	return payments.Notice{Moved: true, Result: models.Result{ProviderReference: id}}, nil
}

// whole reads a number; -1 when it is none.
func whole(value any) int64 {
	switch n, is := value.(float64); {
	case value == nil:
		return 0
	case !is || n < 0 || n > 1<<53 || n != float64(int64(n)):
		return -1
	default:
		return int64(n)
	}
}
