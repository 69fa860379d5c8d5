package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/services"
)

var errSecret = errors.New(`pq: relation "secrets" does not exist`)

// Case 74.
func TestBodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	big := `{"name":"` + strings.Repeat("x", maxBody) + `"}`
	for _, path := range []string{eventsPath, usersPath, bookingsPath} {
		for name, body := range map[string]string{
			"cut off": `{"name":`, "garbage behind": `{"name":"x"} {}`, "twice": `{"name":"a","name":"b"}`,
			"twice, escaped": `{"name":"a","n\u0061me":"b"}`, "twice, deep": `{"x":{"a":1,"a":2}}`, "array": `[]`, "text": `"x"`,
			"null": `null`, "nothing but space": "  ", "invalid UTF-8": "{\"name\":\"\xff\"}", "half a surrogate": `{"name":"\ud800"}`,
			"too deep": `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`, "comment": `{/**/}`, "comma": `{"name":"x",}`,
			"single quotes": `{'name':'x'}`, "leading zero": `{"quantity":01}`, "NaN": `{"quantity":NaN}`, "mark": "\ufeff{}",
			"control character": "{\"name\":\"a\nb\"}", "bad escape": `{"name":"\x41"}`, "bare": `{name:1}`,
		} {
			if a := b.do("POST", path, body); a.status != 400 || a.checkProblem().Code != "malformed_json" {
				t.Errorf("%s, %s: %d %s", path, name, a.status, a.body)
			}
		}
		b.do("POST", path, "").refused(http.StatusBadRequest, "malformed_json")
		b.do("POST", path, big).refused(http.StatusRequestEntityTooLarge, "body_too_large")
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", "application/merge-patch+json", "x"} {
			b.do("POST", path, `{}`, "Content-Type", kind).refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
		}
		for _, kind := range []string{"application/json; charset=UTF-8", "Application/JSON"} {
			b.do("POST", path, `{}`, "Content-Type", kind).refused(http.StatusBadRequest, "invalid_request")
		}
	}
	t.Run("exactly the limit", func(t *testing.T) {
		text := `{"name":"John","email":"john@example.com"}`
		b.do("POST", usersPath, text+strings.Repeat(" ", maxBody-len(text))).want(http.StatusCreated)
	})
	t.Run("without a length", func(t *testing.T) {
		for _, path := range []string{usersPath, bookingsPath} {
			r := httptest.NewRequest(http.MethodPost, path, io.MultiReader(strings.NewReader(big)))
			r.Header.Set("Content-Type", "application/json")
			w := httptest.NewRecorder()
			b.server.router.ServeHTTP(w, r)
			if w.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

// Case 77.
func TestAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, id := range []string{"x", "1", "0190a000-0000-7000-8000-00000000000g", "0190a00000007000800000000000000", "%00", "%27%20OR%201=1", strings.Repeat("a", 500)} {
		for _, a := range []*answer{
			b.do("GET", eventsPath+"/"+id, ""), b.do("PUT", eventsPath+"/"+id, `{}`), b.do("DELETE", usersPath+"/"+id, ""),
			b.do("GET", bookingsPath+"/"+id, ""), b.do("PUT", bookingsPath+"/"+id+"/cancel", ""), b.do("GET", eventsPath+"/"+id+"/audit", ""),
		} {
			a.refused(http.StatusBadRequest, "invalid_request").at(t, "path.id")
		}
	}
	for path, allow := range map[string]string{
		eventsPath: "GET, POST, HEAD", bookingsPath: "POST", eventsPath + "/x/cancel": "POST", bookingsPath + "/x/cancel": "PUT",
		"/healthz": "GET, HEAD", lettersPath: "GET, HEAD",
	} {
		a := b.do("PATCH", path, "")
		if a.refused(http.StatusMethodNotAllowed, "method_not_allowed"); a.header.Get("Allow") != allow {
			t.Errorf("%s: Allow: %s, want %s", path, a.header.Get("Allow"), allow)
		}
		o := b.do("OPTIONS", path, "").want(http.StatusNoContent)
		if o.header.Get("Allow") != allow+", OPTIONS" {
			t.Errorf("%s: OPTIONS: Allow: %s", path, o.header.Get("Allow"))
		}
	}
	// What there is none of has no media type to ask for.
	b.do("PUT", eventsPath, "x", "Content-Type", "text/plain").refused(http.StatusMethodNotAllowed, "method_not_allowed")
	b.do("POST", "/api/v1", "x", "Content-Type", "text/plain").refused(http.StatusNotFound, "route_not_found")
	for _, path := range []string{"/api", "/api/v1", "/api/v2/events", eventsPath + "/", "/docs/x", "/metrics", "/..%2f..%2fetc/passwd"} {
		b.do("GET", path, "").refused(http.StatusNotFound, "route_not_found")
	}
}

// A page of another site must not book on somebody's own machine; programs and our own pages must.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(50), b.user("john@example.com")
	text := b.bookText(event.ID, user.ID, 1)
	for name, headers := range map[string][]string{
		"another site":         {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"},
		"another port":         {"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:3000"},
		"an old browser":       {"Origin", "https://evil.example"},
		"a sandboxed frame":    {"Origin", "null"},
		"a form without a key": {"Sec-Fetch-Site", "cross-site", "Content-Type", "text/plain"},
	} {
		for _, request := range []string{
			"POST " + bookingsPath, "POST " + usersPath, "PUT " + eventsPath + "/" + event.ID, "DELETE " + eventsPath + "/" + event.ID,
			"DELETE " + usersPath + "/" + user.ID, "POST " + eventsPath + "/" + event.ID + "/cancel",
		} {
			method, path, _ := strings.Cut(request, " ")
			if p := b.do(method, path, text, headers...).refused(http.StatusForbidden, "cross_origin"); p.Detail == "" {
				t.Errorf("%s, %s: no detail", name, request)
			}
		}
		b.do("GET", eventsPath+"/"+event.ID, "", headers[:2]...).want(http.StatusOK)
	}
	for _, headers := range [][]string{ // curl; our /docs; an address typed in; /docs in an old browser
		nil, {"Sec-Fetch-Site", "same-origin", "Origin", "http://example.com"}, {"Sec-Fetch-Site", "none"}, {"Origin", "http://example.com"},
	} {
		b.do("POST", bookingsPath, text, headers...).want(http.StatusCreated)
	}
	if left := read[eventJSON](b.do("GET", eventsPath+"/"+event.ID, "")).Available; left != 46 {
		t.Errorf("%d tickets are left, want 46", left)
	}
}

func TestRoot_leads_to_the_docs(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, Deps{})
	for _, method := range []string{"GET", "HEAD"} {
		if a := send(t, s, method, "/", "").want(http.StatusFound); a.header.Get("Location") != "/docs" {
			t.Errorf("%s leads to %s", a.request, a.header.Get("Location"))
		}
	}
}

func TestHead_has_no_body(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.event(5)
	web := httptest.NewServer(b.server.router)
	t.Cleanup(web.Close)
	for _, path := range []string{eventsPath, "/healthz", "/docs", "/openapi.json"} {
		response, err := web.Client().Head(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || len(body) > 0 {
			t.Errorf("HEAD %s: %d, %d bytes", path, response.StatusCode, len(body))
		}
	}
}

func TestHeaders_of_every_answer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, a := range []*answer{b.do("GET", eventsPath, ""), b.do("GET", "/nope", ""), b.do("POST", bookingsPath, `{}`), b.do("PATCH", eventsPath, "")} {
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s: %s", a.request, name, got)
			}
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for given, kept := range map[string]bool{
		"abc-123_x.y": true, strings.Repeat("a", 128): true, strings.Repeat("a", 129): false, "": false, "a b": false,
		"a\"b": false, "é": false, "{}": false,
	} {
		got := b.do("GET", "/healthz", "", requestIDHeader, given).header.Get(requestIDHeader)
		if got == "" || (got == given) != kept {
			t.Errorf("%q became %q", given, got)
		}
	}
}

// lines collects a log.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestPanic_is_a_500_without_its_reason(t *testing.T) {
	t.Parallel()
	log := &lines{}
	s := newTestServer(t, Deps{Logger: slog.New(slog.NewTextHandler(log, nil))})
	s.router.GET("/panics", func(*gin.Context) { panic(errSecret) })
	a := send(t, s, "GET", "/panics", "")
	a.refused(http.StatusInternalServerError, "internal")
	if strings.Contains(string(a.body), "secrets") || strings.Contains(string(a.body), "goroutine") {
		t.Errorf("the answer tells: %s", a.body)
	}
	if text := log.String(); !strings.Contains(text, "secrets") || !strings.Contains(text, "middleware_test.go") {
		t.Errorf("the log lacks the reason or the stack: %s", text)
	}
	t.Run("a connection dropped on purpose", func(t *testing.T) {
		s.router.GET("/drops", func(*gin.Context) { panic(http.ErrAbortHandler) })
		defer func() {
			if err, is := recover().(error); !is || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("recovered %v", err)
			}
		}()
		s.router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/drops", nil))
	})
}

