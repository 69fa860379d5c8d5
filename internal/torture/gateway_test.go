package torture

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"quantix/internal/testkit"
)

// The sizes of the tests with a difficult gateway; `make payments-torture` has the full ones.
var (
	sales  = flag.Int("torture.sales", 60, "bookings of the sale against a gateway that is slower than it")
	onsale = flag.Int("torture.onsale", 300, "bookings of the on-sale while the gateway is away")
	away   = flag.Duration("torture.away", 3*time.Second, "how long the gateway is away")
	behind = flag.Int("torture.backlog", 300, "bookings that wait in the queue behind those that it has lost; the stream holds 100,000")
)

// gatewayRate is how many calls a second the slow gateway takes.
const gatewayRate = 25

// difficult is an installation whose gateway a test can send away.
type difficult struct {
	*installation
	file  string
	queue *redis.Client
}

// installDifficult starts one server with all its loops.
func installDifficult(t *testing.T, settings ...string) *difficult {
	t.Helper()
	server := testkit.NewPostgres(t, testkit.Options{Durable: true})
	line := testkit.NewRedis(t, testkit.RedisOptions{})
	url, port := server.Database(t, nil), testkit.FreePort(t)
	in := &difficult{file: filepath.Join(t.TempDir(), "away"), installation: &installation{t: t, address: fmt.Sprintf("127.0.0.1:%d", port)}}
	in.env = append([]string{
		"DATABASE_URL=" + url, "REDIS_URL=" + line.URL(), "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "LOG_LEVEL=warn",
		"PAYMENT_SIM_LATENCY=20ms", "PAYMENT_SIM_AWAY_FILE=" + in.file, "PAYMENT_DEADLINE=15m",
	}, settings...)
	in.api = testkit.Start(t, testkit.Build(t), in.env, "serve")
	testkit.Eventually(t, 30*time.Second, func() error { _, err := in.call("GET", "/readyz", ""); return err })
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	in.db, in.queue = db, redis.NewClient(&redis.Options{Addr: line.Addr()})
	t.Cleanup(func() {
		in.queue.Close()
		db.Close(context.Background())
	})
	return in
}

func (in *difficult) leave() {
	in.t.Helper()
	if err := os.WriteFile(in.file, nil, 0o600); err != nil {
		in.t.Fatal(err)
	}
}

func (in *difficult) come() {
	in.t.Helper()
	if err := os.Remove(in.file); err != nil {
		in.t.Fatal(err)
	}
}

// book makes bookings of one event, many at once.
func (in *difficult) book(n int) {
	in.t.Helper()
	event, err := in.id("/api/v1/events", fmt.Sprintf(
		`{"name":"Concert","date_time":"2035-12-31T20:00:00Z","total_tickets":%d,"ticket_price":75.50}`, n))
	if err != nil {
		in.t.Fatal(err)
	}
	user, err := in.id("/api/v1/users", fmt.Sprintf(`{"name":"John Doe","email":"buyer-%s@example.com"}`, event))
	if err != nil {
		in.t.Fatal(err)
	}
	var next, failed atomic.Int64
	var group sync.WaitGroup
	for range connections {
		group.Go(func() {
			for next.Add(1) <= int64(n) {
				if _, err := in.id("/api/v1/bookings", fmt.Sprintf(`{"user_id":%q,"event_id":%q,"quantity":1}`, user, event)); err != nil {
					failed.Add(1)
				}
			}
		})
	}
	group.Wait()
	if failed.Load() > 0 {
		in.t.Fatalf("%d bookings were not made", failed.Load())
	}
}

// awaitRest waits until no booking is PENDING and no charge open.
func (in *difficult) awaitRest(most time.Duration) {
	in.t.Helper()
	testkit.Eventually(in.t, most, func() error {
		if left := in.waiting() + in.count(`SELECT count(*) FROM charges WHERE status = 'doubtful'`); left > 0 {
			return fmt.Errorf("%d not at their end", left)
		}
		return nil
	})
}

