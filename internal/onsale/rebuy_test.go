package onsale

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"quantix/internal/testkit/shop"
)

// oneTicket is an event with one ticket, which two servers sell. Each can be made to believe for too long that it is
// sold.
type oneTicket struct {
	mu       sync.Mutex
	holder   string
	returned time.Time
	oversell bool
}

// server sells the ticket, but refuses it for blind after each time that it came back.
func (o *oneTicket) server(t *testing.T, blind time.Duration) string {
	t.Helper()
	mux := http.NewServeMux()
	created := func(w http.ResponseWriter, id string) {
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"id":%q}`, id)
	}
	mux.HandleFunc("POST /api/v1/users", func(w http.ResponseWriter, _ *http.Request) { created(w, uuid.NewString()) })
	mux.HandleFunc("POST /api/v1/events", func(w http.ResponseWriter, _ *http.Request) { created(w, uuid.NewString()) })
	mux.HandleFunc("POST /api/v1/bookings", func(w http.ResponseWriter, _ *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if !o.oversell && (o.holder != "" || time.Since(o.returned) < blind) {
			problem(w, http.StatusConflict, "sold_out")
			return
		}
		o.holder = uuid.NewString()
		created(w, o.holder)
	})
	mux.HandleFunc("PUT /api/v1/bookings/{id}/cancel", func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.holder != r.PathValue("id") {
			problem(w, http.StatusNotFound, "booking_not_found")
			return
		}
		o.holder, o.returned = "", time.Now()
		fmt.Fprint(w, `{}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func TestRebuyFindsServersThatBelieveTooLong(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		blindA, blindB time.Duration
		refused, stale bool
	}{
		"both see at once":               {0, 0, false, false},
		"A forgets its own cancellation": {20 * time.Millisecond, 0, true, false},
		"B believes too long":            {0, 300 * time.Millisecond, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := &oneTicket{}
			got, err := Rebuy(t.Context(), Rebuying{A: o.server(t, tt.blindA), B: o.server(t, tt.blindB), Rounds: 3})
			if err != nil {
				t.Fatal(err)
			}
			if (got.FalseSoldOut > 0) != tt.refused || (got.Stale > 0) != tt.stale || got.Seen.Count != 3 || len(got.Event) != uuidLength {
				t.Errorf("%+v", got)
			}
			if tt.stale && got.Seen.P99 < tt.blindB*9/10 {
				t.Errorf("seen after %v, but B was blind for %v", got.Seen.P99, tt.blindB)
			}
		})
	}
}

func TestRebuyFindsATicketSoldTwice(t *testing.T) {
	t.Parallel()
	o := &oneTicket{oversell: true}
	_, err := Rebuy(t.Context(), Rebuying{A: o.server(t, 0), B: o.server(t, 0), Rounds: 1})
	if err == nil || !strings.Contains(err.Error(), "sold twice") {
		t.Errorf("error %v", err)
	}
}

// Two real servers on one database keep the promise that their own cancellations show at once.
func TestRebuyOnRealServers(t *testing.T) {
	t.Parallel()
	url := shop.Postgres(t)
	got, err := Rebuy(t.Context(), Rebuying{A: realQuantix(t, url), B: realQuantix(t, url), Rounds: 3})
	if err != nil || got.FalseSoldOut != 0 || got.Seen.Count != 3 {
		t.Errorf("%+v, error %v", got, err)
	}
}
