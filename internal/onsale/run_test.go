package onsale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestClosedSellsOutExactly(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{}
	s := quick(f.start(t))
	s.Events, s.TicketsPerEvent, s.Duration = 3, 5, time.Second
	var progress bytes.Buffer
	res, err := Run(t.Context(), s, &progress)
	if err != nil {
		t.Fatal(err)
	}
	if !res.Valid() || len(res.Audits) != 3 {
		t.Fatalf("violations %v, audits %v", res.Violations, res.Audits)
	}
	if res.Attempts[Accepted] != 15 || res.TicketsSold != 15 || !res.SoldOut || res.Attempts[Failed] != 0 {
		t.Errorf("accepted %d, sold %d, sold out %t, failed %d; want 15, 15, true, 0",
			res.Attempts[Accepted], res.TicketsSold, res.SoldOut, res.Attempts[Failed])
	}
	if res.Attempts[Refused] == 0 || res.Latency[Refused].Count != res.Attempts[Refused] {
		t.Errorf("refused %d with %d latencies", res.Attempts[Refused], res.Latency[Refused].Count)
	}
	if res.LastTicketSold <= 0 || res.LastTicketSold > res.Elapsed {
		t.Errorf("last ticket after %v of %v", res.LastTicketSold, res.Elapsed)
	}
	if f.posts != int(res.Attempts[Accepted]+res.Attempts[Refused]) {
		t.Errorf("the server saw %d posts, the generator %v attempts", f.posts, res.Attempts)
	}
	if !strings.Contains(progress.String(), "auditing 3 events") {
		t.Errorf("progress: %q", progress.String())
	}
}

func TestAnswersAreCountedByStatusAndCode(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{before: func(w http.ResponseWriter, _ *http.Request, n int) bool {
		switch n % 5 {
		case 0:
			problem(w, http.StatusServiceUnavailable, "overloaded")
		case 1:
			problem(w, http.StatusConflict, "event_started")
		case 2:
			problem(w, http.StatusInternalServerError, "internal")
		case 3:
			problem(w, http.StatusTooManyRequests, "too_many")
		default:
			return false
		}
		return true
	}}
	s := quick(f.start(t))
	s.Model, s.Duration, s.Burst = Open, 50*time.Millisecond, 500
	res := play1(t, s)
	want := []Answer{
		{Accepted, 201, "", 100}, {Refused, 409, "event_started", 100}, {Overloaded, 429, "too_many", 100},
		{Overloaded, 503, "overloaded", 100}, {Failed, 500, "internal", 100},
	}
	if len(res.Answers) != len(want) {
		t.Fatalf("answers %v, want %v", res.Answers, want)
	}
	for i := range want {
		if res.Answers[i] != want[i] {
			t.Errorf("answer %v, want %v", res.Answers[i], want[i])
		}
	}
}

// A server that stalls for a second makes every buyer wait who came meanwhile, not only those whose requests it held.
func TestOpenModelShowsAStall(t *testing.T) {
	t.Parallel()
	var stall sync.RWMutex
	var once sync.Once
	f := &fakeQuantix{before: func(_ http.ResponseWriter, _ *http.Request, n int) bool {
		if n > 60 {
			once.Do(func() {
				stall.Lock()
				time.AfterFunc(time.Second, stall.Unlock)
			})
		}
		stall.RLock()
		defer stall.RUnlock()
		return false
	}}
	s := quick(f.start(t))
	s.Model, s.Connections, s.Rate, s.Duration = Open, 2, 200, 3*time.Second
	res := play1(t, s)
	l := res.Latency[Accepted]
	if l.Count != 600 {
		t.Fatalf("accepted %d of 600 buyers", l.Count)
	}
	// With coordinated omission only the two requests in flight would be slow: p99 would be a millisecond or so.
	if l.P99 < 800*time.Millisecond || l.Max < 900*time.Millisecond {
		t.Errorf("p99 %v, max %v: the stall of 1 s is hidden", l.P99, l.Max)
	}
	if l.P90 < 100*time.Millisecond || res.Lateness.P99 < 500*time.Millisecond {
		t.Errorf("p90 %v, lateness %v: those who waited for a connection are missing", l.P90, res.Lateness.P99)
	}
}