// want checks how it ended: all confirmed, charged once, nobody needed, and no more published again than the queue had
// lost.
func (in *difficult) want(confirmed int, lost int64) {
	in.t.Helper()
	for _, f := range []finding{
		{"CONFIRMED", in.count(`SELECT count(*) FROM bookings WHERE status = 'CONFIRMED'`), int64(confirmed)},
		{"charged at the gateway", in.count(`SELECT count(*) FROM sim_charges WHERE status = 'charged' AND charges = 1`), int64(confirmed)},
		{"double charges", in.count(`SELECT count(*) FROM sim_charges WHERE charges > 1`), 0},
		{"dead letters", in.count(`SELECT count(*) FROM dead_letters`), 0},
		{"published again", in.count(`SELECT count(*) FROM republished`), lost},
		{"exit status of quantix audit", in.audit(), 0},
		{"events that their feeds tell otherwise", in.rebuilt(), 0},
	} {
		if f.have != f.want {
			in.t.Errorf("%s: %d, want %d", f.what, f.have, f.want)
		}
	}
	if lines := strings.Count(in.api.Stderr(), "\n"); lines > 200 {
		in.t.Errorf("the log has %d lines", lines)
	}
}

// TestTorture_of_a_slow_gateway sells faster than the gateway takes calls; in the middle it is away, and it loses 2 of
// 100 answers. All are confirmed before their deadline, and nobody has to look.
func TestTorture_of_a_slow_gateway(t *testing.T) {
	t.Parallel()
	in := installDifficult(t, fmt.Sprintf("PAYMENT_SIM_RATE=%d", gatewayRate), "PAYMENT_SIM_LOST_RATE=0.02")
	begun := time.Now()
	in.book(*sales)
	testkit.Eventually(t, 10*time.Minute, func() error {
		if n := in.count(`SELECT count(*) FROM bookings WHERE status = 'CONFIRMED'`); n < int64(*sales/2) {
			return fmt.Errorf("%d are confirmed", n)
		}
		return nil
	})
	in.leave()
	<-time.After(*away) // the outage itself
	in.come()
	in.awaitRest(15 * time.Minute)
	t.Logf("%d sales through a gateway of %d calls a second, away for %s: at rest after %s; %d charges were called for %d times", *sales,
		gatewayRate, *away, time.Since(begun).Round(time.Second), in.count(`SELECT count(*) FROM sim_charges`), in.count(`SELECT sum(calls) FROM sim_charges`))
	in.want(*sales, 0)
}

// TestTorture_of_an_on_sale_without_a_gateway books all while the gateway is away: all are confirmed after its return.
func TestTorture_of_an_on_sale_without_a_gateway(t *testing.T) {
	t.Parallel()
	in := installDifficult(t)
	in.leave()
	begun := time.Now()
	in.book(*onsale)
	booked := time.Since(begun)
	<-time.After(*away - booked) // the outage goes on
	in.come()
	back := time.Now()
	in.awaitRest(10 * time.Minute)
	took := time.Since(back)
	t.Logf("%d bookings in %s while the gateway was away: all confirmed %s after its return, %.0f a second",
		*onsale, booked.Round(time.Second), took.Round(time.Second/10), float64(*onsale)/took.Seconds())
	in.want(*onsale, 0)
}

// mislaid is how many bookings' messages are deleted. Before them a few find out that the gateway is away.
const (
	mislaid = 40
	scouts  = 5
)

// isMislaid tells their bookings from the others.
var isMislaid = fmt.Sprintf(`b.event_id IN (SELECT event_id FROM event_stock WHERE total_tickets = %d)`, mislaid)

// mislay books, and deletes the messages from the stream before a worker has received them. A worker that has not found
// out yet that the gateway is away may be faster: then it has by now, and others are booked.
func (in *difficult) mislay() (booked int) {
	in.t.Helper()
	for range 10 {
		in.book(mislaid)
		booked += mislaid
		in.awaitPublished(int64(scouts + booked))
		in.deleteEntries()
		if in.count(`SELECT count(*) FROM bookings b WHERE `+isMislaid+`
				AND NOT EXISTS (SELECT 1 FROM charges p WHERE p.booking_id = b.id)`) > 0 {
			return booked
		}
	}
	in.t.Fatal("workers receive all messages, although the gateway is away")
	return 0
}

