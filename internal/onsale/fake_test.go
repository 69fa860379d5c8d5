package onsale

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
)

// fakeQuantix is the part of Quantix's API that the generator speaks, with a counter for each event. Its fields are
// switches that tests set before they start it.
type fakeQuantix struct {
	// before runs first for every booking; when it answers itself it returns true.
	before func(w http.ResponseWriter, r *http.Request, n int) bool
	// chunked makes the booking's answer leave in chunks.
	chunked bool
	// confirmAll turns pending bookings into confirmed ones at each look at the statistics.
	confirmAll bool
	// auditFails makes every audit answer ok: false.
	auditFails bool
	// forget answers 201 without counting the booking.
	forget bool

	mu     sync.Mutex
	events map[string]*fakeEvent
	users  map[string]bool
	keys   map[string]int
	posts  int
}

type fakeEvent struct{ total, taken, pending, confirmed int }

func (f *fakeQuantix) start(tb testing.TB) string {
	tb.Helper()
	f.events, f.users, f.keys = map[string]*fakeEvent{}, map[string]bool{}, map[string]int{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/users", f.postUser)
	mux.HandleFunc("POST /api/v1/events", f.postEvent)
	mux.HandleFunc("POST /api/v1/bookings", f.postBooking)
	mux.HandleFunc("GET /api/v1/events/{id}/statistics", f.getStatistics)
	mux.HandleFunc("GET /api/v1/events/{id}/audit", f.getAudit)
	mux.HandleFunc("/noop", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	server := httptest.NewServer(mux)
	tb.Cleanup(server.Close)
	return server.URL
}

func (f *fakeQuantix) postUser(w http.ResponseWriter, r *http.Request) {
	var in newUser
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Email == "" {
		problem(w, http.StatusBadRequest, "malformed")
		return
	}
	id := uuid.NewString()
	f.mu.Lock()
	f.users[id] = true
	f.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

func (f *fakeQuantix) postEvent(w http.ResponseWriter, r *http.Request) {
	var in newEvent
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.TotalTickets == 0 {
		problem(w, http.StatusBadRequest, "malformed")
		return
	}
	id := uuid.NewString()
	f.mu.Lock()
	f.events[id] = &fakeEvent{total: in.TotalTickets}
	f.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
	fmt.Fprintf(w, `{"id":%q}`, id)
}

func (f *fakeQuantix) postBooking(w http.ResponseWriter, r *http.Request) {
	// Read first: net/http notices that a client left only once the body is read.
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.posts++
	n := f.posts
	f.mu.Unlock()
	if f.before != nil && f.before(w, r, n) {
		return
	}
	var in struct {
		UserID   string `json:"user_id"`
		EventID  string `json:"event_id"`
		Quantity int    `json:"quantity"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		problem(w, http.StatusBadRequest, "malformed")
		return
	}
	if status, code := f.book(in.UserID, in.EventID, in.Quantity, r.Header.Get("Idempotency-Key")); code != "" {
		problem(w, status, code)
		return
	}
	w.WriteHeader(http.StatusCreated)
	f.answer(w)
}

// book takes the tickets, or says why not.
func (f *fakeQuantix) book(user, event string, quantity int, key string) (int, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.events[event]
	switch {
	case e == nil || !f.users[user]:
		return http.StatusNotFound, "not_found"
	case f.keys[key] > 0:
		return http.StatusCreated, ""
	case e.taken == e.total:
		return http.StatusConflict, "sold_out"
	case e.taken+quantity > e.total:
		return http.StatusConflict, "insufficient_tickets"
	}
	if key != "" {
		f.keys[key]++
	}
	if !f.forget {
		e.taken += quantity
		e.pending++
	}
	return http.StatusCreated, ""
}

func (f *fakeQuantix) answer(w http.ResponseWriter) {
	const body = `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","status":"PENDING"}`
	if !f.chunked {
		fmt.Fprint(w, body)
		return
	}
	for _, part := range strings.SplitAfter(body, ",") {
		fmt.Fprint(w, part)
		_ = http.NewResponseController(w).Flush()
	}
}

func (f *fakeQuantix) getStatistics(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e := f.events[r.PathValue("id")]
	if f.confirmAll {
		e.confirmed, e.pending = e.confirmed+e.pending, 0
	}
	fmt.Fprintf(w, `{"total_tickets":%d,"total_sold":0,"total_pending":%d,"available_tickets":%d,
		"bookings":{"pending":%d,"confirmed":%d,"cancelled":0}}`, e.total, e.taken, e.total-e.taken, e.pending, e.confirmed)
}

func (f *fakeQuantix) getAudit(w http.ResponseWriter, r *http.Request) {
	if f.auditFails {
		fmt.Fprintf(w, `{"ok":false,"event_id":%q,"differences":[{"counter":"held"}]}`, r.PathValue("id"))
		return
	}
	fmt.Fprintf(w, `{"ok":true,"event_id":%q,"differences":[]}`, r.PathValue("id"))
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"about:blank","status":%d,"code": %q}`, status, code)
}

// quick is a small scenario that tests vary.
func quick(target string) Scenario {
	return Scenario{
		Target: target, Connections: 8, Users: 20, Duration: 300 * time.Millisecond, Seed: 7,
		Retry: Retry{Wait: time.Millisecond, MaxWait: 5 * time.Millisecond},
	}
}

func play1(tb testing.TB, s Scenario) Result {
	tb.Helper()
	res, err := Run(tb.Context(), s, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}
