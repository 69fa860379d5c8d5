package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const shopOrigin = "https://shop.example.com"

// browse sends a request as a browser or a proxy would, with headers as names and values in turn; Host may be one.
func browse(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		switch headers[i] {
		case "Host":
			r.Host = headers[i+1]
		case "From":
			r.RemoteAddr = headers[i+1]
		default:
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	return answer
}

func corsOf(a *httptest.ResponseRecorder) (names []string) {
	for name := range a.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			names = append(names, name)
		}
	}
	return names
}

func TestCORS_preflight(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.CORSOrigins = []string{"http://localhost:3000", shopOrigin} })
	for path, methods := range map[string]string{
		bookingsPath: "POST, OPTIONS", eventsPath + "/x": "GET, PUT, DELETE, HEAD, OPTIONS", bookingsPath + "/x/cancel": "PUT, OPTIONS",
	} {
		a := browse(b.server.router, "OPTIONS", path, "", "Origin", shopOrigin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "authorization,idempotency-key", "Sec-Fetch-Site", "cross-site")
		want := map[string]string{
			"Access-Control-Allow-Origin": shopOrigin, "Access-Control-Allow-Methods": methods, "Access-Control-Max-Age": "7200",
			"Access-Control-Allow-Headers":     "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id",
			"Access-Control-Allow-Credentials": "", "X-Content-Type-Options": "nosniff",
		}
		for name, value := range want {
			if got := a.Header().Get(name); got != value {
				t.Errorf("%s: %s: %q, want %q", path, name, got, value)
			}
		}
		if a.Code != http.StatusNoContent || !strings.Contains(a.Header().Get("Vary"), "Origin") {
			t.Errorf("%s: %d, Vary: %s", path, a.Code, a.Header().Get("Vary"))
		}
	}
	for name, headers := range map[string][]string{
		"another site":       {"Origin", "https://evil.example"},
		"the same over http": {"Origin", "http://shop.example.com"},
		"another port":       {"Origin", shopOrigin + ":444"},
		"a longer name":      {"Origin", shopOrigin + ".evil.example"},
		"capital letters":    {"Origin", "https://Shop.example.com"}, // no browser writes it so
		"a frame":            {"Origin", "null"},
		"two":                {"Origin", shopOrigin, "Origin", shopOrigin},
		"none":               nil,
	} {
		a := browse(b.server.router, "OPTIONS", bookingsPath, "", append(headers, "Access-Control-Request-Method", "POST")...)
		if got := corsOf(a); len(got) > 0 || a.Header().Get("Vary") != "Origin" {
			t.Errorf("%s: %v, Vary: %s", name, got, a.Header().Get("Vary"))
		}
	}
	for _, path := range []string{"/docs", "/metrics", "/", "/api/v2/events"} {
		if got := corsOf(browse(b.server.router, "OPTIONS", path, "", "Origin", shopOrigin, "Access-Control-Request-Method", "GET")); len(got) > 0 {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestCORS_answers(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.CORSOrigins = []string{shopOrigin} })
	event, user := b.event(50), b.user("john@example.com")
	text := b.bookText(event.ID, user.ID, 1)
	for _, test := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", bookingsPath, text, 201}, {"GET", eventsPath, "", 200}, {"GET", eventsPath + "/x", "", 400}, {"GET", apiPath + "/nothing", "", 404},
		{"POST", bookingsPath, "{", 400}, {"PATCH", eventsPath, "", 405}, {"HEAD", eventsPath, "", 200},
	} {
		for _, site := range []string{"same-site", "cross-site", ""} { // "": a browser that says nothing of it
			headers := []string{"Origin", shopOrigin, "Content-Type", "application/json"}
			if site != "" {
				headers = append(headers, "Sec-Fetch-Site", site)
			}
			a := browse(b.server.router, test.method, test.path, test.body, headers...)
			h := a.Header()
			if a.Code != test.status || h.Get("Access-Control-Allow-Origin") != shopOrigin || h.Get("Vary") != "Origin" ||
				h.Get("Access-Control-Expose-Headers") != "ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed, X-Request-Id" ||
				len(corsOf(a)) != 2 {
				t.Errorf("%s %s, %q: %d %v", test.method, test.path, site, a.Code, h)
			}
		}
	}
	a := browse(b.server.router, "POST", bookingsPath, text, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	if a.Code != http.StatusForbidden || len(corsOf(a)) > 0 {
		t.Errorf("another site: %d %v", a.Code, a.Header())
	}
	if a := browse(b.server.router, "GET", eventsPath, "", "Origin", "https://evil.example"); len(corsOf(a)) > 0 || a.Header().Get("Vary") != "Origin" {
		t.Errorf("another site reads: %v", a.Header())
	}
}

