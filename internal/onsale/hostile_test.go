package onsale

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/testkit"
)

// siege is a server that lets nobody go before all lines of a hostile client are there, and is ready once.
type siege struct {
	mu     sync.Mutex
	seen   map[string]int // by method and path, without ids and queries
	inside int
	most   int
	looks  int
	open   chan struct{}
}

func (s *siege) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/readyz" {
		if s.looks++; s.looks > 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		return
	}
	s.seen[r.Method+" "+strings.ReplaceAll(r.URL.Path, "subject", "{id}")]++
	s.inside++
	s.most = max(s.most, s.inside)
	s.mu.Unlock()
	select {
	case <-s.open:
	case <-r.Context().Done():
	}
	s.mu.Lock()
	s.inside--
}

// TestHostiles: each client comes at once with as many lines as it says, for what it says.
func TestHostiles(t *testing.T) {
	t.Parallel()
	asks := map[string]string{
		"deletes": "DELETE /api/v1/users/{id}", "puts": "PUT /api/v1/users/{id}", "searches": "GET /api/v1/events",
		"pages": "GET /api/v1/events", "callbacks": "POST /api/v1/payments/callbacks/nobody",
		"audits": "GET /api/v1/events/{id}/audit",
	}
	for _, h := range Hostiles() {
		t.Run(h.Name, func(t *testing.T) {
			t.Parallel()
			s := &siege{seen: map[string]int{}, open: make(chan struct{})}
			server := httptest.NewServer(s)
			defer server.Close()
			defer close(s.open) // a body that is not read hides that its sender has left
			ctx, end := context.WithCancel(t.Context())
			defer end()
			var d Disturbance
			var err error
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				d, err = h.Disturb(ctx, server.URL, "subject")
			}()
			testkit.Eventually(t, time.Minute, func() error {
				s.mu.Lock()
				defer s.mu.Unlock()
				if h.Name == "searches" && s.seen[asks[h.Name]] > h.lines {
					return nil // who hangs up is there again
				}
				if s.most < h.lines {
					return fmt.Errorf("%d of %d lines at once", s.most, h.lines)
				}
				return nil
			})
			end()
			<-ended
			if err != nil || d.Goes < int64(h.lines) {
				t.Errorf("%v %+v", err, d)
			}
			if len(s.seen) != 1 || s.seen[asks[h.Name]] == 0 {
				t.Errorf("asked for %v", s.seen)
			}
		})
	}
}

// TestWatchReady counts what is not 200.
func TestWatchReady(t *testing.T) {
	t.Parallel()
	s := &siege{seen: map[string]int{}}
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, end := context.WithCancel(t.Context())
	var looks int
	var unready []string
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		looks, unready, _ = WatchReady(ctx, server.URL)
	}()
	testkit.Eventually(t, time.Minute, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.looks < 4 {
			return fmt.Errorf("%d looks", s.looks)
		}
		return nil
	})
	end()
	<-ended
	if looks < 4 || len(unready) < 2 || len(unready) >= looks || !strings.Contains(unready[0], "503") {
		t.Errorf("%d looks, %q", looks, unready)
	}
}

func TestHostiles_spare_other_peoples_servers(t *testing.T) {
	t.Parallel()
	if _, err := Hostiles()[0].Disturb(t.Context(), "http://example.com", ""); err == nil {
		t.Error("a server that is not this machine's was attacked")
	}
}