func TestChunkedAnswers(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{chunked: true}
	s := quick(f.start(t))
	s.TicketsPerEvent, s.Duration = 10, time.Second
	if res := play1(t, s); res.Attempts[Accepted] != 10 || res.Attempts[Failed] != 0 {
		t.Errorf("accepted %d, failed %d: %v", res.Attempts[Accepted], res.Attempts[Failed], res.Answers)
	}
}

func TestBuyersRetryWhenOverloaded(t *testing.T) {
	t.Parallel()
	for _, model := range []Model{Closed, Open} {
		t.Run(string(model), func(t *testing.T) {
			t.Parallel()
			f := &fakeQuantix{before: func(w http.ResponseWriter, _ *http.Request, n int) bool {
				if n%2 == 1 {
					problem(w, http.StatusServiceUnavailable, "overloaded")
				}
				return n%2 == 1
			}}
			s := quick(f.start(t))
			s.Retry.Attempts = 50
			if s.Model = model; model == Open {
				s.Burst = 200
			}
			res := play1(t, s)
			if model == Open && res.Buyers[Accepted] != 200 {
				t.Errorf("buyers %v, want all 200 accepted in the end", res.Buyers)
			}
			if res.Retries == 0 || res.Attempts[Overloaded] < res.Retries || res.Journey.Count != res.Buyers[Accepted]+res.Buyers[Overloaded] {
				t.Errorf("retries %d, overloaded %d, journeys %d, buyers %v", res.Retries, res.Attempts[Overloaded], res.Journey.Count, res.Buyers)
			}
		})
	}
}

func TestRetryKeepsTheKey(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	f := &fakeQuantix{before: func(w http.ResponseWriter, r *http.Request, _ int) bool {
		mu.Lock()
		defer mu.Unlock()
		key := r.Header.Get("Idempotency-Key")
		if seen[key]++; seen[key] == 1 { // the answer is lost
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				err = conn.Close()
			}
			return err == nil
		}
		return false
	}}
	s := quick(f.start(t))
	s.Model, s.Burst, s.IdempotencyKeys, s.Retry.Attempts = Open, 100, true, 3
	res := play1(t, s)
	if res.Buyers[Accepted] != 100 || len(seen) != 100 || res.Attempts[Failed] != 100 {
		t.Errorf("buyers %v, %d keys, attempts %v", res.Buyers, len(seen), res.Attempts)
	}
	for key, n := range seen {
		if len(key) != keyLength || n != 2 {
			t.Errorf("key %q sent %d times, want twice", key, n)
		}
	}
}

func TestLostAnswerWithoutKeyIsNotRepeated(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{before: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		panic(http.ErrAbortHandler)
	}}
	s := quick(f.start(t))
	s.Model, s.Burst, s.Retry.Attempts = Open, 30, 3
	res := play1(t, s)
	if f.posts != 30 || res.Buyers[Failed] != 30 || res.Answers[0].Code != CodeBroken {
		t.Errorf("%d posts, buyers %v, answers %v", f.posts, res.Buyers, res.Answers)
	}
}

func TestBuyersGiveUp(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{before: func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n%10 == 0 {
			<-r.Context().Done()
		}
		return n%10 == 0
	}}
	s := quick(f.start(t))
	s.Model, s.Burst, s.Connections, s.GiveUp = Open, 100, 100, 2*time.Second
	res := play1(t, s)
	if res.Buyers[Accepted] != 90 || res.Buyers[Failed] != 10 {
		t.Fatalf("buyers %v, want 90 accepted and 10 gone", res.Buyers)
	}
	if a := res.Answers[len(res.Answers)-1]; a.Code != CodeGaveUp || a.Count != 10 {
		t.Errorf("answers %v", res.Answers)
	}
	if l := res.Latency[Failed]; l.P50 < 1990*time.Millisecond || l.Max > 10*time.Second {
		t.Errorf("gave up after %v to %v, want about 2 s", l.P50, l.Max)
	}
}