func TestLog_has_no_secrets(t *testing.T) {
	t.Parallel()
	log := &lines{}
	b := setup(t, func(d *Deps) { d.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	b.do("POST", usersPath, `{"name":"John Doe","email":"john@example.com"}`, "Authorization", "Bearer hunter2")
	b.do("POST", bookingsPath, `{}`, keyHeader, "hunter3")
	b.do("GET", eventsPath+"?q=hunter4", "", "Cookie", "hunter5")
	text := log.String()
	for _, secret := range []string{"John", "example.com", "hunter"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %s: %s", secret, text)
		}
	}
	for _, part := range []string{"method=POST", "route=/api/v1/users", "status=201", "took=", "bytes=", "request_id="} {
		if !strings.Contains(text, part) {
			t.Errorf("the log lacks %s: %s", part, text)
		}
	}
}

// What a client invents must not become a line or a label of its own; where it comes from is told.
// A refusal's line tells why, on both ways to an answer.
func TestLog_has_the_code_of_a_refusal(t *testing.T) {
	t.Parallel()
	log := &lines{}
	b := setup(t, func(d *Deps) { d.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	event, user := b.event(1), b.user("john@example.com")
	order := `{"event_id":"` + event.ID + `","user_id":"` + user.ID + `","quantity":1}`
	b.do("POST", bookingsPath, order).want(http.StatusCreated)
	if strings.Contains(log.String(), "code=") {
		t.Errorf("what was granted has a code: %s", log)
	}
	b.do("POST", bookingsPath, order).refused(http.StatusConflict, "sold_out")
	b.do("GET", eventsPath+"?limit=x", "").refused(http.StatusBadRequest, "invalid_request")
	b.do("GET", "/nowhere", "").refused(http.StatusNotFound, "route_not_found")
	for _, want := range []string{"status=409 ", " code=sold_out", " code=invalid_request", " code=route_not_found"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %q in the log: %s", want, log)
		}
	}
}

func TestLog_names_the_client_and_known_methods(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		proxies []string
		want    string
	}{
		{nil, "client=192.0.2.1"}, // where httptest says that requests come from
		{[]string{"192.0.2.0/24"}, "client=203.0.113.7"},
		{[]string{"10.0.0.0/8"}, "client=192.0.2.1"},
	} {
		log := &lines{}
		s := newTestServer(t, Deps{TrustedProxies: test.proxies, Logger: slog.New(slog.NewTextHandler(log, nil))})
		send(t, s, "BREW", "/healthz", "", "X-Forwarded-For", "203.0.113.7")
		if text := log.String(); !strings.Contains(text, test.want+" ") || !strings.Contains(text, "method=other") {
			t.Errorf("%v: %s; want %s", test.proxies, text, test.want)
		}
	}
}

// seen collects what an observer is told.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) Request(route, method string, status int, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprint(method, " ", route, " ", status))
}

