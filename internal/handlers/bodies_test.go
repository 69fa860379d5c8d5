package handlers

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A body that ends too early, or whose chunks are none, is the client's fault on every route: 400, and no error in the
// log.
func TestBodies_cut_off(t *testing.T) {
	t.Parallel()
	log := &lines{}
	b := setup(t, func(d *Deps) { d.Logger = slog.New(slog.NewTextHandler(log, nil)) })
	web := httptest.NewServer(b.server.router)
	t.Cleanup(web.Close)
	event, user := b.event(5), b.user("john@example.com")
	for _, route := range []string{"POST " + eventsPath, "PUT " + eventsPath + "/" + event.ID, "POST " + usersPath, "PUT " + usersPath + "/" + user.ID, "POST " + bookingsPath} {
		for name, rest := range map[string]string{
			"shorter than announced":  "Content-Length: 100\r\n\r\n{\"name\":",
			"a chunk that is none":    "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
			"a chunk that is cut off": "Transfer-Encoding: chunked\r\n\r\n50\r\n{\"name\"",
		} {
			response := sendRaw(t, web, route+" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+rest)
			if !strings.Contains(response, "HTTP/1.1 400 ") || !strings.Contains(response, `"malformed_json"`) {
				t.Errorf("%s, %s: %s", route, name, response)
			}
		}
	}
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("the log: %s", log)
	}
}

// sendRaw sends bytes, hangs up its half of the connection, and returns what comes back.
func sendRaw(tb testing.TB, web *httptest.Server, text string) string {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", web.Listener.Addr().String(), 5*time.Second)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprint(conn, text); err != nil {
		tb.Fatal(err)
	}
	if half, is := conn.(*net.TCPConn); !is {
		tb.Fatalf("the connection is a %T", conn)
	} else if err := half.CloseWrite(); err != nil {
		tb.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer response.Body.Close()
	var all strings.Builder
	_ = response.Write(&all)
	return all.String()
}

// Parameters and bodies are refused in the same words.
func TestRefusals_speak_one_language(t *testing.T) {
	t.Parallel()
	b := setup(t)
	said := func(a *answer) string { return a.refused(http.StatusBadRequest, "invalid_request").Errors[0].Message }
	post := func(path, body string) string { return said(b.do("POST", path, body)) }
	get := func(path string) string { return said(b.do("GET", path, "")) }
	event := func(total string) string {
		return `{"name":"A","date_time":"2035-12-31T20:00:00Z","ticket_price":1,"total_tickets":` + total + `}`
	}
	id := `"0190a000-0000-7000-8000-000000000000"`
	for _, c := range []struct{ got, want string }{
		{get(eventsPath + "?limit=0"), "must be at least 1"},
		{get(eventsPath + "?limit=501"), "must be at most 500"},
		{get(eventsPath + "?limit=x"), post(eventsPath, event("1.5"))},
		{get(eventsPath + "?from=x"), post(eventsPath, `{"name":"A","total_tickets":1,"ticket_price":1,"date_time":"x"}`)},
		{get(eventsPath + "?q=" + strings.Repeat("x", 256)), "must have at most 255 characters"},
		{get(usersPath + "/x"), post(bookingsPath, `{"user_id":"x","event_id":`+id+`,"quantity":1}`)},
		{post(eventsPath, event("9e9")), "must be between 1 and 2147483647"},
		{post(eventsPath, event("1e-1")), "must be a whole number, such as 2"},
		{get(eventsPath + "?to=0001-01-01T00:00:00Z"), post(eventsPath, `{"name":"A","total_tickets":1,"ticket_price":1,"date_time":"0001-01-01T00:00:00Z"}`)},
		{post(eventsPath, event(strings.Repeat("9", 20))), "is out of range"},
		{
			post(bookingsPath, `{"user_id":`+id+`,"event_id":`+id+`,"quantity":1,"payment_method":"visa"}`),
			"must be one of sim_ok, sim_decline, sim_flaky, sim_error, sim_slow, sim_lost, sim_action, sim_short, sim_twice, sim_moves_part, sim_moves_all, sim_moves_back, sim_moves_slow, sim_moves_abroad, sim_dispute, sim_dispute_lost, sim_dispute_won, sim_dispute_late, sim_inquiry, sim_refund_fails, sim_refund_slow",
		},
	} {
		if c.got != c.want {
			t.Errorf("said %q, want %q", c.got, c.want)
		}
	}
}

