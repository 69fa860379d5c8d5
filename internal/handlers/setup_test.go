package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"quantix/internal/boxoffice"
	"quantix/internal/feed"
	"quantix/internal/models"
	"quantix/internal/payments/simulator"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

var (
	update       = flag.Bool("update", false, "write the golden files anew")
	documentFile = flag.String("document", "", "write the OpenAPI document to this file, for tools that read it")
)

func TestMain(m *testing.M) { testkit.Main(m) }

// today is where every test's clock begins.
var today = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// bundle is a whole server on a store of its own, whose clock the test sets.
type bundle struct {
	tb     testing.TB
	store  shop.Store
	office *boxoffice.Office
	clock  *testkit.Clock
	deps   Deps // of server
	server *server
}

func setup(tb testing.TB, change ...func(*Deps)) *bundle {
	tb.Helper()
	clock := testkit.NewClock(today)
	return setupOn(tb, newStore(tb, clock), clock, change...)
}

func setupOn(tb testing.TB, store shop.Store, clock *testkit.Clock, change ...func(*Deps)) *bundle {
	tb.Helper()
	office := boxoffice.New(store, boxoffice.Options{Logger: testkit.Logger(tb)})
	tb.Cleanup(func() { _ = office.Close(context.Background()) })
	users := services.NewUsers(store)
	deps := Deps{
		Events: services.NewEvents(store, office), Users: users,
		Bookings: services.NewBookings(store, office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith}), Letters: services.NewLetters(store, office),
		Organizers: services.NewOrganizers(store), Keys: services.NewKeys(store), AccessLog: services.NewAccessLog(store),
		Exports: services.NewExports(users, store),
		Feed:    feed.New(store, feed.Options{Encoding: FeedEncoding()}), // no streams: a recorder would never end one
		Version: "1.2.3", Logger: testkit.Logger(tb),
	}
	for _, f := range change {
		f(&deps)
	}
	return &bundle{tb: tb, store: store, office: office, clock: clock, deps: deps, server: newTestServer(tb, deps)}
}

func newTestServer(tb testing.TB, deps Deps) *server {
	tb.Helper()
	s, err := newServer(deps)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// answer is a response with what asked for it.
type answer struct {
	tb      testing.TB
	request string
	status  int
	header  http.Header
	body    []byte
}

// do sends a request through the whole handler, and holds the answer (and the request, where it was accepted) against
// the document. headers are names and values in turn.
func (b *bundle) do(method, path, body string, headers ...string) *answer {
	b.tb.Helper()
	return send(b.tb, b.server, method, path, body, headers...)
}

func send(tb testing.TB, s *server, method, path, body string, headers ...string) *answer {
	tb.Helper()
	r := newRequest(method, path, body, headers...)
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	a := &answer{tb: tb, request: method + " " + path, status: w.Code, header: w.Result().Header, body: w.Body.Bytes()}
	a.checkDocument(newRequest(method, path, body, headers...))
	return a
}

func newRequest(method, path, body string, headers ...string) *http.Request {
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, reader)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
		if headers[i] == "Content-Type" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	return r
}

// document is the one that the server serves, with a validator for it.
var document = sync.OnceValues(func() ([]byte, validator.Validator) {
	s, err := newServer(Deps{Version: "1.2.3"})
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	parsed, err := libopenapi.NewDocument(w.Body.Bytes())
	if err != nil {
		panic(err)
	}
	v, errs := validator.NewValidator(parsed, config.WithFormatAssertions())
	if errs != nil {
		panic(fmt.Sprint(errs))
	}
	return w.Body.Bytes(), v
})

// checkDocument holds an exchange against the document. What has no operation must be a problem all the same, or a
// page.
func (a *answer) checkDocument(r *http.Request) {
	a.tb.Helper()
	if !isOperation(r) {
		if a.status >= 400 {
			a.checkProblem()
		}
		return
	}
	_, v := document()
	response := &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)), Request: r}
	if ok, errs := v.ValidateHttpResponse(r, response); !ok {
		a.tb.Errorf("%s: %d is not as documented: %v\n%s", a.request, a.status, errs[0], a.body)
		for _, reason := range errs[0].SchemaValidationErrors {
			a.tb.Log(reason.Reason, reason.FieldPath)
		}
	}
	if a.status < 300 {
		if ok, errs := v.ValidateHttpRequestSync(r); !ok {
			a.tb.Errorf("%s was accepted, but the document refuses it: %v", a.request, errs[0])
		}
		return
	}
	if a.status >= 400 && strings.HasPrefix(a.header.Get("Content-Type"), problemJSON) {
		code := a.checkProblem().Code
		if said := operationOf(r).Responses[strconv.Itoa(a.status)].Description; !strings.Contains(said, "`"+code+"`") {
			a.tb.Errorf("%s: the document does not say that it answers %s, but %q", a.request, code, said)
		}
	}
}

