// Package torture holds the test that breaks a whole installation, processes and servers, while it takes payments, and
// then looks for money without a ticket and tickets without money. `make payments-torture` runs it at full size.
package torture

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"quantix/internal/testkit"
)

// The size in a plain `go test` is small: enough to show that the torture itself has not rotted.
var (
	bookings = flag.Int("torture.bookings", 2000, "bookings of the payments torture")
	kills    = flag.Int("torture.kills", 5, "how many workers the payments torture kills at most, one every second")
	outages  = flag.Int("torture.outages", 8, "how often the payments torture takes PostgreSQL from the workers at most, for a second of every three")
	limit    = flag.Duration("torture.limit", 10*time.Minute, "how long the payments torture may take")
)

func TestMain(m *testing.M) { testkit.MainOfWaiters(m, 4) }

// connections is how many buyers book at once; workerCount how many worker processes run, of which one dies each
// second.
const (
	connections = 64
	workerCount = 2
	eventCount  = 4
)

// installation is one API and some workers on their own PostgreSQL and Redis.
type installation struct {
	t       *testing.T
	env     []string
	address string // of the API
	api     *testkit.Process
	workers [workerCount]*testkit.Process
	line    *testkit.Proxy // between the workers and PostgreSQL
	behind  string         // the database's URL through it
	cut     bool           // it is, now
	cuts    int
	next    int // the worker to be killed next
	kills   int
	db      *pgx.Conn
	redis   *redis.Client
	flushes int
}

func install(t *testing.T) *installation {
	t.Helper()
	server := testkit.NewPostgres(t, testkit.Options{Durable: true})
	line := testkit.NewRedis(t, testkit.RedisOptions{})
	url, port := server.Database(t, nil), testkit.FreePort(t)
	proxy, behind := behindProxy(t, url)
	in := &installation{t: t, address: fmt.Sprintf("127.0.0.1:%d", port), line: proxy, behind: behind, env: []string{
		"DATABASE_URL=" + url, "REDIS_URL=" + line.URL(), "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "LOG_LEVEL=error",
		"PAYMENT_DEADLINE=2h", "PAYMENT_RETRY_BASE=200ms", "PAYMENT_SIM_LATENCY=20ms", "PAYMENT_SIM_FAILURE_RATE=0.2",
	}}
	in.api = testkit.Start(t, testkit.Build(t), in.env, "serve", "--api")
	testkit.Eventually(t, 30*time.Second, func() error { _, err := in.call("GET", "/readyz", ""); return err })
	for i := range in.workers {
		in.startWorker(i)
	}
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	in.db, in.redis = db, redis.NewClient(&redis.Options{Addr: line.Addr()})
	t.Cleanup(func() {
		in.redis.Close()
		db.Close(context.Background())
	})
	return in
}

func (in *installation) startWorker(i int) {
	env := append(slices.Clone(in.env), "DATABASE_URL="+in.behind)
	in.workers[i] = testkit.Start(in.t, testkit.Build(in.t), env, "worker")
}

// takeStore takes PostgreSQL from the workers, who hold messages, every third time, until the next. One that was just
// beginning gives up, and is started again. Every outage leaves charges under leases of 40 seconds: without a bound the
// last few payments are caught again and again.
func (in *installation) takeStore(second int) {
	if in.cut = second%3 == 0 && in.cuts < *outages; in.cut {
		in.line.Refuse()
		in.cuts++
		return
	}
	in.line.Heal()
	for i, worker := range in.workers {
		if worker.Ended() {
			in.startWorker(i)
		}
	}
}

// killWorker kills the worker that has lived longest, and starts another in its place.
func (in *installation) killWorker() {
	in.workers[in.next].Kill()
	in.startWorker(in.next)
	in.next = (in.next + 1) % workerCount
	in.kills++
}

// flush empties Redis.
func (in *installation) flush() {
	in.t.Helper()
	if err := in.redis.FlushAll(in.t.Context()).Err(); err != nil {
		in.t.Fatal(err)
	}
	in.flushes++
}