func TestObserver_hears_patterns(t *testing.T) {
	t.Parallel()
	observer := &seen{}
	b := setup(t, func(d *Deps) { d.Observer = observer })
	b.do("GET", eventsPath+"/0190a000-0000-7000-8000-000000000000", "")
	b.do("GET", "/no/such/thing", "")
	b.do("POST", bookingsPath, `{}`)
	b.do("BREW", bookingsPath, "")
	want := "[GET /api/v1/events/:id 404 GET none 404 POST /api/v1/bookings 400 other none 405]"
	if got := fmt.Sprint(observer.all); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Whoever goes away before the answer gets none: that is no warning for each of thousands, and no 5xx for an alert.
func TestClient_gone_is_no_fault(t *testing.T) {
	t.Parallel()
	log, observer := &lines{}, &seen{}
	const at = usersPath + "/0190a000-0000-7000-8000-000000000000"
	s := newTestServer(t, Deps{
		Users: services.NewUsers(brokenUsers{wait: true}), Observer: observer, Logger: slog.New(slog.NewTextHandler(log, nil)),
		RequestTimeout: 20 * time.Millisecond,
	})
	gone, leave := context.WithCancel(t.Context())
	leave()
	s.router.ServeHTTP(httptest.NewRecorder(), newRequest("GET", at, "").WithContext(gone))
	if text := log.String(); text != "" {
		t.Errorf("logged: %s", text)
	}
	s.router.GET("/fails", func(c *gin.Context) { writeProblem(c, errSecret) })
	s.router.ServeHTTP(httptest.NewRecorder(), newRequest("GET", "/fails", "").WithContext(gone))
	send(t, s, "GET", at, "").refused(http.StatusServiceUnavailable, "unavailable")
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "level=WARN") {
		t.Errorf("a fault of ours, and a store that is slow: %s", text)
	}
	if got := fmt.Sprint(observer.all); got != "[GET /api/v1/users/:id 499 GET /fails 500 GET /api/v1/users/:id 503]" {
		t.Errorf("counted as %s", got)
	}
}

