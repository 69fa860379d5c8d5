package handlers

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A page whose name was made to point here must neither read nor change anything, whatever else it sends.
func TestHosts(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.AllowedHosts = []string{"Tickets.example.com", "*.example.org", "box-7"} })
	for host, right := range map[string]bool{
		"localhost": true, "localhost:8080": true, "shop.localhost": true, "127.0.0.1": true, "127.0.0.1:8080": true, "[::1]:8080": true,
		"192.168.1.7:8080": true, "tickets.example.com": true, "TICKETS.example.com.:443": true, "a.example.org": true, "box-7:8080": true,
		"": true, "evil.example": false, "evil.example:8080": false, "localhost.evil.example": false, "example.org": false,
		"127.0.0.1.evil.example": false, "xtickets.example.com": false, "a.tickets.example.com": false, "evilexample.org": false,
	} {
		for _, request := range []string{"GET " + eventsPath, "POST " + usersPath, "GET /docs", "GET /nowhere", "GET /metrics"} {
			method, path, _ := strings.Cut(request, " ")
			r := httptest.NewRequest(method, path, nil)
			r.Host = host
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			answer := httptest.NewRecorder()
			b.server.router.ServeHTTP(answer, r)
			if right == (answer.Code == http.StatusMisdirectedRequest) {
				t.Errorf("%s at %q: %d %s", request, host, answer.Code, answer.Body)
			}
		}
	}
	for _, free := range []string{"/healthz", "/readyz"} {
		r := httptest.NewRequest(http.MethodGet, free, nil)
		r.Host = "inner-name"
		answer := httptest.NewRecorder()
		b.server.router.ServeHTTP(answer, r)
		if answer.Code != http.StatusOK {
			t.Errorf("%s: %d", free, answer.Code)
		}
	}
	r := httptest.NewRequest(http.MethodPost, callbacksPath+"/nobody", strings.NewReader("{}"))
	r.Host = "inner-name"
	answer := httptest.NewRecorder()
	b.server.router.ServeHTTP(answer, r)
	if answer.Code != http.StatusNotFound {
		t.Errorf("a callback, which is known by its signature: %d %s", answer.Code, answer.Body)
	}
}

func TestHosts_any(t *testing.T) {
	t.Parallel()
	for _, h := range []*hosts{nil, newHosts([]string{"*"})} {
		if !h.allow("anything.example") {
			t.Errorf("%+v refuses", h)
		}
	}
}