func TestCORS_is_off_unless_asked_for(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, method := range []string{"GET", "OPTIONS"} {
		a := browse(b.server.router, method, eventsPath, "", "Origin", shopOrigin, "Access-Control-Request-Method", "GET")
		if got := corsOf(a); len(got) > 0 || a.Header().Get("Vary") != "" {
			t.Errorf("%s: %v", method, a.Header())
		}
	}
}

// A page of the address that this server is reached at is one of ours, whatever the proxy makes of the Host.
func TestCrossOrigin_behind_a_proxy_that_rewrites_Host(t *testing.T) {
	t.Parallel()
	const address = "https://tickets.example.com"
	b := setup(t, func(d *Deps) {
		d.AllowedHosts, d.TrustedProxies = []string{"tickets.example.com", "example.com"}, []string{"10.0.0.0/8", "::1"}
	})
	public := setup(t, func(d *Deps) { d.PublicURL = address })
	proxy := []string{"From", "10.1.2.3:4567", "Host", "127.0.0.1:8080"}
	told := append(proxy[:4:4], "X-Forwarded-Host", "tickets.example.com", "X-Forwarded-Proto", "https")
	from := func(headers []string, origin string, more ...string) []string {
		return append(append(headers[:len(headers):len(headers)], "Origin", origin), more...)
	}
	for name, test := range map[string]struct {
		server  *bundle
		headers []string
		status  int // 201, 403 or 421
	}{
		"a page of ours":                     {b, from(told, address), 201},
		"a page of ours, through IPv6":       {b, append(from(told, address), "From", "[::1]:80"), 201},
		"an old browser, nothing told":       {b, from(proxy, address), 403},
		"a new browser, nothing told":        {b, from(proxy, address, "Sec-Fetch-Site", "same-origin"), 201},
		"another site":                       {b, from(told, "https://evil.example"), 403},
		"the page without TLS":               {b, from(told, "http://tickets.example.com"), 403},
		"told by anybody":                    {b, append(from(told, address), "From", "192.0.2.1:4567"), 403},
		"told by nobody":                     {b, append(from(told, address), "From", "@"), 403},
		"another site, which sends its name": {b, from(append(told[:8:8], "X-Forwarded-Host", "evil.example"), "https://evil.example"), 421},
		"the last one counts":                {b, from(append(proxy[:4:4], "X-Forwarded-Host", "evil.example, tickets.example.com"), address), 201},
		"and not the first":                  {b, from(append(proxy[:4:4], "X-Forwarded-Host", "tickets.example.com,evil.example"), address), 421},
		"no host":                            {b, from(append(proxy[:4:4], "X-Forwarded-Host", "tickets.example.com/x y"), address), 403},
		"an empty one":                       {b, from(append(proxy[:4:4], "X-Forwarded-Host", "tickets.example.com,"), address), 403},
		"no scheme":                          {b, from(append(proxy[:4:4], "X-Forwarded-Host", "tickets.example.com", "X-Forwarded-Proto", "gopher"), address), 201},
		"no TLS at all":                      {b, from(append(proxy[:4:4], "X-Forwarded-Host", "tickets.example.com", "X-Forwarded-Proto", "http"), "http://tickets.example.com"), 201},
		"a program":                          {b, told, 201},
		"PUBLIC_URL, nothing told":           {public, from(proxy, address), 201},
		"PUBLIC_URL, another site":           {public, from(proxy, "https://evil.example"), 403},
		"PUBLIC_URL, without TLS":            {public, from(proxy, "http://tickets.example.com"), 403},
	} {
		event, user := test.server.event(5), test.server.user(strings.Map(smallLetters, name)+"@example.com")
		a := browse(test.server.server.router, "POST", bookingsPath, test.server.bookText(event.ID, user.ID, 1), test.headers...)
		if a.Code != test.status {
			t.Errorf("%s: %d %s, want %d", name, a.Code, a.Body, test.status)
		}
	}
}

