package stripe_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeStripe is a Stripe of ours that remembers: intents with their states, refunds, idempotency keys that it can
// forget, and faults on demand. stripe-mock knows Stripe's schema and remembers nothing; this one is the other half.
type fakeStripe struct {
	tb     testing.TB
	server *httptest.Server

	mu       sync.Mutex
	intents  map[string]*intent
	refunds  []*refund            // oldest first
	disputes []*dispute           // oldest first
	events   []*happening         // oldest first
	keys     map[string]*response // what was answered under each idempotency key
	faults   []fault
	seen     []string // the requests, as "METHOD path"

	refundStatus string // of new refunds
}

type intent struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Currency      string            `json:"currency"`
	Status        string            `json:"status"`
	Metadata      map[string]string `json:"metadata"`
	Description   string            `json:"description"`
	PaymentMethod *string           `json:"payment_method"`
	LastError     *fault            `json:"last_payment_error"`
	ClientSecret  string            `json:"client_secret"`

	taken int // how often money was taken
}

type refund struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Amount        int64             `json:"amount"`
	Currency      string            `json:"currency"`
	PaymentIntent string            `json:"payment_intent"`
	Status        string            `json:"status"`
	Metadata      map[string]string `json:"metadata"`
}

type dispute struct {
	ID            string `json:"id"`
	Object        string `json:"object"`
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
	PaymentIntent string `json:"payment_intent"`
	Status        string `json:"status"`
}

// happening is an event, with its object as it was then.
type happening struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Type   string `json:"type"`
	Data   struct {
		Object json.RawMessage `json:"object"`
	} `json:"data"`
}

// happen puts an event into the list, which no callback tells of.
func (f *fakeStripe) happen(kind string, object any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, err := json.Marshal(object)
	if err != nil {
		f.tb.Error(err)
	}
	h := &happening{ID: fmt.Sprintf("evt_%d", len(f.events)+1), Object: "event", Type: kind}
	h.Data.Object = body
	f.events = append(f.events, h)
}

// happened lists events, newest first: the newest, or those right behind one.
func (f *fakeStripe) happened(form url.Values) (any, *fault) {
	types := []string{}
	for name, values := range form {
		if strings.HasPrefix(name, "types[") {
			types = append(types, values...)
		}
	}
	limit, err := strconv.Atoi(form.Get("limit"))
	if err != nil || limit < 1 || limit > 100 || len(types) == 0 || len(types) > 20 {
		return nil, &fault{status: 400, Type: "invalid_request_error", Param: "limit"}
	}
	before := form.Get("ending_before")
	from := 1 + slices.IndexFunc(f.events, func(h *happening) bool { return h.ID == before })
	if before != "" && from == 0 {
		return nil, &fault{status: 400, Type: "invalid_request_error", Code: "resource_missing", Param: "ending_before"}
	}
	found := []*happening{}
	for _, h := range f.events[from:] {
		if slices.Contains(types, h.Type) {
			found = append(found, h)
		}
	}
	more := len(found) > limit
	if before == "" {
		found = found[max(0, len(found)-limit):]
	} else {
		found = found[:min(limit, len(found))]
	}
	slices.Reverse(found)
	return map[string]any{"object": "list", "url": "/v1/events", "has_more": more, "data": found}, nil
}

// fault is an error as Stripe tells it, and, when it is armed, which request gets it instead of its answer.
type fault struct {
	Type        string  `json:"type"`
	Code        string  `json:"code,omitempty"`
	DeclineCode string  `json:"decline_code,omitempty"`
	Param       string  `json:"param,omitempty"`
	Message     string  `json:"message"`
	Intent      *intent `json:"payment_intent,omitempty"`

	status int
	on     string                                       // a part of "METHOD path"; "" for any
	effect bool                                         // the request is carried out all the same
	keep   bool                                         // under its idempotency key
	hijack func(w http.ResponseWriter, r *http.Request) // instead of an answer
	late   bool                                         // the answer comes when nobody waits for it any more
}