// count runs a query for one number.
func (in *installation) count(query string) int64 {
	in.t.Helper()
	var n int64
	if err := in.db.QueryRow(in.t.Context(), query).Scan(&n); err != nil {
		in.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// waiting is how much has not come to its end.
func (in *installation) waiting() int64 {
	in.t.Helper()
	return in.count(`SELECT (SELECT count(*) FROM bookings WHERE status = 'PENDING')
		+ (SELECT count(*) FROM charges WHERE status IN ('started', 'pending', 'unknown'))
		+ (SELECT count(*) FROM refunds WHERE status = 'pending') + (SELECT count(*) FROM outbox)`)
}

// TestTorture_of_payments books, with gateway errors (20 of 100 calls), declines (5 of 100 bookings), lost answers (2)
// and buyers who cancel at once (2), while a worker is killed every second, PostgreSQL is taken from the workers for a
// second of every three, and Redis is flushed twice. Then nothing may be stuck, charged twice, confirmed unpaid, or
// charged without a ticket or a refund.
func TestTorture_of_payments(t *testing.T) {
	t.Parallel()
	in := install(t)
	begun := time.Now()
	crowd := startCrowd(in, *bookings)
	in.torture(crowd, begun.Add(*limit))
	findings := in.findings(crowd)
	t.Logf("%d bookings in %s: booked after %s, the last one paid after %s; %d workers killed, PostgreSQL taken from them %d times, Redis flushed %d times, %d dead letters dealt with\n%s",
		*bookings, time.Since(begun).Round(time.Second), crowd.took().Round(time.Second), time.Since(begun).Round(time.Second),
		in.kills, in.cuts, in.flushes, crowd.letters, render(findings))
	for _, f := range findings {
		if f.have != f.want {
			t.Errorf("%s: %d, want %d", f.what, f.have, f.want)
		}
	}
}

// torture breaks things every second until every payment has come to its end.
func (in *installation) torture(crowd *crowd, deadline time.Time) {
	in.t.Helper()
	for second := 1; ; second++ {
		// Not exactly a second: leases are whole seconds, and must not always run out just before a kill.
		<-time.After(time.Second/2 + rand.N(time.Second))
		in.takeStore(second)
		if in.kills < *kills && !in.cut {
			in.killWorker()
		}
		done := crowd.done.Load()
		if in.flushes < 2 && done >= int64(*bookings*(in.flushes+1)/3) {
			in.flush()
		}
		if in.api.Ended() {
			in.t.Fatal("the API ended")
		}
		booked, left := crowd.finished(), in.waiting()
		letters := in.dealWithLetters()
		crowd.letters += letters
		if second%10 == 0 {
			in.t.Logf("after %d s: %d booked, %d not at their end, %d letters dealt with", second, done, left, crowd.letters)
		}
		if booked && left == 0 && letters == 0 && in.flushes == 2 {
			in.line.Heal()
			return
		}
		if time.Now().After(deadline) {
			in.t.Errorf("not at rest within %s", *limit)
			return
		}
	}
}

// finding is a number that must be as wanted.
type finding struct {
	what       string
	have, want int64
}

func render(findings []finding) string {
	var text strings.Builder
	for _, f := range findings {
		verdict := "ok"
		if f.have != f.want {
			verdict = fmt.Sprintf("WRONG, want %d", f.want)
		}
		fmt.Fprintf(&text, "  %-52s %8d  %s\n", f.what, f.have, verdict)
	}
	return text.String()
}

// findings looks for faults, with SQL alone: what the program itself believes is not asked, but for its audit.
func (in *installation) findings(crowd *crowd) []finding {
	in.t.Helper()
	zero := func(what, query string) finding { return finding{what: what, have: in.count(query)} }
	return []finding{
		zero("stuck: PENDING, an open charge, an open refund", "SELECT "+stuck),
		zero("double charges at the gateway", `SELECT count(*) FROM sim_charges WHERE charges > 1`),
		zero("bookings with two charges that were not given back", `SELECT count(*) FROM (SELECT booking_id FROM sim_charges
			WHERE status = 'charged' AND refunded_at IS NULL GROUP BY booking_id HAVING count(*) > 1) AS twice`),
		zero("CONFIRMED and not paid", `SELECT count(*) FROM bookings b WHERE status = 'CONFIRMED' AND NOT EXISTS (SELECT 1
			FROM sim_charges s WHERE s.booking_id = b.id AND s.status = 'charged' AND s.refunded_at IS NULL AND s.amount = b.total_amount)`),
		zero("charged, and neither CONFIRMED nor refunded", `SELECT count(*) FROM sim_charges s JOIN bookings b ON b.id = s.booking_id
			WHERE s.status = 'charged' AND s.refunded_at IS NULL AND b.status <> 'CONFIRMED'`),
		zero("charged for no booking", `SELECT count(*) FROM sim_charges s WHERE NOT EXISTS (SELECT 1 FROM bookings b WHERE b.id = s.booking_id)`),
		zero("dead letters left", `SELECT count(*) FROM dead_letters`),
		{"bookings", in.count(`SELECT count(*) FROM bookings`), int64(*bookings)},
		{"answers other than 201", crowd.odd.Load(), 0},
		{"CANCELLED as declined", in.count(`SELECT count(*) FROM bookings WHERE cancel_reason = 'payment_declined'`), crowd.declining},
		{"CANCELLED by their users", in.count(`SELECT count(*) FROM bookings WHERE cancel_reason = 'user'`), crowd.cancelled.Load()},
		{"CONFIRMED", in.count(`SELECT count(*) FROM bookings WHERE status = 'CONFIRMED'`), int64(*bookings) - crowd.declining - crowd.cancelled.Load()},
		{"exit status of quantix audit", in.audit(), 0},
		{"events that their feeds tell otherwise", in.rebuilt(), 0},
	}
}

const stuck = `(SELECT count(*) FROM bookings WHERE status = 'PENDING')
	+ (SELECT count(*) FROM charges WHERE status IN ('started', 'pending', 'unknown'))
	+ (SELECT count(*) FROM refunds WHERE status = 'pending')`

// audit runs `quantix audit`.
func (in *installation) audit() int64 {
	p := testkit.Start(in.t, testkit.Build(in.t), in.env, "audit")
	status := p.Wait(time.Minute)
	if status != 0 {
		in.t.Log(p.Stdout(), p.Stderr())
	}
	return int64(status)
}