func smallLetters(r rune) rune {
	if r < 'a' || r > 'z' {
		return -1
	}
	return r
}

func TestProxies_that_are_none(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"proxy", "10.0.0.0/33", ""} {
		if _, err := New(Deps{TrustedProxies: []string{bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	for _, bad := range []string{"no origin", "https://h/path"} {
		if _, err := New(Deps{CORSOrigins: []string{bad}}); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Every answer has the headers that keep a browser from making more of it than it is.
func TestSecurity_headers_are_on_every_answer(t *testing.T) {
	t.Parallel()
	for _, secured := range []bool{false, true} {
		b := setup(t, func(d *Deps) {
			d.CORSOrigins, d.AllowedHosts, d.TransportSecurity = []string{shopOrigin}, []string{"example.com"}, secured
			d.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("on purpose") })
		})
		event := b.event(5)
		server := httptest.NewServer(b.server.router)
		defer server.Close()
		for _, request := range []string{
			"GET /", "GET /docs", "GET /docs/boot.js", "GET /openapi.json", "GET /problems", "GET /problems/nothing", "GET /healthz", "GET /readyz",
			"GET /nothing", "GET /metrics", "OPTIONS " + eventsPath, "PATCH " + eventsPath, "GET " + eventsPath, "HEAD " + eventsPath,
			"POST " + bookingsPath, "GET " + eventsPath + "/" + event.ID, "HEAD " + eventsPath + "/" + event.ID + "/live", "DELETE " + eventsPath + "/" + event.ID,
		} {
			method, path, _ := strings.Cut(request, " ")
			for _, host := range []string{"", "evil.example"} {
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = host
				a, err := http.DefaultTransport.RoundTrip(r)
				if err != nil {
					t.Fatalf("%s: %v", request, err)
				}
				_ = a.Body.Close()
				h := a.Header
				if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") == "" ||
					!strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("X-Request-Id") == "" ||
					(h.Get("Strict-Transport-Security") == "max-age=31536000") != secured {
					t.Errorf("%s at %q: %d %v", request, host, a.StatusCode, h)
				}
			}
		}
	}
}

// POST /bookings pays nothing for other sites when there are none.
func TestCORS_costs_nothing_where_there_is_none(t *testing.T) {
	s := newTestServer(t, Deps{})
	r := httptest.NewRequest(http.MethodPost, bookingsPath, nil)
	header := http.Header{}
	if n := testing.AllocsPerRun(100, func() {
		s.proxies.restore(r)
		s.cors.allow(r, header)
		comesUnencrypted(r, s.cors)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(header) > 0 {
		t.Errorf("%v", header)
	}
}

func TestMetrics_port_has_nothing_else(t *testing.T) {
	t.Parallel()
	h, err := NewMetrics(Deps{AllowedHosts: []string{"app"}, Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("numbers"))
	})})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/metrics": 200, "/healthz": 404, "/readyz": 404, "/docs": 404, "/openapi.json": 404, eventsPath: 404, "/": 404} {
		if a := browse(h, "GET", path, "", "Host", "app:9090"); a.Code != want {
			t.Errorf("%s: %d %s", path, a.Code, a.Body)
		}
	}
	if a := browse(h, "GET", "/metrics", "", "Host", "evil.example"); a.Code != http.StatusMisdirectedRequest {
		t.Errorf("by another name: %d", a.Code)
	}
}