// isOperation reports whether the document has the request's operation.
func isOperation(r *http.Request) bool { return operationOf(r) != nil }

// operationOf finds the request's operation in the document.
func operationOf(r *http.Request) *operationJSON {
	for path, methods := range paths() {
		pattern := "^" + regexp.MustCompile(`\{[a-z_]+\}`).ReplaceAllString(path, "[^/]+") + "$"
		if o := methods[strings.ToLower(r.Method)]; o != nil && regexp.MustCompile(pattern).MatchString(r.URL.Path) {
			return o
		}
	}
	return nil
}

// operationJSON is what tests look at in an operation of the document.
type operationJSON struct {
	OperationID string `json:"operationId"`
	Description string
	Parameters  []struct{ Name, In string }
	RequestBody *struct {
		Content map[string]json.RawMessage
	}
	Responses map[string]struct {
		Description string
		Links       map[string]struct {
			OperationID string `json:"operationId"`
			Parameters  map[string]string
		}
	}
}

var paths = sync.OnceValue(func() map[string]map[string]*operationJSON {
	text, _ := document()
	var d struct {
		Paths map[string]map[string]*operationJSON
	}
	if err := json.Unmarshal(text, &d); err != nil {
		panic(err)
	}
	return d.Paths
})

// operations lists the document's operations: "GET /api/v1/events/{id}".
var operations = sync.OnceValue(func() []string {
	var all []string
	for path, methods := range paths() {
		for method := range methods {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(all)
	return all
})

// problem is what tests look at in an error's answer.
type problem struct {
	Type, Title, Code, Detail, Instance string
	Status                              int
	RequestID                           string `json:"request_id"`
	Errors                              []struct {
		Location, Message string
		Value             any
	}
	Available *int64
	Limit     *int64
	Live      *int64
	Taken     *int64
}

func (a *answer) checkProblem() *problem {
	a.tb.Helper()
	var p problem
	if err := json.Unmarshal(a.body, &p); err != nil {
		a.tb.Fatalf("%s: %d without a problem: %v\n%s", a.request, a.status, err, a.body)
	}
	if a.header.Get("Content-Type") != problemJSON || p.Status != a.status || p.Type != problemPath+p.Code ||
		p.Title == "" || p.Detail == "" || p.RequestID == "" || p.RequestID != a.header.Get(requestIDHeader) {
		a.tb.Errorf("%s: %d is no proper problem (%s): %s", a.request, a.status, a.header.Get("Content-Type"), a.body)
	}
	if a.status == http.StatusServiceUnavailable && a.header.Get("Retry-After") == "" {
		a.tb.Errorf("%s: 503 without Retry-After", a.request)
	}
	return &p
}

// want fails unless the answer has the status, and returns it.
func (a *answer) want(status int) *answer {
	a.tb.Helper()
	if a.status != status {
		a.tb.Fatalf("%s: got %d, want %d: %s", a.request, a.status, status, a.body)
	}
	return a
}

// refused fails unless the answer is the problem with the code.
func (a *answer) refused(status int, code string) *problem {
	a.tb.Helper()
	p := a.want(status).checkProblem()
	if p.Code != code {
		a.tb.Fatalf("%s: got %s, want %s: %s", a.request, p.Code, code, a.body)
	}
	return p
}

// at fails unless one of the problem's errors is at the place.
func (p *problem) at(tb testing.TB, place string) {
	tb.Helper()
	for _, e := range p.Errors {
		if e.Location == place {
			return
		}
	}
	tb.Errorf("no error at %s: %+v", place, p.Errors)
}

// read decodes the answer's body.
func read[T any](a *answer) T {
	a.tb.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.tb.Fatalf("%s: %v: %s", a.request, err, a.body)
	}
	return v
}

// Wire forms as a client sees them.
type (
	eventJSON struct {
		ID, Name, Description, Currency string
		DateTime                        string      `json:"date_time"`
		SalesEnd                        *string     `json:"sales_end"`
		TotalTickets                    int64       `json:"total_tickets"`
		TicketPrice                     json.Number `json:"ticket_price"`
		Available                       int64       `json:"available_tickets"`
		CancelledAt                     *string     `json:"cancelled_at"`
		LiveBookings                    int64       `json:"live_bookings"`
	}
	userJSON    struct{ ID, Name, Email string }
	bookingJSON struct {
		ID, Status   string
		UserID       string      `json:"user_id"`
		EventID      string      `json:"event_id"`
		CancelReason *string     `json:"cancel_reason"`
		TotalAmount  json.Number `json:"total_amount"`
		Quantity     int64
		Payment      struct {
			Status   string
			Attempts int
		}
	}
)

const eventText = `{"name":"Concert 2024","description":"Amazing concert event","date_time":"2026-12-31T20:00:00Z","total_tickets":%d,"ticket_price":75.50}`

func (b *bundle) event(tickets int) eventJSON {
	b.tb.Helper()
	return read[eventJSON](b.do("POST", eventsPath, fmt.Sprintf(eventText, tickets)).want(http.StatusCreated))
}

func (b *bundle) user(email string) userJSON {
	b.tb.Helper()
	body := fmt.Sprintf(`{"name":"John Doe","email":%q}`, email)
	return read[userJSON](b.do("POST", usersPath, body).want(http.StatusCreated))
}

func (b *bundle) bookText(event, user string, quantity int) string {
	return fmt.Sprintf(`{"user_id":%q,"event_id":%q,"quantity":%d}`, user, event, quantity)
}

func (b *bundle) book(event, user string, quantity int) bookingJSON {
	b.tb.Helper()
	return read[bookingJSON](b.do("POST", bookingsPath, b.bookText(event, user, quantity)).want(http.StatusCreated))
}

// pay settles a booking's charge, as a payment worker would.
func (b *bundle) pay(booking bookingJSON, outcome models.Outcome) {
	b.tb.Helper()
	ref := refOf(b.tb, booking)
	started, err := b.store.StartCharges(b.tb.Context(), "sim", []models.BookingRef{ref}, time.Minute)
	if err != nil || len(started) != 1 {
		b.tb.Fatalf("start the charge: %v, %v", started, err)
	}
	b.settle(started[0].Charge.ChargeKey, outcome)
}

func (b *bundle) settle(key models.ChargeKey, outcome models.Outcome) {
	b.tb.Helper()
	result := models.Result{Outcome: outcome, ProviderReference: "sim_1", Reason: "the gateway says so"}
	if outcome == models.OutcomeSucceeded {
		result.Reason = ""
	}
	_, err := b.office.Tell(b.tb.Context(), key.Event, &sale.Settle{Charge: key, Result: result, Backoff: time.Second})
	if err != nil {
		b.tb.Fatal(err)
	}
}

// giveUp has a booking's charge fail until it becomes a dead letter.
func (b *bundle) giveUp(booking bookingJSON, outcome models.Outcome) {
	b.tb.Helper()
	b.pay(booking, outcome)
	for range models.MaxAttempts - 1 {
		b.clock.Advance(2 * time.Second)
		due, err := b.store.DueCharges(b.tb.Context(), 10, time.Minute)
		if err != nil || len(due) != 1 {
			b.tb.Fatalf("take up the charge: %v, %v", due, err)
		}
		b.settle(due[0].Charge.ChargeKey, outcome)
	}
}

func refOf(tb testing.TB, booking bookingJSON) models.BookingRef {
	tb.Helper()
	event, err1 := models.ParseID[models.EventID](booking.EventID)
	id, err2 := models.ParseID[models.BookingID](booking.ID)
	if err := cmp.Or(err1, err2); err != nil {
		tb.Fatal(err)
	}
	return models.BookingRef{Event: event, Booking: id}
}

var uuidPattern = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// goldenHeaders are the headers that belong to the contract.
var goldenHeaders = []string{"Allow", "Content-Type", "ETag", replayedHeader, "Link", "Location", "Retry-After"}

// golden compares an exchange with testdata/<name>.golden.json. Ids are numbered by their appearance; the clock stands
// still, so times are what they are.
func (a *answer) golden(name string) {
	a.tb.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "{\n  \"request\": %q,\n  \"status\": %d,\n  \"headers\": {", a.request, a.status)
	separator := ""
	for _, h := range goldenHeaders {
		if v := a.header.Get(h); v != "" {
			quoted, _ := json.Marshal(v)
			fmt.Fprintf(&text, "%s\n    %q: %s", separator, h, quoted)
			separator = ","
		}
	}
	text.WriteString("\n  },\n  \"body\": ")
	if len(a.body) == 0 {
		text.WriteString("null")
	} else {
		var indented bytes.Buffer
		if err := json.Indent(&indented, bytes.TrimSpace(a.body), "  ", "  "); err != nil {
			a.tb.Fatal(err)
		}
		text.Write(indented.Bytes())
	}
	text.WriteString("\n}\n")
	compareGolden(a.tb, name, withoutIDs(text.String()))
}

func withoutIDs(text string) string {
	seen := map[string]string{}
	text = uuidPattern.ReplaceAllStringFunc(text, func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("<id %d>", len(seen)+1)
		}
		return seen[id]
	})
	return regexp.MustCompile(`cursor=[A-Za-z0-9_-]+`).ReplaceAllString(text, "cursor=<cursor>")
}

func compareGolden(tb testing.TB, name, got string) {
	tb.Helper()
	path := filepath.Join("testdata", name+".golden.json")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("%v (make it with -update)", err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		tb.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

// quiet is a logger that costs nothing.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