// TestTorture_of_a_loss_beside_a_backlog has somebody delete the messages of some bookings by hand, while the gateway
// is away and many more wait behind them for longer than any slack. The lost are published again once, and charged
// within two minutes of the gateway's return; of the backlog nothing is published for a second time.
func TestTorture_of_a_loss_beside_a_backlog(t *testing.T) {
	t.Parallel()
	in := installDifficult(t)
	in.leave()
	in.book(scouts)
	testkit.Eventually(t, time.Minute, func() error {
		if n := in.count(`SELECT count(*) FROM charges WHERE attempts = 0`); n < scouts {
			return fmt.Errorf("%d calls have not found the gateway", n)
		}
		return nil
	})
	gone := in.mislay()
	testkit.Eventually(t, time.Minute, func() error { // older than the backlog by more than the slack
		if n := in.count(`SELECT count(*) FROM bookings WHERE created_at > now() - interval '31 seconds'`); n > 0 {
			return fmt.Errorf("%d are young", n)
		}
		return nil
	})
	all := scouts + gone + *behind
	in.book(*behind)
	in.awaitPublished(int64(all))
	// The youngest of the backlog is older than the slack and two searches.
	testkit.Eventually(t, 10*time.Minute, func() error {
		young := in.count(`SELECT count(*) FROM bookings WHERE created_at > now() - interval '50 seconds'`)
		unseen := in.count(`SELECT count(*) FROM bookings b WHERE ` + isMislaid + ` AND status = 'PENDING'
			AND NOT EXISTS (SELECT 1 FROM charges p WHERE p.booking_id = b.id)
			AND NOT EXISTS (SELECT 1 FROM republished r WHERE r.booking_id = b.id)`)
		if young > 0 || unseen > 0 {
			return fmt.Errorf("%d are young; %d are lost and not published again", young, unseen)
		}
		return nil
	})
	lost := in.count(`SELECT count(*) FROM republished r JOIN bookings b ON b.id = r.booking_id WHERE ` + isMislaid)
	if lost == 0 {
		t.Error("all that was deleted had been charged for before")
	}
	in.come()
	back := time.Now()
	in.awaitRest(10 * time.Minute)
	t.Logf("%d messages lost before a backlog of %d: all confirmed %s after the gateway's return", lost, *behind, time.Since(back).Round(time.Second))
	in.want(all, lost)
	if n, want := in.published(), int64(all)+lost; n != want {
		t.Errorf("%d messages were published, want %d", n, want)
	}
}

// stream is the key of the payments' stream, empty when there is none yet.
func (in *difficult) stream() string {
	in.t.Helper()
	keys, _, err := in.queue.ScanType(in.t.Context(), 0, "*payments:*", 1000, "stream").Result()
	if err != nil || len(keys) > 1 {
		in.t.Fatal(keys, err)
	}
	return strings.Join(keys, "")
}

// published is how many messages the stream has ever had.
func (in *difficult) published() int64 {
	in.t.Helper()
	key := in.stream()
	if key == "" {
		return 0
	}
	info, err := in.queue.XInfoStream(in.t.Context(), key).Result()
	if err != nil {
		in.t.Fatal(err)
	}
	return info.EntriesAdded
}

func (in *difficult) awaitPublished(want int64) {
	in.t.Helper()
	testkit.Eventually(in.t, 2*time.Minute, func() error {
		if n := in.published(); n < want {
			return fmt.Errorf("%d of %d messages are published", n, want)
		}
		return nil
	})
}

// deleteEntries deletes every message one by one, as a hand does: neither the stream's epoch nor its newest id changes.
func (in *difficult) deleteEntries() {
	in.t.Helper()
	key := in.stream()
	entries, err := in.queue.XRange(in.t.Context(), key, "-", "+").Result()
	if err != nil {
		in.t.Fatal(err)
	}
	for _, entry := range entries {
		if err := in.queue.XDel(in.t.Context(), key, entry.ID).Err(); err != nil {
			in.t.Fatal(err)
		}
	}
}
