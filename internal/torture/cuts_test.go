package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/testkit"
)

var cutting = flag.Duration("torture.cuts", 3*time.Second, "how long the line between Quantix and PostgreSQL is cut at random")

// cutBuyers is how many buyers book at once while the line is cut.
const cutBuyers = 24

// cutInstallation is one process, API and payments, whose line to PostgreSQL goes through a proxy.
type cutInstallation struct {
	*installation
	proxy *testkit.Proxy
}

func installBehindProxy(t *testing.T) *cutInstallation {
	t.Helper()
	server, line := testkit.NewPostgres(t, testkit.Options{Durable: true}), testkit.NewRedis(t, testkit.RedisOptions{})
	direct := server.Database(t, nil)
	proxy, url := behindProxy(t, direct)
	port := testkit.FreePort(t)
	in := &cutInstallation{&installation{t: t, address: fmt.Sprintf("127.0.0.1:%d", port), env: []string{
		"DATABASE_URL=" + url, "REDIS_URL=" + line.URL(), "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "LOG_LEVEL=error",
		"PAYMENT_DEADLINE=2h", "PAYMENT_RETRY_BASE=200ms", "PAYMENT_SIM_LATENCY=5ms",
	}}, proxy}
	in.api = testkit.Start(t, testkit.Build(t), in.env, "serve")
	testkit.Eventually(t, 30*time.Second, func() error { _, err := in.call("GET", "/readyz", ""); return err })
	db, err := pgx.Connect(t.Context(), direct)
	if err != nil {
		t.Fatal(err)
	}
	in.db = db
	t.Cleanup(func() { db.Close(context.Background()) })
	return in
}

// behindProxy returns a proxy before the server of a database, and the database's URL through it.
func behindProxy(t *testing.T, direct string) (*testkit.Proxy, string) {
	t.Helper()
	address, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	proxy := testkit.NewPostgresProxy(t, address.Host)
	address.Host = proxy.Addr()
	return proxy, address.String()
}

// atRandom cuts, some ten times a second, at whatever message comes then; and one time in two it cuts again within the
// next messages, most of which are those of a connection that begins and prepares.
func atRandom() testkit.Cutter {
	next, left := time.Now(), 0
	return func(testkit.Side) bool {
		if left > 0 {
			left--
			return left == 0
		}
		if time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(rand.N(200 * time.Millisecond))
		if rand.N(2) == 0 {
			left = 1 + rand.N(40)
		}
		return true
	}
}

// answers counts the statuses, and keeps who was answered 201 with which booking.
type answers struct {
	mu       sync.Mutex
	statuses map[int]int
	booked   map[string]string // id by key
	open     map[string]string // body by key: asked for, and never answered 201
	wrong    []string
}

// TestTorture_of_a_line_that_is_cut books with keys, and repeats what was not answered for good, while the line to
// PostgreSQL is cut at random. Nobody gets another answer than 201, 409 or 503; every 201 and every row agree; no
// message is set aside; and every booking is paid.
func TestTorture_of_a_line_that_is_cut(t *testing.T) {
	t.Parallel()
	in := installBehindProxy(t)
	crowd := &crowd{in: in.installation}
	var events []string
	for range eventCount {
		events = append(events, crowd.create("/api/v1/events",
			`{"name":"Concert","date_time":"2035-12-31T20:00:00Z","total_tickets":1000000,"ticket_price":75.50}`))
	}
	user := crowd.create("/api/v1/users", `{"name":"John Doe","email":"john@example.com"}`)
	a := &answers{statuses: map[int]int{}, booked: map[string]string{}, open: map[string]string{}}
	in.proxy.CutWhere(atRandom())
	in.buyUntil(a, user, events, time.Now().Add(*cutting))
	in.proxy.Settle()
	unanswered := len(a.open)
	in.repeat(a)
	letters := in.rest()
	findings := in.cutFindings(a)
	t.Logf("%s: %d connections cut; answers %v; %d keys of which nothing but 503 was heard; %d charges given up and retried by hand\n%s",
		*cutting, in.proxy.Cuts(), a.statuses, unanswered, letters, render(findings))
	for _, f := range findings {
		if f.have != f.want {
			t.Errorf("%s: %d, want %d", f.what, f.have, f.want)
		}
	}
	for _, wrong := range a.wrong[:min(len(a.wrong), 10)] {
		t.Error(wrong)
	}
}

// buyUntil has buyers book, each under a new key that it repeats three times at most.
func (in *cutInstallation) buyUntil(a *answers, user string, events []string, end time.Time) {
	var group sync.WaitGroup
	for buyer := range cutBuyers {
		group.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				key := fmt.Sprintf("buyer-%d-%d", buyer, i)
				body := fmt.Sprintf(`{"user_id":%q,"event_id":%q,"quantity":1,"payment_method":"sim_ok"}`, user, events[i%eventCount])
				for try := 0; try < 3 && !in.book(a, key, body); try++ {
				}
			}
		})
	}
	group.Wait()
}

