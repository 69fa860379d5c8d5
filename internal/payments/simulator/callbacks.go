package simulator

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"

	"quantix/internal/models"
	"quantix/internal/payments"
)

// SignatureHeader is the header in which callbacks are signed: "t=<unix seconds>,v1=<hex>".
const SignatureHeader = "Quantix-Signature"

// Sign returns the value of SignatureHeader for a callback that is sent now.
func Sign(secret string, now time.Time, body []byte) string {
	return payments.Sign([]byte(secret), now, body)
}

// notice is a callback's body.
type notice struct {
	Reference         string         `json:"reference"`
	Outcome           models.Outcome `json:"outcome"`
	ProviderReference string         `json:"provider_reference,omitempty"`
	Reason            string         `json:"reason,omitempty"`
	Amount            string         `json:"amount,omitempty"` // of a success: what was taken, such as "75.50"
	Currency          string         `json:"currency,omitempty"`
}

// CheckHeader checks a callback's signature as far as it can be without the body.
func (g *Gateway) CheckHeader(header func(name string) string, now time.Time) error {
	return payments.CheckSignatureHeader(header(SignatureHeader), now)
}

// ReadCallback checks and reads a callback. Its errors are those of payments.Notifier.
func (g *Gateway) ReadCallback(header func(name string) string, body []byte, now time.Time) (payments.Notice, error) {
	if err := payments.CheckSignature([]byte(g.options.Secret), header(SignatureHeader), body, now); err != nil {
		return payments.Notice{}, err
	}
	var n notice
	if err := json.Unmarshal(body, &n); err != nil || !n.sensible() {
		return payments.Notice{}, payments.ErrUnreadable
	}
	amount, err := n.amount()
	if err != nil {
		return payments.Notice{}, payments.ErrUnreadable
	}
	return payments.Notice{Reference: n.Reference, Moved: n.Outcome == models.OutcomeMoved, Result: models.Result{
		Outcome: n.Outcome, ProviderReference: n.ProviderReference, Reason: n.Reason, Amount: amount,
	}}, nil
}

// amount reads what was taken; zero when the callback does not say.
func (n *notice) amount() (models.Money, error) {
	if n.Amount == "" && n.Currency == "" {
		return models.Money{}, nil
	}
	currency, err := models.ParseCurrency(n.Currency)
	if err != nil {
		return models.Money{}, err
	}
	amount, err := models.ParseMoney(n.Amount, currency)
	if err == nil && amount.Minor < 0 {
		err = payments.ErrUnreadable
	}
	return amount, err
}

// The longest texts of a callback that are kept, in bytes.
const (
	maxProviderReference = 255
	maxReason            = 500
)

// sensible reports whether a notice has an outcome that can be reported, and texts that can be stored.
func (n *notice) sensible() bool {
	switch n.Outcome {
	case models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomePending, models.OutcomeVoided, models.OutcomeMoved:
	default:
		return false
	}
	_, err := models.ParseReference(n.Reference)
	return err == nil && len(n.ProviderReference) <= maxProviderReference && len(n.Reason) <= maxReason &&
		!strings.ContainsFunc(n.ProviderReference+n.Reason, unicode.IsControl)
}