// The same for bookings, whose callers wait at a desk.
func TestClient_gone_while_its_order_waits(t *testing.T) {
	t.Parallel()
	log, observer := &lines{}, &seen{}
	bookings, body := stubBookings(t, 10)
	s := newTestServer(t, Deps{Bookings: bookings, Observer: observer, Logger: slog.New(slog.NewTextHandler(log, nil))})
	gone, leave := context.WithCancel(t.Context())
	leave()
	const tries = 100 // the desk may be faster
	for range tries {
		s.router.ServeHTTP(httptest.NewRecorder(), newRequest("POST", bookingsPath, body).WithContext(gone))
	}
	if text := log.String(); strings.Contains(text, "level=WARN") {
		t.Errorf("logged: %s", text)
	}
	for _, line := range observer.all {
		if line != "POST /api/v1/bookings 499" && line != "POST /api/v1/bookings 201" && line != "POST /api/v1/bookings 409" {
			t.Errorf("counted as %s", line)
		}
	}
}

type userStore = services.UserStore

// brokenUsers is a store that fails as it is told.
type brokenUsers struct {
	userStore
	err  error
	wait bool
}

func (s brokenUsers) User(ctx context.Context, _ models.Scope, _ models.UserID) (models.User, error) {
	if s.wait {
		<-ctx.Done()
		return models.User{}, fmt.Errorf("read the user: %w", ctx.Err())
	}
	return models.User{}, s.err
}

func (s brokenUsers) CreateUser(context.Context, models.User) (models.User, error) {
	return models.User{}, s.err
}