// book asks once, and reports whether that was answered for good.
func (in *cutInstallation) book(a *answers, key, body string) bool {
	status, answer, err := in.post(key, body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.statuses[status]++
	switch {
	case err != nil, status != http.StatusCreated && status != http.StatusConflict && status != http.StatusServiceUnavailable:
		a.wrong = append(a.wrong, fmt.Sprintf("%s: %d %v %v", key, status, answer, err))
	case status == http.StatusCreated && a.booked[key] != "" && a.booked[key] != answer.ID:
		a.wrong = append(a.wrong, fmt.Sprintf("%s: booked as %s and as %s", key, a.booked[key], answer.ID))
	case status == http.StatusCreated:
		a.booked[key] = answer.ID
		delete(a.open, key)
		return true
	default:
		a.open[key] = body
	}
	return false
}

type bookingAnswer struct{ ID, Code string }

func (in *cutInstallation) post(key, body string) (status int, answer bookingAnswer, err error) {
	request, err := http.NewRequest(http.MethodPost, "http://"+in.address+"/api/v1/bookings", bytes.NewBufferString(body))
	if err != nil {
		return 0, answer, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", key)
	response, err := client.Do(request)
	if err != nil {
		return 0, answer, err
	}
	defer response.Body.Close()
	return response.StatusCode, answer, json.NewDecoder(response.Body).Decode(&answer)
}

// repeat asks again for what was never answered for good: with the line whole, each is answered.
func (in *cutInstallation) repeat(a *answers) {
	in.t.Helper()
	testkit.Eventually(in.t, time.Minute, func() error {
		for key, body := range a.open {
			in.book(a, key, body)
		}
		if len(a.open) > 0 {
			return fmt.Errorf("%d keys are not answered", len(a.open))
		}
		return nil
	})
}

// rest waits until every payment has come to its end. A charge that was given up after five tries is retried, as a
// person would; but what is set aside stays, to be found.
func (in *cutInstallation) rest() (letters int) {
	in.t.Helper()
	testkit.Eventually(in.t, 3*time.Minute, func() error {
		for _, id := range in.chargeLetters() {
			letters++
			_, _ = in.call("POST", "/api/v1/payments/dead-letters/"+id+"/retry", "")
		}
		if left := in.waiting(); left > 0 {
			return fmt.Errorf("%d have not come to their end", left)
		}
		return nil
	})
	return letters
}

func (in *cutInstallation) chargeLetters() []string {
	in.t.Helper()
	rows, err := in.db.Query(in.t.Context(), `SELECT id::text FROM dead_letters WHERE kind <> 'message'`)
	ids, collectErr := pgx.CollectRows(rows, pgx.RowTo[string])
	if err := errors.Join(err, collectErr); err != nil {
		in.t.Fatal(err)
	}
	return ids
}

// cutFindings compares what was answered with what is on disk.
func (in *cutInstallation) cutFindings(a *answers) []finding {
	in.t.Helper()
	rows, err := in.db.Query(in.t.Context(), `SELECT idempotency_key, id::text FROM bookings`)
	if err != nil {
		in.t.Fatal(err)
	}
	var key, id string
	stored, differ := 0, int64(0)
	_, err = pgx.ForEachRow(rows, []any{&key, &id}, func() error {
		stored++
		if a.booked[key] != id {
			differ++
		}
		return nil
	})
	if err != nil {
		in.t.Fatal(err)
	}
	zero := func(what, query string) finding { return finding{what: what, have: in.count(query)} }
	return []finding{
		{"answers other than 201, 409 and 503", int64(len(a.wrong)), 0},
		{"rows that were not answered, or otherwise", differ, 0},
		{"rows", int64(stored), int64(len(a.booked))},
		zero("messages set aside", `SELECT count(*) FROM dead_letters WHERE kind = 'message'`),
		zero("not CONFIRMED", `SELECT count(*) FROM bookings WHERE status <> 'CONFIRMED'`),
		zero("CONFIRMED and not paid, or not once", `SELECT count(*) FROM bookings b LEFT JOIN (SELECT booking_id, sum(charges) AS charges
			FROM sim_charges WHERE status = 'charged' AND refunded_at IS NULL GROUP BY booking_id) s ON s.booking_id = b.id
			WHERE coalesce(s.charges, 0) <> 1`),
		{"exit status of quantix audit", in.audit(), 0},
		{"events that their feeds tell otherwise", in.rebuilt(), 0},
	}
}
