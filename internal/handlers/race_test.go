package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// together sends requests at once and counts the answers by status.
func together(b *bundle, count int, request func(i int) *http.Request) map[int]int {
	var wg sync.WaitGroup
	start, codes := make(chan struct{}), make([]int, count)
	for i := range count {
		wg.Go(func() {
			r, w := request(i), httptest.NewRecorder()
			<-start
			b.server.router.ServeHTTP(w, r)
			codes[i] = w.Code
		})
	}
	close(start)
	wg.Wait()
	counts := map[int]int{}
	for _, code := range codes {
		counts[code]++
	}
	return counts
}

func wantCounts(t *testing.T, got, want map[int]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Case 1.
func TestRace_last_ticket(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.Logger = nil })
	event, user := b.event(1), b.user("john@example.com")
	got := together(b, 200, func(int) *http.Request { return newRequest("POST", bookingsPath, b.bookText(event.ID, user.ID, 1)) })
	wantCounts(t, got, map[int]int{201: 1, 409: 199})
	if report := string(b.do("GET", eventsPath+"/"+event.ID+"/audit", "").body); !strings.HasPrefix(report, `{"ok":true`) {
		t.Error(report)
	}
}

// Case 42.
func TestRace_same_key(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.Logger = nil })
	event, user := b.event(100), b.user("john@example.com")
	got := together(b, 50, func(int) *http.Request {
		return newRequest("POST", bookingsPath, b.bookText(event.ID, user.ID, 1), keyHeader, "once")
	})
	wantCounts(t, got, map[int]int{201: 50})
	if list := read[[]bookingJSON](b.do("GET", bookingsPath+"/user/"+user.ID, "")); len(list) != 1 {
		t.Errorf("one key made %d bookings", len(list))
	}
}

// One key for two events at the same moment: which of the two is there first is not looked at across events, so that no
// event ever waits for another. The contract allows both to book, and one to be refused; never two bookings of one
// event, nor an answer that changes.
func TestRace_same_key_for_two_events(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.Logger = nil })
	events := []eventJSON{b.event(100), b.event(100)}
	for round := range 10 {
		user := b.user(fmt.Sprintf("john-%d@example.com", round)).ID
		ask := func(i int) *http.Request {
			return newRequest("POST", bookingsPath, b.bookText(events[i%2].ID, user, 1), keyHeader, "once")
		}
		got := together(b, 2, ask)
		if got[201]+got[422] != 2 || got[201] == 0 {
			t.Fatalf("two events under one key: %v", got)
		}
		wantCounts(t, together(b, 6, ask), times(3, got))
		if list := read[[]bookingJSON](b.do("GET", bookingsPath+"/user/"+user, "")); len(list) != got[201] {
			t.Errorf("%d bookings were answered, there are %d", got[201], len(list))
		}
	}
}

func times(n int, counts map[int]int) map[int]int {
	product := map[int]int{}
	for code, count := range counts {
		product[code] = n * count
	}
	return product
}

// Case 55.
func TestRace_lost_update(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.Logger = nil })
	at := eventsPath + "/" + b.event(10).ID
	got := together(b, 20, func(i int) *http.Request {
		return newRequest("PUT", at, fmt.Sprintf(`{"name":"Name %d"}`, i), "If-Match", `"1"`)
	})
	wantCounts(t, got, map[int]int{200: 1, 412: 19})
	if tag := b.do("GET", at, "").header.Get("ETag"); tag != `"2"` {
		t.Errorf("the version is %s after one change", tag)
	}
}

// Case 57.
func TestRace_same_email(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.Logger = nil })
	emails := []string{"john@example.com", "JOHN@example.com", "John@Example.Com"}
	got := together(b, 30, func(i int) *http.Request {
		return newRequest("POST", usersPath, fmt.Sprintf(`{"name":"John","email":%q}`, emails[i%len(emails)]))
	})
	wantCounts(t, got, map[int]int{201: 1, 409: 29})
}

// Cases 50, 53 and 69: editing, deleting and reading while others book.
func TestRace_edits_and_bookings(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) { d.Logger = nil })
	event, user := b.event(60), b.user("john@example.com")
	at := eventsPath + "/" + event.ID
	got := together(b, 120, func(i int) *http.Request {
		switch i % 6 {
		case 0:
			return newRequest("PUT", at, fmt.Sprintf(`{"total_tickets":%d}`, 20+i/2))
		case 1:
			return newRequest("GET", at+"/statistics", "")
		case 2:
			return newRequest("DELETE", at, "", "If-Match", `"999"`)
		}
		return newRequest("POST", bookingsPath, b.bookText(event.ID, user.ID, 2))
	})
	if got[500] > 0 || got[503] > 0 || got[201] == 0 {
		t.Errorf("answers: %v", got)
	}
	if report := string(b.do("GET", at+"/audit", "").body); !strings.HasPrefix(report, `{"ok":true`) {
		t.Error(report)
	}
	e := read[eventJSON](b.do("GET", at, ""))
	if taken := int64(2 * got[201]); e.TotalTickets-e.Available != taken {
		t.Errorf("%d tickets were answered, the event says %d of %d are left", taken, e.Available, e.TotalTickets)
	}
}
