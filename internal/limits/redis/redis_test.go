package redis

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"quantix/internal/limits"
	"quantix/internal/limits/inprocess"
	"quantix/internal/limits/limitstest"
	"quantix/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// patient is longer than any stall of a busy machine: where Redis is there, it is to be waited for.
const patient = time.Minute

// never fails a test in which Redis should have judged.
type never struct{ tb testing.TB }

func (n never) Check(context.Context, []limits.Ask) (limits.Verdict, error) {
	n.tb.Error("a check was judged here")
	return limits.Verdict{}, errors.New("not judged by Redis")
}

func open(tb testing.TB, address string, o Options) *Limiter {
	tb.Helper()
	if o.Meanwhile == nil {
		o.Meanwhile = never{tb}
	}
	if o.Timeout == 0 {
		o.Timeout = patient
	}
	l, err := New(address, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	testkit.Eventually(t, patient, func() error {
		if is() {
			return nil
		}
		return errors.New("not yet")
	})
}

func client(tb testing.TB, address string) *goredis.Client {
	tb.Helper()
	o, err := goredis.ParseURL(address)
	if err != nil {
		tb.Fatal(err)
	}
	c := goredis.NewClient(o)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	limitstest.Run(t, limitstest.Bench{
		Open: func(t *testing.T) [2]limits.Limiter {
			address := server.Database(t)
			return [2]limits.Limiter{open(t, address, Options{}), open(t, address, Options{})}
		},
		In: func(t *testing.T, test func(*testing.T)) { test(t) },
	})
}

// A thousand requests come at 100 a second, to two replicas in turn: what passes is 50 a second, whichever replica is
// asked. A machine that stalls lets no request come sooner, but the late ones together; a burst of one then lets fewer
// pass, which is as it should be.
func TestLimiters_of_two_replicas_pass_the_rate_together(t *testing.T) {
	t.Parallel()
	server := testkit.Redis(t)
	for _, text := range []string{"50/s/1", "50/s"} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			rate, err := limits.ParseRate(text)
			if err != nil {
				t.Fatal(err)
			}
			address := server.Database(t)
			both := [2]limits.Limiter{open(t, address, Options{}), open(t, address, Options{})}
			begun := time.Now()
			passed, stalled := limitstest.Steady(t, both, rate, 1000, 10*time.Millisecond)
			took := time.Since(begun)
			if earned := int((took+rate.Span())/rate.Interval()) + 1; passed > earned {
				t.Errorf("%d passed in %s, in which %d are earned", passed, took, earned)
			}
			// What is earned while the machine stalls, beyond a burst, is lost.
			if lost := int(stalled / rate.Interval()); passed < 475-lost || took < 11*time.Second && passed > 525 {
				t.Errorf("%d of 1,000 passed, want 500 ± 5%%, but for %d that are lost", passed, lost)
			}
			t.Logf("%d of 1,000 passed in %s; the machine stalled for %s", passed, took, stalled)
		})
	}
}

func name(n int) limits.Name {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return limits.Buyer(id, id)
}

func ask(n int, rate limits.Rate) limits.Ask {
	return limits.Ask{Limit: limits.Bookings, Rate: rate, Key: name(n)}
}

var slow = limits.Rate{Count: 5, Period: 24 * time.Hour, Burst: 3}

// Keys of one call stand in one slot of a Redis Cluster: which one, only what is in braces decides.
func TestKeys_share_a_slot_and_expire(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	l := open(t, address, Options{Installation: "0191d2a0-0000-7000-8000-000000000001"})
	braces := limits.Ask{Limit: limits.Key, Rate: slow, Key: limits.Principal([16]byte([]byte("}}{{}{x}{y}zzzzz")))}
	for n := range 20 {
		if _, err := l.Check(t.Context(), []limits.Ask{ask(n, slow), braces}); err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, address)
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) < 4 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		tag, _, _ := strings.Cut(strings.TrimPrefix(key, "{"), "}")
		if !strings.HasPrefix(key, "{") || tag != "limits:0191d2a0-0000-7000-8000-000000000001" {
			t.Errorf("%q has the hash tag %q", key, tag)
		}
		if ttl, err := c.PTTL(t.Context(), key).Result(); err != nil || ttl <= 0 || ttl > slow.Span() {
			t.Errorf("%q lives for %s, %v", key, ttl, err)
		}
	}
}

