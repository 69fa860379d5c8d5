package onsale

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"
)

// calm is a second as before the storm, slow one in which all wait, and lossy one in which somebody was turned away.
var (
	calm  = Second{Accepted: 100, P99: 200}
	slow  = Second{Accepted: 100, P99: 301}
	lossy = Second{Accepted: 100, P99: 200, Overloaded: 1}
	empty = Second{}
)

func TestRecovery(t *testing.T) {
	t.Parallel()
	failing := calm
	failing.Failed = 1
	nearly := calm
	nearly.P99 = 300
	for name, tt := range map[string]struct {
		after     []Second
		seconds   int
		recovered bool
	}{
		"at once":                       {[]Second{calm, calm, calm}, 0, true},
		"within the factor":             {[]Second{nearly, nearly, nearly}, 0, true},
		"after slow seconds":            {[]Second{slow, slow, calm, calm, calm}, 2, true},
		"refusals are not normal":       {[]Second{lossy, calm, calm, calm}, 1, true},
		"nor are failures":              {[]Second{failing, calm, calm, calm}, 1, true},
		"nor is silence":                {[]Second{empty, empty, calm, calm, calm}, 2, true},
		"a relapse begins anew":         {[]Second{calm, calm, slow, calm, calm, calm}, 3, true},
		"what comes later counts not":   {[]Second{calm, calm, calm, slow, slow}, 0, true},
		"never":                         {[]Second{slow, slow, slow, slow}, 4, false},
		"too late to be sure":           {[]Second{slow, slow, calm, calm}, 4, false},
		"nothing was watched afterward": {nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start, storm := Second{Accepted: 1, P99: 9_000}, Second{Accepted: 1_000, P99: 5_000, Overloaded: 4_000}
			series := slices.Concat([]Second{start, calm, calm, calm, storm, storm}, tt.after)
			seconds, recovered := Recovery(series, 4, 6, func(s Second) float64 { return s.P99 })
			if seconds != tt.seconds || recovered != tt.recovered {
				t.Errorf("recovered %t after %d s, want %t after %d", recovered, seconds, tt.recovered, tt.seconds)
			}
		})
	}
}

// A single slow second before the storm must not excuse slowness after it.
func TestRecoveryHoldsAgainstTheMedian(t *testing.T) {
	t.Parallel()
	odd := Second{Accepted: 100, P99: 5_000}
	series := []Second{odd, calm, odd, calm, calm, slow, calm, calm, calm}
	if seconds, recovered := Recovery(series, 5, 5, func(s Second) float64 { return s.P99 }); seconds != 1 || !recovered {
		t.Errorf("recovered %t after %d s, want after 1", recovered, seconds)
	}
}

func TestAcceptedPerSecond(t *testing.T) {
	t.Parallel()
	series := []Second{{Accepted: 10}, {Accepted: 20}, {Accepted: 60}}
	for _, tt := range []struct {
		from, to int
		want     float64
	}{{0, 3, 30}, {1, 3, 40}, {2, 3, 60}, {1, 5, 20}, {3, 5, 0}, {1, 1, 0}} {
		if got := AcceptedPerSecond(series, tt.from, tt.to); got != tt.want {
			t.Errorf("seconds %d to %d: %v, want %v", tt.from, tt.to, got, tt.want)
		}
	}
}

func TestSurgeArrivals(t *testing.T) {
	t.Parallel()
	s := Scenario{
		Target: "http://127.0.0.1:1", Model: Open, Rate: 10, Duration: 6 * time.Second,
		Surge: &Surge{Rate: 1_000, After: 2 * time.Second, Length: time.Second},
	}
	s, err := s.Complete()
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{split: newSplitter(SplitEven, 1, 1), quantity: Quantity{1, 1}, users: 1}
	var perSecond [6]int
	src := newSource(s, c, rand.New(rand.NewPCG(1, 1)))
	for b, more := src.take(); more; b, more = src.take() {
		perSecond[b.due/time.Second]++
	}
	if perSecond != [6]int{10, 10, 1_000, 10, 10, 10} {
		t.Errorf("arrivals by second: %v", perSecond)
	}
}

// The series of a load with a surge tells latencies, so that a calm second can be told from a slow one.
func TestSeriesOfASurge(t *testing.T) {
	t.Parallel()
	f := &fakeQuantix{before: func(w http.ResponseWriter, _ *http.Request, n int) bool {
		if n%2 == 0 {
			problem(w, http.StatusServiceUnavailable, "busy")
		}
		return n%2 == 0
	}}
	s := quick(f.start(t))
	s.Model, s.Rate, s.Duration = Open, 20, 3*time.Second
	s.Surge = &Surge{Rate: 200, After: time.Second, Length: time.Second}
	begun := 0
	s.Begun = func() { begun++ }
	res := play1(t, s)
	if n := res.Attempts[Accepted]; n != 120 || res.Attempts[Overloaded] != 120 || begun != 1 {
		t.Errorf("accepted %d, refused %d, begun %d times", n, res.Attempts[Overloaded], begun)
	}
	for i, second := range res.Series[:3] {
		if second.Accepted > 0 && (second.P50 <= 0 || second.P99 < second.P50) {
			t.Errorf("second %d: %+v", i, second)
		}
	}
	text, err := json.Marshal(res)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Scenario struct {
			Surge struct{ After, Length string }
		}
		Series []struct {
			P99 float64 `json:"p99_ms"`
		}
	}
	if err := json.Unmarshal(text, &got); err != nil || got.Scenario.Surge.After != "1s" || got.Series[0].P99 <= 0 {
		t.Errorf("JSON %.400s: %v", text, err)
	}
}
