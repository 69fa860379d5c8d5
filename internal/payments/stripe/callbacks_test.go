package stripe_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/paymentstest"
	"quantix/internal/payments/stripe"
)

var now = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// event is a callback's body about an intent, as Stripe words it.
func event(tb testing.TB, kind string, in *intent) []byte {
	tb.Helper()
	body, err := json.Marshal(map[string]any{
		"id": "evt_1", "object": "event", "api_version": "2019-01-01", "type": kind, "livemode": false,
		"data": map[string]any{"object": in},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// signature signs a body at a time with each of some secrets.
func signature(at time.Time, body []byte, secrets ...string) string {
	header := fmt.Sprintf("t=%d", at.Unix())
	for _, s := range secrets {
		mac := hmac.New(sha256.New, []byte(s))
		fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
		header += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return header + ",v0=00"
}

func read(g *stripe.Gateway, signature string, body []byte) (payments.Notice, error) {
	return g.ReadCallback(func(name string) string {
		return map[string]string{"Stripe-Signature": signature}[name]
	}, body, now)
}

// an intent of ours that a callback tells of.
func intentOfOurs() *intent {
	return &intent{ID: "pi_1", Object: "payment_intent", Metadata: map[string]string{
		"reference": paymentstest.NewRequest("").Reference,
	}}
}

func TestReadCallback_tells_outcomes(t *testing.T) {
	t.Parallel()
	_, g := setup(t)
	for kind, want := range map[string]models.Outcome{
		"payment_intent.succeeded": models.OutcomeSucceeded, "payment_intent.payment_failed": models.OutcomeDeclined,
		"payment_intent.canceled": models.OutcomeVoided, "payment_intent.processing": models.OutcomePending,
	} {
		in := intentOfOurs()
		in.LastError = &fault{Code: "card_declined", DeclineCode: "stolen_card", Message: secretMessage}
		body := event(t, kind, in)
		for range 2 { // Stripe may deliver twice
			notice, err := read(g, signature(now, body, webhookSecret), body)
			if err != nil || notice.Reference != in.Metadata["reference"] || notice.Result.Outcome != want || notice.Result.ProviderReference != "pi_1" {
				t.Errorf("%s: %+v, %v; want %s", kind, notice, err, want)
			}
			if strings.Contains(notice.Result.Reason, "stolen") || strings.Contains(notice.Result.Reason, "s3cret") {
				t.Errorf("%s: the reason %q is not safe", kind, notice.Result.Reason)
			}
		}
	}
}

func TestReadCallback_trusts_only_fresh_signatures_of_ours(t *testing.T) {
	t.Parallel()
	_, g := setup(t)
	body := event(t, "payment_intent.succeeded", intentOfOurs())
	good := signature(now, body, webhookSecret)
	for name, test := range map[string]struct {
		signature string
		want      error
	}{
		"genuine":                  {good, nil},
		"with spaces":              {strings.ReplaceAll(good, ",", ", "), nil},
		"the second of two":        {signature(now, body, "whsec_old", webhookSecret), nil},
		"the first of two":         {signature(now, body, webhookSecret, "whsec_new"), nil},
		"nearly too old":           {signature(now.Add(-5*time.Minute), body, webhookSecret), nil},
		"nearly too new":           {signature(now.Add(5*time.Minute), body, webhookSecret), nil},
		"too old":                  {signature(now.Add(-5*time.Minute-time.Second), body, webhookSecret), payments.ErrStale},
		"from the future":          {signature(now.Add(5*time.Minute+time.Second), body, webhookSecret), payments.ErrStale},
		"old, and made young":      {strings.Replace(signature(now.Add(-time.Hour), body, webhookSecret), "t=", fmt.Sprintf("t=%d,x=", now.Unix()), 1), payments.ErrForged},
		"another's secret":         {signature(now, body, "whsec_other"), payments.ErrForged},
		"forged and old":           {signature(now.Add(-time.Hour), body, "whsec_other"), payments.ErrForged},
		"of another body":          {signature(now, append([]byte(" "), body...), webhookSecret), payments.ErrForged},
		"of an empty secret":       {signature(now, body, ""), payments.ErrForged},
		"none":                     {"", payments.ErrForged},
		"no time":                  {good[strings.Index(good, ",")+1:], payments.ErrForged},
		"no signature":             {fmt.Sprintf("t=%d", now.Unix()), payments.ErrForged},
		"an empty signature":       {fmt.Sprintf("t=%d,v1=", now.Unix()), payments.ErrForged},
		"only of the old scheme":   {strings.ReplaceAll(good, "v1=", "v0="), payments.ErrForged},
		"not hexadecimal":          {strings.Replace(good, "v1=", "v1=zz", 1), payments.ErrForged},
		"a time that is none":      {strings.Replace(good, "t=", "t=x", 1), payments.ErrForged},
		"a cut signature":          {good[:40], payments.ErrForged},
		"nothing but punctuation":  {",,,=,=,", payments.ErrForged},
		"a time that is too large": {strings.Replace(good, "t=", "t=999999999999999999999", 1), payments.ErrForged},
	} {
		if _, err := read(g, test.signature, body); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

func TestReadCallback_passes_over_what_is_not_ours(t *testing.T) {
	t.Parallel()
	_, g := setup(t)
	ours := intentOfOurs()
	without, foreign, charge, nameless := *ours, *ours, *ours, *ours
	without.Metadata = nil
	foreign.Metadata = map[string]string{"reference": "order 17"}
	charge.Object, nameless.ID = "charge", ""
	for name, test := range map[string]struct {
		body []byte
		want error
	}{
		"a refund":             {event(t, "charge.refunded", ours), payments.ErrIrrelevant},
		"a new kind":           {event(t, "payment_intent.invented", ours), payments.ErrIrrelevant},
		"no reference":         {event(t, "payment_intent.succeeded", &without), payments.ErrIrrelevant},
		"another's reference":  {event(t, "payment_intent.succeeded", &foreign), payments.ErrIrrelevant},
		"another object":       {event(t, "payment_intent.succeeded", &charge), payments.ErrIrrelevant},
		"an event of its own":  {[]byte(`{"object":"v2.core.event","type":"v1.billing.meter"}`), payments.ErrIrrelevant},
		"an intent without id": {event(t, "payment_intent.succeeded", &nameless), payments.ErrUnreadable},
		"no JSON":              {[]byte(`{"object":`), payments.ErrUnreadable},
		"JSON of another kind": {[]byte(`{"object":"event","data":[]}`), payments.ErrUnreadable},
		"nothing":              {nil, payments.ErrUnreadable},
	} {
		if notice, err := read(g, signature(now, test.body, webhookSecret), test.body); !errors.Is(err, test.want) || notice != (payments.Notice{}) {
			t.Errorf("%s: %+v, %v; want %v", name, notice, err, test.want)
		}
	}
}

// Callbacks overtake one another and the answer to Charge. Whatever the order, what they say is the same, and only
// Succeeded says that money was taken: settling sorts it out.
func TestReadCallback_does_not_depend_on_order(t *testing.T) {
	t.Parallel()
	_, g := setup(t)
	in := intentOfOurs()
	kinds := []string{"payment_intent.succeeded", "payment_intent.processing", "payment_intent.succeeded"}
	var told []models.Outcome
	for i, kind := range kinds {
		body := event(t, kind, in)
		notice, err := read(g, signature(now.Add(time.Duration(-i)*time.Minute), body, webhookSecret), body)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, notice.Result.Outcome)
	}
	if diff := cmp.Diff([]models.Outcome{models.OutcomeSucceeded, models.OutcomePending, models.OutcomeSucceeded}, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// FuzzReadCallback: no body or header, however made, is taken without the secret, or makes the gateway panic.
func FuzzReadCallback(f *testing.F) {
	g := open(f, "http://127.0.0.1:1", 0)
	f.Add("t=1,v1=00", []byte(`{"object":"event","type":"payment_intent.succeeded"}`))
	f.Add(signature(now, []byte("{}"), "whsec_other"), []byte("{}"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		if _, err := read(g, header, body); err == nil {
			t.Errorf("taken: %q %q", header, body)
		}
		if _, err := read(g, signature(now, body, webhookSecret), body); errors.Is(err, payments.ErrForged) || errors.Is(err, payments.ErrStale) {
			t.Errorf("refused: %v", err)
		}
	})
}