// A real server that has been told to be a cluster refuses a script whose keys are in several slots.
func TestLimiter_works_on_a_cluster(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{Settings: map[string]string{
		"cluster-enabled": "yes", "databases": "1", "cluster-require-full-coverage": "no",
	}})
	c := client(t, server.URL())
	if err := c.ClusterAddSlotsRange(t.Context(), 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(c.ClusterInfo(t.Context()).Val(), "cluster_state:ok") })
	if err := c.MGet(t.Context(), "a", "b").Err(); err == nil {
		t.Fatal("this is no cluster: it reads keys of two slots at once")
	}
	l := open(t, server.URL(), Options{Installation: "one"})
	for n := range 100 {
		v, err := l.Check(t.Context(), []limits.Ask{
			ask(n, slow), {Limit: limits.IP, Rate: slow, Key: name(n + 1)}, {Limit: limits.Key, Rate: slow, Key: name(n + 2)},
		})
		if err != nil || !v.Allowed {
			t.Fatalf("%+v, %v", v, err)
		}
	}
}

// Another installation on the same Redis counts by itself.
func TestLimiters_of_two_installations_count_apart(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	one, other := open(t, address, Options{Installation: "one"}), open(t, address, Options{Installation: "other"})
	for _, l := range []*Limiter{one, other} {
		for range 3 {
			if v, err := l.Check(t.Context(), []limits.Ask{ask(1, slow)}); err != nil || !v.Allowed {
				t.Fatalf("%+v, %v", v, err)
			}
		}
	}
}