// response is an answer that is kept under an idempotency key.
type response struct {
	request string // what it was given for
	status  int
	body    []byte
}

// secretMessage stands for what Stripe's messages may quote; it must not show up anywhere.
const secretMessage = "4242 s3cret"

// secret is the key that the fake takes.
const (
	secret        = "sk_test_s3cret"
	webhookSecret = "whsec_s3cret"
)

func newFake(tb testing.TB) *fakeStripe {
	f := &fakeStripe{tb: tb, intents: map[string]*intent{}, keys: map[string]*response{}, refundStatus: "succeeded"}
	f.server = httptest.NewServer(f)
	tb.Cleanup(f.server.Close)
	return f
}

// fail arms a fault for the next request that it fits.
func (f *fakeStripe) fail(on string, fl fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fl.on, fl.Message = on, secretMessage
	f.faults = append(f.faults, fl)
}

// forget loses all idempotency keys, as Stripe does after a day.
func (f *fakeStripe) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.keys)
}

// count returns how many requests there were whose "METHOD path" has a part.
func (f *fakeStripe) count(part string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, request := range f.seen {
		if strings.Contains(request, part) {
			n++
		}
	}
	return n
}

// change changes an intent behind everybody's back.
func (f *fakeStripe) change(id string, change func(*intent)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.intents[id])
}

func (f *fakeStripe) taken(reference string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, in := range f.intents {
		if in.Metadata["reference"] == reference {
			n += in.taken
		}
	}
	return n
}

func (f *fakeStripe) given(reference string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.refunds {
		if f.intents[r.PaymentIntent].Metadata["reference"] == reference && r.Status != "failed" {
			n++
		}
	}
	return n
}

// ServeHTTP checks what is the same for every request, and injects faults.
func (f *fakeStripe) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		f.tb.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	f.checkHeaders(r)
	request := r.Method + " " + r.URL.Path
	fl := f.note(request)
	if fl != nil && fl.hijack != nil {
		if fl.effect {
			f.respond(request, r, nil)
		}
		fl.hijack(w, r)
		return
	}
	answer, replayed := f.respond(request, r, fl)
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", "req_123")
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.body) // a client that is gone is a test's wish
}

func (f *fakeStripe) checkHeaders(r *http.Request) {
	for header, want := range map[string]string{
		"Authorization": "Bearer " + secret, "X-Stripe-Client-Telemetry": "", "X-Stripe-Client-User-Agent": "",
	} {
		if got := r.Header.Get(header); got != want {
			f.tb.Errorf("%s %s: header %s is %q, want %q", r.Method, r.URL.Path, header, got, want)
		}
	}
	if r.Method == http.MethodPost && r.Header.Get("Idempotency-Key") == "" {
		f.tb.Errorf("%s %s has no idempotency key", r.Method, r.URL.Path)
	}
}

// note remembers a request and takes the fault that is armed for it, if any.
func (f *fakeStripe) note(request string) *fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, request)
	i := slices.IndexFunc(f.faults, func(fl fault) bool { return strings.Contains(request, fl.on) })
	if i < 0 {
		return nil
	}
	fl := f.faults[i]
	f.faults = slices.Delete(f.faults, i, i+1)
	return &fl
}

// respond carries a request out, unless it was answered under its key before.
func (f *fakeStripe) respond(request string, r *http.Request, fl *fault) (answer *response, replayed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	request += " " + r.Form.Encode()
	if kept := f.keys[key]; kept != nil && r.Method == http.MethodPost && fl == nil {
		if kept.request != request {
			return refuse(request, &fault{status: 400, Type: "idempotency_error"}), false
		}
		return kept, true
	}
	switch {
	case fl == nil:
		answer = f.carryOut(request, r)
	case fl.effect:
		f.carryOut(request, r)
		fallthrough
	default:
		answer = refuse(request, fl)
	}
	if r.Method == http.MethodPost && (fl == nil && answer.status != 400 || fl != nil && fl.keep) {
		f.keys[key] = answer
	}
	return answer, false
}

