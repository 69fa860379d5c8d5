package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"quantix/internal/models"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

// A page has a bound in bytes, whatever the limit, and its Link goes on where it ends: no event is lost or shown twice.
func TestEvents_pages_are_bounded_in_bytes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const events = 60
	long := strings.Repeat("x", 10_000)
	for i := range events {
		at := fmt.Sprintf("2035-12-31T20:%02d:00Z", i)
		b.do("POST", eventsPath, fmt.Sprintf(`{"name":"e%d","description":%q,"date_time":%q,"total_tickets":1,"ticket_price":1}`, i, long, at)).want(http.StatusCreated)
	}
	seen := map[string]bool{}
	pages := 0
	for next := eventsPath + "?limit=500"; next != ""; pages++ {
		a := b.do("GET", next, "").want(http.StatusOK)
		if len(a.body) > models.MaxText+len(long)+500*events {
			t.Fatalf("a page of %d bytes", len(a.body))
		}
		for _, e := range read[[]eventJSON](a) {
			if seen[e.ID] {
				t.Errorf("%s comes twice", e.Name)
			}
			seen[e.ID] = true
		}
		next, _, _ = strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<"), ">")
	}
	if len(seen) != events || pages < 4 {
		t.Errorf("%d events on %d pages", len(seen), pages)
	}
}

// shortOfSight is a store whose first page ends before any event.
type shortOfSight struct{ shop.Store }

func (s shortOfSight) Events(ctx context.Context, scope models.Scope, filter models.EventFilter, page models.Page) (models.EventPage, error) {
	if page.After == nil {
		return models.EventPage{Next: &models.Position{Time: today}}, nil
	}
	return s.Store.Events(ctx, scope, filter, page)
}

// A page that ended before it found anything is no last page: its Link goes on.
func TestEvents_a_page_may_be_empty_and_go_on(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(today)
	b := setupOn(t, shortOfSight{newStore(t, clock)}, clock)
	b.do("POST", eventsPath, `{"name":"U2 live","date_time":"2035-12-31T20:00:00Z","total_tickets":1,"ticket_price":1}`).want(http.StatusCreated)
	first := b.do("GET", eventsPath+"?q=u2", "").want(http.StatusOK)
	if found := read[[]eventJSON](first); found == nil || len(found) != 0 {
		t.Errorf("the empty page is %s", first.body)
	}
	next, _, _ := strings.Cut(strings.TrimPrefix(first.header.Get("Link"), "<"), ">")
	last := b.do("GET", next, "").want(http.StatusOK)
	if found := read[[]eventJSON](last); len(found) != 1 || last.header.Get("Link") != "" {
		t.Errorf("the last page is %s, and goes on at %q", last.body, last.header.Get("Link"))
	}
}

// unread is a client that does not read its answer.
type unread struct {
	http.ResponseWriter
	stopped func()
	on      chan struct{}
}

func (u *unread) Write(p []byte) (int, error) {
	u.stopped()
	<-u.on
	return len(p), nil
}

// Answers that nobody reads are bounded in number.
func TestLists_in_hand_are_bounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	on := make(chan struct{})
	var reading, group sync.WaitGroup
	reading.Add(maxLists)
	for range maxLists {
		group.Go(func() {
			w := &unread{ResponseWriter: httptest.NewRecorder(), stopped: sync.OnceFunc(reading.Done), on: on}
			b.server.router.ServeHTTP(w, newRequest("GET", usersPath, ""))
		})
	}
	reading.Wait()
	b.do("GET", eventsPath, "").want(http.StatusServiceUnavailable).checkProblem()
	close(on)
	group.Wait()
	b.do("GET", eventsPath, "").want(http.StatusOK)
}