// Who left something out learns at once what else is wrong, and nothing that is not.
func TestBodies_every_fault_is_named_at_once(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := `"0190a000-0000-7000-8000-000000000000"`
	for _, c := range []struct {
		path, body string
		places     []string
	}{
		{usersPath, `{"name":" "}`, []string{"body.email", "body.name"}},
		{usersPath, `{"name":"John Doe"}`, []string{"body.email"}},
		{usersPath, `{"name":1,"email":"none"}`, []string{"body.name", "body.email"}},
		{eventsPath, `{"name":"","total_tickets":0,"currency":"USD","ticket_price":"1.234"}`, []string{"body.date_time", "body.ticket_price", "body.name", "body.total_tickets"}},
		{eventsPath, `{"name":"A","total_tickets":1,"ticket_price":"1.234"}`, []string{"body.date_time"}}, // for its currency may have three decimals
		{eventsPath, `{"date_time":"2024-12-31T20:00:00Z","total_tickets":1,"ticket_price":1,"currency":"USD"}`, []string{"body.name"}},
		{eventsPath, `{"date_time":"2024-12-31T20:00:00Z","total_tickets":-1,"ticket_price":"1.234","name":"A"}`, []string{"body.ticket_price", "body.total_tickets"}},
		{bookingsPath, `{"event_id":` + id + `,"quantity":0,"payment_method":"card"}`, []string{"body.user_id", "body.quantity", "body.payment_method"}},
		{bookingsPath, `{"event_id":` + id + `,"quantity":1}`, []string{"body.user_id"}},
		{bookingsPath + "?dry_run=1", `{"event_id":` + id + `,"user_id":` + id + `,"quantity":1}`, []string{"query.dry_run"}},
		{bookingsPath + "?dry_run=1", `{"event_id":` + id + `,"user_id":` + id + `}`, []string{"query.dry_run", "body.quantity"}},
	} {
		var places []string
		for _, e := range b.do("POST", c.path, c.body).refused(http.StatusBadRequest, "invalid_request").Errors {
			places = append(places, e.Location)
		}
		if diff := cmp.Diff(c.places, places); diff != "" {
			t.Errorf("POST %s %s (-want +got):\n%s", c.path, c.body, diff)
		}
	}
	p := b.do("POST", bookingsPath, `{"event_id":`+id+`,"user_id":`+id+`,"quantity":0}`, keyHeader, "").refused(http.StatusBadRequest, "invalid_request")
	p.at(t, "header."+keyHeader)
	p.at(t, "body.quantity")
}

// Large bodies that do not end share a bound of memory, on every route; small ones, as nearly all are, go on beside
// them, and when they are gone there is room again.
func TestBodies_share_a_bound_of_memory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(5), b.user("john@example.com")
	const senders = 2 * maxBodiesInHand / maxBody
	large := "{" + strings.Repeat(" ", maxBody*9/10)
	for name, length := range map[string]int64{"announced": maxBody, "in chunks": -1} {
		for _, path := range []string{eventsPath, bookingsPath} {
			statuses, on := make(chan int, senders), make(chan struct{})
			var group, held sync.WaitGroup
			held.Add(senders)
			for range senders {
				group.Go(func() {
					leave := sync.OnceFunc(held.Done)
					r := newRequest("POST", path, "")
					r.Header.Set("Content-Type", "application/json")
					r.Body, r.ContentLength = &slowly{Reader: strings.NewReader(large), stopped: leave, on: on}, length
					w := httptest.NewRecorder()
					b.server.router.ServeHTTP(w, r)
					statuses <- w.Code
					leave()
				})
			}
			held.Wait()
			if taken := b.server.bodies.taken.Load(); taken > maxBodiesInHand+senders*bodyStep {
				t.Errorf("%s to %s: %d bytes are in hand", name, path, taken)
			}
			b.book(event.ID, user.ID, 1)
			close(on)
			group.Wait()
			close(statuses)
			count := map[int]int{}
			for status := range statuses {
				count[status]++
			}
			if refused := count[http.StatusServiceUnavailable]; refused < senders/4 || refused > senders*3/4 || count[http.StatusBadRequest] != senders-refused {
				t.Errorf("%s to %s: answered %v", name, path, count)
			}
			if taken := b.server.bodies.taken.Load(); taken != 0 {
				t.Errorf("%s to %s: %d bytes are in hand for ever", name, path, taken)
			}
		}
	}
}

// deadlines notes what an answer's writer is told.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Duration
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.set = append(d.set, time.Until(at))
	return nil
}

// What takes long to be made may be late, but its reader has no longer than others.
func TestAnswers_that_come_late_are_to_be_read_soon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(5)
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	b.server.router.ServeHTTP(d, newRequest("GET", eventsPath+"/"+event.ID+"/audit", ""))
	if d.Code != http.StatusOK || len(d.set) != 2 || d.set[0] < auditTimeout || d.set[1] > 2*DefaultTimeout {
		t.Errorf("%d, with the deadlines %v", d.Code, d.set)
	}
}