// What a clock that was set back has left behind locks nobody out for longer than a burst takes.
func TestLimiter_does_not_believe_in_the_far_future(t *testing.T) {
	t.Parallel()
	address := testkit.Redis(t).Database(t)
	l := open(t, address, Options{})
	a := ask(1, slow)
	c := client(t, address)
	if _, err := l.Check(t.Context(), []limits.Ask{a}); err != nil {
		t.Fatal(err)
	}
	keys := c.Keys(t.Context(), "*").Val()
	for _, wrong := range []string{"99999999999999999", "nonsense", ""} {
		if err := c.Set(t.Context(), keys[0], wrong, time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
		v, err := l.Check(t.Context(), []limits.Ask{a})
		if err != nil || v.Standings[0].RetryAfter > slow.Span() {
			t.Errorf("%q: %+v, %v", wrong, v, err)
		}
	}
}

// Checks that wait together share a call: the script is known after the first, and few calls serve many.
func TestLimiter_shares_calls(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	l := open(t, server.URL(), Options{})
	c := client(t, server.URL())
	if _, err := l.Check(t.Context(), []limits.Ask{ask(1, slow)}); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	var callers sync.WaitGroup
	const many = 1000
	for n := range many {
		callers.Go(func() {
			if _, err := l.Check(context.Background(), []limits.Ask{ask(n, slow), ask(n+1, slow)}); err != nil {
				t.Error(err)
			}
		})
	}
	// Some are in the call that Redis does not answer.
	eventually(t, func() bool { return l.batcher.Waiting() >= many/4 })
	server.Resume()
	callers.Wait()
	stats := c.Info(t.Context(), "commandstats").Val()
	for _, command := range []string{"evalsha", "eval"} {
		if calls := callsOf(stats, command); calls > 10 {
			t.Errorf("%d calls of %s for %d checks", calls, command, many)
		}
	}
	if calls := callsOf(stats, "eval"); calls != 1 {
		t.Errorf("the script was sent %d times, want once", calls)
	}
}

func callsOf(stats, command string) (calls int) {
	_, rest, _ := strings.Cut(stats, "cmdstat_"+command+":calls=")
	for _, digit := range rest {
		if digit < '0' || digit > '9' {
			break
		}
		calls = 10*calls + int(digit-'0')
	}
	return calls
}

// Redis that goes away in the middle: checks go on at once, judged here; it is told once, and tried again until it
// answers, which then is told too.
func TestLimiter_goes_on_without_Redis(t *testing.T) {
	t.Parallel()
	for how, end := range map[string]func(*testkit.RedisServer){
		"dead": (*testkit.RedisServer).Kill, "hung": (*testkit.RedisServer).Pause,
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			server := testkit.NewRedis(t, testkit.RedisOptions{})
			var unanswered atomic.Int64
			var log strings.Builder
			l := open(t, server.URL(), Options{
				Meanwhile: inprocess.New(inprocess.Options{}), Timeout: 2 * time.Second, Pause: 50 * time.Millisecond,
				Unanswered: func(n int) { unanswered.Add(int64(n)) }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			ask := []limits.Ask{ask(1, slow)}
			check := func(want bool) {
				t.Helper()
				if v, err := l.Check(t.Context(), ask); err != nil || v.Allowed != want {
					t.Fatalf("%+v, %v; want allowed: %v", v, err, want)
				}
			}
			for range 3 {
				check(true)
			}
			check(false)
			end(server)
			for range 3 { // this process counts from nothing
				check(true)
			}
			begun := time.Now()
			for range 100 {
				check(false)
			}
			if took := time.Since(begun); took > time.Second {
				t.Errorf("100 checks took %s while Redis was away", took)
			}
			if n := unanswered.Load(); n != 103 {
				t.Errorf("%d checks are counted as not answered, want 103", n)
			}
			if how == "dead" {
				server.Restart()
			} else {
				server.Resume()
			}
			eventually(t, func() bool { return !l.away.Load() })
			if _, err := l.Check(t.Context(), ask); err != nil || unanswered.Load() != 103 {
				t.Errorf("Redis is back, and is not asked: %v, %d", err, unanswered.Load())
			}
			if lines := strings.Count(log.String(), "Redis does not judge"); lines != 1 {
				t.Errorf("told %d times:\n%s", lines, log.String())
			}
		})
	}
}

// A Redis that answers but cannot write judges nothing, and is not taken for one that is back.
func TestLimiter_goes_on_beside_a_full_Redis(t *testing.T) {
	t.Parallel()
	server := testkit.NewRedis(t, testkit.RedisOptions{})
	c := client(t, server.URL())
	l := open(t, server.URL(), Options{Meanwhile: inprocess.New(inprocess.Options{}), Pause: time.Millisecond})
	if err := c.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	var passed int
	for range 10 {
		v, err := l.Check(t.Context(), []limits.Ask{ask(1, slow)})
		if err != nil {
			t.Fatal(err)
		}
		if v.Allowed {
			passed++
		}
	}
	if passed != 3 || !l.away.Load() {
		t.Errorf("%d passed, want 3; away: %v", passed, l.away.Load())
	}
}

func TestNew_refuses_what_is_no_address(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "http://localhost", "redis://", "redis://:secret@"} {
		if l, err := New(address, Options{}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, %v", address, l, err)
		}
	}
}

// BenchmarkCheck checks three limits as 15,000 bookings a second do: many at once.
func BenchmarkCheck(b *testing.B) {
	l := open(b, testkit.Redis(b).Database(b), Options{})
	rate := limits.Rate{Count: 100_000, Period: time.Second, Burst: 100_000}
	b.ReportAllocs()
	b.SetParallelism(256)
	var callers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		asks := make([]limits.Ask, 3)
		for n := int(callers.Add(1)) << 32; pb.Next(); n++ {
			for i := range asks {
				asks[i] = limits.Ask{Limit: limits.Limit(i), Rate: rate, Key: name(n * i / 2)}
			}
			if _, err := l.Check(b.Context(), asks); err != nil {
				b.Error(err)
			}
		}
	})
}
