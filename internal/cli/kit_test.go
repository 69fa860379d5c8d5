package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"quantix/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainOfWaiters(m, 6) }

// server is a running quantix.
type server struct {
	*testkit.Process
	url string
	env []string
}

// serve starts quantix with settings on a port of its own and waits until it is ready.
func serve(tb testing.TB, env ...string) *server {
	tb.Helper()
	return serveIn(tb, tb.TempDir(), env...)
}

// serveIn does so in a directory that may hold the data of a server before.
func serveIn(tb testing.TB, dir string, env ...string) *server {
	tb.Helper()
	port := testkit.FreePort(tb)
	env = append([]string{fmt.Sprintf("PORT=%d", port), "HOST=127.0.0.1"}, env...)
	p := testkit.StartIn(tb, dir, testkit.Build(tb), env, "serve")
	p.AwaitLine(30*time.Second, "quantix is ready")
	return &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
}

// quantix runs a command to its end and returns its exit status.
func quantix(tb testing.TB, dir string, env []string, args ...string) (stdout, stderr string, status int) {
	tb.Helper()
	p := testkit.StartIn(tb, dir, testkit.Build(tb), env, args...)
	status = p.Wait(60 * time.Second)
	return p.Stdout(), p.Stderr(), status
}

// servers are the settings of both ways to run: nothing at all, and private servers with a database of their own.
func modes(tb testing.TB) map[string][]string {
	return map[string][]string{"embedded": nil, "servers": onServers(tb)}
}

// onServers returns the settings for a new database on the private PostgreSQL and for a private Redis.
func onServers(tb testing.TB) []string {
	tb.Helper()
	return []string{
		"DATABASE_URL=" + testkit.Database(tb, nil),
		"REDIS_URL=" + testkit.Redis(tb).Database(tb),
	}
}

var client = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}}

// answer is what a request got.
type answer struct {
	status int
	header http.Header
	body   string
}

// text returns a member of the answer's object as text.
func (a answer) text(name string) string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(a.body), &members) != nil {
		return ""
	}
	return strings.Trim(string(members[name]), `"`)
}

// try sends a request and returns the answer, or why there was none.
func (s *server) try(method, path, body string, header ...string) (answer, error) {
	request, err := http.NewRequest(method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		return answer{}, err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(text)}, err
}

// want sends a request that must get a status.
func (s *server) want(tb testing.TB, status int, method, path, body string) answer {
	tb.Helper()
	a, err := s.try(method, path, body)
	if err != nil || a.status != status {
		tb.Fatalf("%s %s: %d %s, %v; want %d", method, path, a.status, a.body, err, status)
	}
	return a
}

// event creates an event that begins far in the future.
func (s *server) event(tb testing.TB, tickets int, price string) string {
	tb.Helper()
	body := fmt.Sprintf(`{"name":"Concert","date_time":"2035-12-31T20:00:00Z","total_tickets":%d,"ticket_price":%s}`, tickets, price)
	return s.want(tb, http.StatusCreated, "POST", "/api/v1/events", body).text("id")
}

var userCount = make(chan int, 1)

func init() { userCount <- 0 }

// user creates a user with an address of its own.
func (s *server) user(tb testing.TB) string {
	tb.Helper()
	n := <-userCount + 1
	userCount <- n
	body := fmt.Sprintf(`{"name":"John Doe","email":"john%d.%d@example.com"}`, os.Getpid(), n)
	return s.want(tb, http.StatusCreated, "POST", "/api/v1/users", body).text("id")
}

func booking(user, event string, quantity int) string {
	return fmt.Sprintf(`{"user_id":%q,"event_id":%q,"quantity":%d}`, user, event, quantity)
}

// audited checks that an event's counters and money add up.
func (s *server) audited(tb testing.TB, event string) {
	tb.Helper()
	if a := s.want(tb, http.StatusOK, "GET", "/api/v1/events/"+event+"/audit", ""); a.text("ok") != "true" {
		tb.Errorf("audit: %s", a.body)
	}
}

// becomes waits until a booking has a status.
func (s *server) becomes(tb testing.TB, within time.Duration, booking, status string) {
	tb.Helper()
	testkit.Eventually(tb, within, func() error {
		a, err := s.try("GET", "/api/v1/bookings/"+booking, "")
		if err == nil && a.text("status") != status {
			err = fmt.Errorf("booking: %s", a.body)
		}
		return err
	})
}