func refuse(request string, fl *fault) *response {
	if fl.Message == "" {
		fl.Message = secretMessage
	}
	body, _ := json.Marshal(map[string]*fault{"error": fl})
	return &response{request: request, status: fl.status, body: body}
}

// carryOut is Stripe's API, as far as it is used.
func (f *fakeStripe) carryOut(request string, r *http.Request) *response {
	var value any
	var fl *fault
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v1/"), "/")
	switch action := r.Method + " " + parts[0]; {
	case action == "POST payment_intents" && len(parts) == 1:
		value, fl = f.create(r.Form)
	case action == "GET refunds":
		value = f.list(r.Form.Get("payment_intent"))
	case action == "GET disputes":
		value = f.disputed(r.Form.Get("payment_intent"))
	case action == "GET events":
		value, fl = f.happened(r.Form)
	case action == "POST refunds":
		value, fl = f.giveBack(r.Form)
	case parts[0] != "payment_intents" || f.intents[parts[1]] == nil:
		fl = &fault{status: 404, Type: "invalid_request_error", Code: "resource_missing", Param: "intent"}
	case r.Method == http.MethodGet:
		value = f.intents[parts[1]]
	case parts[2] == "confirm":
		value, fl = f.confirm(f.intents[parts[1]], r.Form)
	case parts[2] == "cancel":
		value, fl = f.cancel(f.intents[parts[1]])
	}
	if fl != nil {
		return refuse(request, fl)
	}
	body, err := json.Marshal(value)
	if err != nil {
		f.tb.Errorf("%s: %v", request, err)
	}
	return &response{request: request, status: 200, body: body}
}

func (f *fakeStripe) create(form url.Values) (*intent, *fault) {
	method := form.Get("payment_method")
	if method == "pm_missing" {
		return nil, &fault{status: 400, Type: "invalid_request_error", Code: "resource_missing", Param: "payment_method"}
	}
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	if err != nil || amount < 50 {
		return nil, &fault{status: 400, Type: "invalid_request_error", Code: "amount_too_small", Param: "amount"}
	}
	in := &intent{
		ID: fmt.Sprintf("pi_%d", len(f.intents)+1), Object: "payment_intent", Amount: amount, Currency: form.Get("currency"),
		Status: "requires_confirmation", PaymentMethod: &method, ClientSecret: "pi_s3cret",
		Metadata:    map[string]string{"reference": form.Get("metadata[reference]"), "booking": form.Get("metadata[booking]"), "event": form.Get("metadata[event]"), "installation": form.Get("metadata[installation]")},
		Description: form.Get("description"),
	}
	f.intents[in.ID] = in
	return in, nil
}

// declines are Stripe's test methods that are declined, with the decline's code.
var declines = map[string]string{
	"pm_card_visa_chargeDeclined": "generic_decline", "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
	"pm_card_chargeDeclinedStolenCard": "stolen_card",
}

func (f *fakeStripe) confirm(in *intent, form url.Values) (*intent, *fault) {
	if form.Get("off_session") != "true" {
		f.tb.Errorf("confirmed as if the buyer were here: %v", form)
	}
	if in.Status != "requires_confirmation" {
		return nil, f.unexpected(in)
	}
	method := *in.PaymentMethod
	if decline, is := declines[method]; is {
		in.Status, in.PaymentMethod = "requires_payment_method", nil
		in.LastError = &fault{Type: "card_error", Code: "card_declined", DeclineCode: decline, Message: secretMessage}
		answer := *in.LastError
		answer.status, answer.Intent = 402, in
		return nil, &answer
	}
	switch method {
	case "pm_processing":
		in.Status = "processing"
	case "pm_action":
		in.Status = "requires_action"
	default:
		in.Status = "succeeded"
		in.taken++
	}
	return in, nil
}