func TestImpatientBuyersLeaveWithoutAConnection(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{before: func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		<-r.Context().Done()
		return true
	}}
	s := quick(f.start(t))
	s.Model, s.Burst, s.Connections, s.GiveUp, s.Duration = Open, 50, 1, 100*time.Millisecond, 0
	res := play1(t, s)
	if res.Buyers[Failed] != 50 || f.posts != 1 || res.NeverSent() != 49 {
		t.Errorf("buyers %v after %d posts, %d never sent; want 50 gone, one post and the others", res.Buyers, f.posts, res.NeverSent())
	}
}

func TestAViolationVoidsTheResult(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fakeQuantix{
		"audit says no": {auditFails: true},
		"201 forgotten": {forget: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := play1(t, quick(f.start(t)))
			if res.Valid() || res.PerSecond(Accepted) != 0 || res.Attempts[Accepted] == 0 {
				t.Errorf("valid %t, %f/s of %d", res.Valid(), res.PerSecond(Accepted), res.Attempts[Accepted])
			}
			var table bytes.Buffer
			if err := res.Table(&table); err != nil || !strings.Contains(table.String(), "VOID") {
				t.Errorf("table (%v):\n%s", err, table.String())
			}
		})
	}
}

func TestConfirmationsAreWatchedUntilDrained(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{confirmAll: true}
	s := quick(f.start(t))
	s.WatchConfirmations, s.Duration, s.Warmup = true, 600*time.Millisecond, 50*time.Millisecond
	res := play1(t, s)
	c := res.Confirmations
	if c == nil || !c.Drained || c.Confirmed != res.Attempts[Accepted] || c.PerSecond <= 0 || len(c.Series) < 2 || c.DuringLoad <= 0 {
		t.Errorf("confirmations %+v of %d", c, res.Attempts[Accepted])
	}
}

func TestInterruptedRunKeepsWhatItMeasured(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fakeQuantix{before: func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n == 50 {
			cancel()
		}
		if n >= 50 {
			<-r.Context().Done()
		}
		return false
	}}
	s := quick(f.start(t))
	s.Duration = time.Minute
	res, err := Run(ctx, s, nil)
	if !errors.Is(err, context.Canceled) || res.Attempts[Accepted] == 0 || res.Attempts[Failed] != 0 || res.Valid() {
		t.Errorf("error %v, attempts %v, valid %t", err, res.Attempts, res.Valid())
	}
}

func TestSavedReport(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{}
	s := quick(f.start(t))
	s.Quantity = Quantity{Min: 1, Max: 12}
	res := play1(t, s)
	path := filepath.Join(t.TempDir(), "report.json")
	if err := res.Save(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Valid    bool
		Scenario struct{ Duration, Model string }
		Classes  map[string]struct {
			Attempts  int64
			PerSecond float64 `json:"per_second"`
			Latency   struct {
				P50 float64 `json:"p50_ms"`
				HDR string
			}
		}
		TicketsSold int64 `json:"tickets_sold"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	a := got.Classes["accepted"]
	if !got.Valid || got.Scenario.Duration != "300ms" || a.Attempts != res.Attempts[Accepted] || a.PerSecond <= 0 ||
		a.Latency.P50 <= 0 || a.Latency.HDR == "" || got.TicketsSold <= a.Attempts {
		t.Errorf("report %+v", got)
	}
}

func TestRunWithoutServer(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), quick("http://127.0.0.1:1"), nil); err == nil || !strings.Contains(err.Error(), "prepare") {
		t.Errorf("error %v", err)
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	target := (&fakeQuantix{}).start(t)
	for _, method := range []string{"GET", "POST"} {
		res, err := Ping(t.Context(), Probe{Target: target, Method: method, Path: "/noop", Connections: 4, Duration: 100 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if res.PerSecond <= 0 || len(res.Answers) != 1 || res.Answers[0].Status != 204 || res.Latency[Accepted].P50 <= 0 {
			t.Errorf("%s: %+v", method, res)
		}
	}
	if _, err := Ping(t.Context(), Probe{Target: "http://example.com", Path: "/"}); err == nil {
		t.Error("a remote target was not refused")
	}
}