// Case 65: what the store says is told apart, and never repeated.
func TestStore_faults(t *testing.T) {
	t.Parallel()
	at := usersPath + "/0190a000-0000-7000-8000-000000000000"
	for name, c := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"unavailable":    {fmt.Errorf("%w: %w", repository.ErrUnavailable, errSecret), 503, "unavailable"},
		"commit unknown": {fmt.Errorf("%w: %w", repository.ErrCommitUnknown, errSecret), 503, "outcome_unknown"},
		"rejected":       {fmt.Errorf("%w: %w", repository.ErrRejected, errSecret), 500, "internal"},
		"anything":       {errSecret, 500, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &lines{}
			s := newTestServer(t, Deps{Users: services.NewUsers(brokenUsers{err: c.err}), Logger: slog.New(slog.NewTextHandler(log, nil))})
			a := send(t, s, "POST", usersPath, `{"name":"John","email":"john@example.com"}`)
			a.refused(c.status, c.code)
			if c.code != "outcome_unknown" { // what only reads commits nothing
				send(t, s, "GET", at, "").refused(c.status, c.code)
			}
			if strings.Contains(string(a.body), "secrets") || !strings.Contains(log.String(), "secrets") {
				t.Errorf("answer %s\nlog %s", a.body, log)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, Deps{Users: services.NewUsers(brokenUsers{wait: true}), RequestTimeout: 20 * time.Millisecond})
	send(t, s, "GET", usersPath+"/0190a000-0000-7000-8000-000000000000", "").refused(http.StatusServiceUnavailable, "unavailable")
}

// slowAudits is a store whose audits take longer than anything else may.
type slowAudits struct {
	services.EventStore
	takes time.Duration
}

func (s slowAudits) AuditFacts(ctx context.Context, id models.EventID) (models.AuditFacts, error) {
	select {
	case <-time.After(s.takes):
		return models.AuditFacts{Event: &models.Event{ID: id, TicketPrice: models.Money{Currency: "USD"}}}, nil
	case <-ctx.Done():
		return models.AuditFacts{}, ctx.Err()
	}
}

// An audit of millions of bookings has the time it needs, although other requests have not, and connections neither.
func TestTimeout_of_an_audit(t *testing.T) {
	t.Parallel()
	events := services.NewEvents(slowAudits{takes: 200 * time.Millisecond}, nil)
	server := httptest.NewUnstartedServer(newTestServer(t, Deps{Events: events, RequestTimeout: 20 * time.Millisecond}).router)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+eventsPath+"/0190a000-0000-7000-8000-000000000000/audit", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); response.StatusCode != http.StatusOK || err != nil {
		t.Errorf("%s %s, %v", response.Status, body, err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	since := time.Date(2030, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	state := Readiness{Ready: true, Checks: []Check{{Name: "database", Status: "ok", Since: since}, {
		Name: "queue", Status: "degraded", Since: since, Detail: "Redis does not answer.", Remedy: "Start it.",
	}}}
	s := newTestServer(t, Deps{Version: "1.2.3", Ready: func(context.Context) Readiness { return state }})
	send(t, s, "GET", "/healthz", "").want(http.StatusOK).golden("healthz")
	send(t, s, "GET", "/readyz", "").want(http.StatusOK).golden("readyz")
	state = Readiness{Checks: []Check{{Name: "database", Status: "down", Since: since, Detail: "It does not answer.", Remedy: "Start it."}}}
	send(t, s, "GET", "/readyz", "").golden("readyz_unready")
	send(t, newTestServer(t, Deps{}), "GET", "/readyz", "").want(http.StatusOK)
}

func TestHealth_alone(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	handler, err := NewHealth(Deps{Metrics: metrics, Ready: func(context.Context) Readiness { return Readiness{} }})
	if err != nil {
		t.Fatal(err)
	}
	for request, want := range map[string]int{
		"GET /healthz": 200, "HEAD /healthz": 200, "GET /readyz": 503, "GET /metrics": 200, "GET " + eventsPath: 404, "POST " + bookingsPath: 404,
	} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, newRequest(method, path, ""))
		if w.Code != want {
			t.Errorf("%s: %d, want %d: %s", request, w.Code, want, w.Body)
		}
	}
}

func TestMetrics_are_served(t *testing.T) {
	t.Parallel()
	metrics := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") })
	if a := send(t, newTestServer(t, Deps{Metrics: metrics}), "GET", "/metrics", ""); string(a.want(200).body) != "up 1\n" {
		t.Errorf("got %s", a.body)
	}
}

func TestTrustedProxies_must_be_addresses(t *testing.T) {
	t.Parallel()
	if _, err := New(Deps{TrustedProxies: []string{"nonsense"}}); err == nil {
		t.Error("nonsense was believed")
	}
}

func TestDocs_are_in_the_binary(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, Deps{})
	page := send(t, s, "GET", "/docs", "").want(http.StatusOK)
	if strings.Contains(string(page.body), "//") {
		t.Errorf("the page asks another host: %s", page.body)
	}
	policy := page.header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || !strings.HasPrefix(policy, "default-src 'none'") {
		t.Errorf("policy: %s", policy)
	}
	for _, f := range docsFiles {
		plain := send(t, s, "GET", f.path, "").want(http.StatusOK)
		packed := send(t, s, "GET", f.path, "", "Accept-Encoding", "gzip, br").want(http.StatusOK)
		if len(plain.body) == 0 || plain.header.Get("Content-Encoding") != "" || f.packed != (packed.header.Get("Content-Encoding") == "gzip") {
			t.Errorf("%s: %d bytes; %v", f.path, len(plain.body), packed.header)
		}
	}
}