func (f *fakeStripe) cancel(in *intent) (*intent, *fault) {
	if !strings.HasPrefix(in.Status, "requires_") {
		return nil, f.unexpected(in)
	}
	in.Status = "canceled"
	return in, nil
}

func (f *fakeStripe) unexpected(in *intent) *fault {
	return &fault{status: 400, Type: "invalid_request_error", Code: "payment_intent_unexpected_state", Intent: in}
}

func (f *fakeStripe) list(id string) any {
	found := []*refund{}
	for _, r := range slices.Backward(f.refunds) {
		if r.PaymentIntent == id {
			found = append(found, r)
		}
	}
	return map[string]any{"object": "list", "url": "/v1/refunds", "has_more": false, "data": found}
}

func (f *fakeStripe) giveBack(form url.Values) (*refund, *fault) {
	in := f.intents[form.Get("payment_intent")]
	if in == nil || in.Status != "succeeded" {
		return nil, &fault{status: 400, Type: "invalid_request_error", Param: "payment_intent"}
	}
	for _, d := range f.disputes {
		if d.PaymentIntent == in.ID && d.Status != "won" {
			return nil, &fault{status: 400, Type: "invalid_request_error", Code: "charge_disputed"}
		}
	}
	left := in.Amount
	for _, r := range f.refunds {
		if r.PaymentIntent == in.ID && r.Status != "failed" {
			left -= r.Amount
		}
	}
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	switch {
	case left == 0:
		return nil, &fault{status: 400, Type: "invalid_request_error", Code: "charge_already_refunded"}
	case err != nil || amount > left:
		return nil, &fault{status: 400, Type: "invalid_request_error", Param: "amount"}
	}
	r := &refund{
		ID: fmt.Sprintf("re_%d", len(f.refunds)+1), Object: "refund", Amount: amount, Currency: in.Currency, PaymentIntent: in.ID,
		Status: f.refundStatus, Metadata: map[string]string{"reference": form.Get("metadata[reference]")},
	}
	if part := form.Get("metadata[part]"); part != "" {
		r.Metadata["part"] = part
	}
	f.refunds = append(f.refunds, r)
	return r, nil
}

func (f *fakeStripe) disputed(id string) any {
	found := []*dispute{}
	for _, d := range slices.Backward(f.disputes) {
		if d.PaymentIntent == id {
			found = append(found, d)
		}
	}
	return map[string]any{"object": "list", "url": "/v1/disputes", "has_more": false, "data": found}
}

// byHand gives back a part of an intent as somebody does at Stripe's dashboard.
func (f *fakeStripe) byHand(intent string, amount int64) *refund {
	f.mu.Lock()
	defer f.mu.Unlock()
	in := f.intents[intent]
	r := &refund{
		ID: fmt.Sprintf("re_%d", len(f.refunds)+1), Object: "refund", Amount: amount, Currency: in.Currency, PaymentIntent: intent,
		Status: "succeeded", Metadata: map[string]string{},
	}
	f.refunds = append(f.refunds, r)
	return r
}

// dispute lets the buyer's bank take an intent's money.
func (f *fakeStripe) dispute(intent, status string) *dispute {
	f.mu.Lock()
	defer f.mu.Unlock()
	in := f.intents[intent]
	d := &dispute{
		ID: fmt.Sprintf("dp_%d", len(f.disputes)+1), Object: "dispute", Amount: in.Amount, Currency: in.Currency,
		PaymentIntent: intent, Status: status,
	}
	f.disputes = append(f.disputes, d)
	return d
}

// set changes something behind everybody's back.
func (f *fakeStripe) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// back is how much of a reference's money is gone, in whatever way.
func (f *fakeStripe) back(reference string) (sum int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.refunds {
		if f.intents[r.PaymentIntent].Metadata["reference"] == reference && r.Status != "failed" {
			sum += r.Amount
		}
	}
	for _, d := range f.disputes {
		if f.intents[d.PaymentIntent].Metadata["reference"] == reference && d.Status != "won" {
			sum += d.Amount
		}
	}
	return sum
}
