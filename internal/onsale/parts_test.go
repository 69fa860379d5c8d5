package onsale

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serverFor starts a server with one handler and returns where it is.
func serverFor(t *testing.T, handle http.HandlerFunc) target {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	to, err := parseTarget(server.URL, false)
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestPreparingWaitsForABusyServer(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	to := serverFor(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			problem(w, http.StatusServiceUnavailable, "overloaded")
			return
		}
		_, _ = w.Write([]byte(`{"id":"x"}`))
	})
	a := newAPI(to)
	defer a.close()
	var got created
	if err := a.call(t.Context(), "POST", "/", newUser{Name: "n"}, &got); err != nil || got.ID != "x" || calls.Load() != 3 {
		t.Errorf("got %+v after %d calls, error %v", got, calls.Load(), err)
	}
}

func TestPreparingNamesWhatWasRefused(t *testing.T) {
	t.Parallel()
	to := serverFor(t, func(w http.ResponseWriter, _ *http.Request) { problem(w, http.StatusBadRequest, "invalid") })
	a := newAPI(to)
	defer a.close()
	err := a.call(t.Context(), "POST", "/api/v1/users", newUser{}, nil)
	if err == nil || !strings.Contains(err.Error(), "POST /api/v1/users: status 400") {
		t.Errorf("error %v", err)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	to := serverFor(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	a := newAPI(to)
	defer a.close()
	if err := a.call(ctx, "GET", "/", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestConnectionsAreMadeAnewWhenTheyMust(t *testing.T) {
	t.Parallel()
	var opened atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/close" {
			w.Header().Set("Connection", "close")
		}
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	to, err := parseTarget(server.URL, false)
	if err != nil {
		t.Fatal(err)
	}
	c, now := newConn(to), time.Now()
	defer c.close()
	get := func(path string, at time.Time) {
		t.Helper()
		if _, err := c.roundTrip(t.Context(), requestBytes(to, "GET", path, "", nil), at, time.Now().Add(10*time.Second), true); err != nil {
			t.Fatal(err)
		}
		c.lastUse = at
	}
	for i, step := range []struct {
		path string
		at   time.Time
		want int64
	}{
		{"/", now, 1}, {"/", now.Add(time.Second), 1}, {"/close", now.Add(2 * time.Second), 1},
		{"/", now.Add(3 * time.Second), 2}, {"/", now.Add(3*time.Second + staleAfter), 3},
	} {
		if get(step.path, step.at); opened.Load() != step.want {
			t.Errorf("step %d: %d connections, want %d", i, opened.Load(), step.want)
		}
	}
}

func TestATimeoutIsAFailure(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{before: func(_ http.ResponseWriter, r *http.Request, n int) bool {
		if n == 1 {
			<-r.Context().Done()
		}
		return n == 1
	}}
	s := quick(f.start(t))
	s.Connections, s.Timeout, s.Duration = 1, 500*time.Millisecond, 2*time.Second
	res := play1(t, s)
	if a := res.Answers[len(res.Answers)-1]; a.Class != Failed || a.Code != CodeTimeout || res.Attempts[Accepted] == 0 {
		t.Errorf("answers %v", res.Answers)
	}
}

func TestParallelStopsAtTheFirstError(t *testing.T) {
	t.Parallel()
	wrong := errors.New("wrong")
	var done atomic.Int64
	err := parallel(t.Context(), 1_000, 4, func(i, lane int) error {
		if lane < 0 || lane > 3 {
			t.Errorf("lane %d", lane)
		}
		if i == 10 {
			return wrong
		}
		done.Add(1)
		return nil
	})
	if !errors.Is(err, wrong) || done.Load() > 900 {
		t.Errorf("error %v after %d", err, done.Load())
	}
	if err := parallel(t.Context(), 0, 4, nil); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
}

func TestProgressLine(t *testing.T) {
	t.Parallel()
	rec := newRecorder(1)
	for i := range 10 {
		rec.of(i).attempt(outcome{class: Accepted, status: 201}, 5*time.Millisecond, 0, 0)
	}
	rec.of(1).attempt(outcome{class: Refused, status: 409}, time.Millisecond, 0, 0)
	for terminal, want := range map[bool]string{
		false: "   2 s       10 booked/s  accepted 10  refused 1  overloaded 0  failed 0  p99 5.00 ms\n",
		true:  "\r\x1b[K   2 s       10 booked/s  accepted 10  refused 1  overloaded 0  failed 0  p99 5.00 ms",
	} {
		var b bytes.Buffer
		r := &reporter{w: &b, terminal: terminal}
		if r.line(rec, 2*time.Second); b.String() != want {
			t.Errorf("line %q, want %q", b.String(), want)
		}
	}
}

func TestRatesCountWholeSeconds(t *testing.T) {
	t.Parallel()
	closed := Result{
		Scenario: Scenario{Model: Closed, Duration: 2 * time.Second}, Elapsed: 10 * time.Second,
		Series: []Second{{Accepted: 100}, {Accepted: 200, Refused: 50}, {Accepted: 7}},
	}
	if a, r := closed.PerSecond(Accepted), closed.PerSecond(Refused); a != 150 || r != 25 {
		t.Errorf("closed: %v accepted and %v refused a second, want 150 and 25: a straggler dilutes nothing", a, r)
	}
	open := Result{Scenario: Scenario{Model: Open, Duration: 2 * time.Second}, Elapsed: 10 * time.Second, Series: closed.Series}
	open.Attempts[Accepted] = 307
	if got := open.PerSecond(Accepted); got != 30.7 {
		t.Errorf("open: %v a second, want 30.7", got)
	}
}

func TestLatencyIsNeverLeftOut(t *testing.T) {
	t.Parallel()
	h := newHistogram()
	for _, d := range []time.Duration{-time.Second, 0, time.Millisecond, 24 * time.Hour} {
		observe(h, d)
	}
	l := summarize(h)
	if l.Count != 4 || l.Max < 5*time.Minute || l.P50 > time.Millisecond {
		t.Errorf("latency %+v", l)
	}
	if empty := summarize(newHistogram()); empty != (Latency{}) {
		t.Errorf("nothing measured gives %+v", empty)
	}
}

func TestClassesKeepTheirNames(t *testing.T) {
	t.Parallel()
	for c := range classes {
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back Class
		if err := json.Unmarshal(text, &back); err != nil || back != c {
			t.Errorf("%s became %s (%v)", c, back, err)
		}
	}
	if err := new(Class).UnmarshalText([]byte("odd")); err == nil {
		t.Error("an unknown class was read")
	}
}

func TestASaveThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "missing", "r.json"), taken} {
		if err := (Result{}).Save(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
