package onsale

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestOnlyThisMachineUnlessAllowed(t *testing.T) {
	t.Parallel()
	for raw, local := range map[string]bool{
		"http://127.0.0.1:8080": true, "http://localhost": true, "http://[::1]:80/base/": true, "http://127.9.9.9:1": true,
		"http://10.0.0.1:8080": false, "http://example.com": false, "http://localhost.example.com": false, "http://0.0.0.0:80": false,
	} {
		if _, err := parseTarget(raw, false); (err == nil) != local {
			t.Errorf("%s: error %v", raw, err)
		}
		if _, err := parseTarget(raw, true); err != nil {
			t.Errorf("%s, remote allowed: %v", raw, err)
		}
	}
	for _, raw := range []string{"", "127.0.0.1:8080", "https://127.0.0.1", "ftp://localhost", "http://:80"} {
		if _, err := parseTarget(raw, true); err == nil {
			t.Errorf("%q was accepted", raw)
		}
	}
}

func TestScenarioIsChecked(t *testing.T) {
	t.Parallel()
	good := Scenario{Target: "http://127.0.0.1:1"}
	if _, err := good.Complete(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Scenario){
		"connections":       func(s *Scenario) { s.Connections = MaxConnections + 1 },
		"events":            func(s *Scenario) { s.Events = -1 },
		"open model":        func(s *Scenario) { s.Rate = 5 },
		"rate or a burst":   func(s *Scenario) { s.Model = Open },
		"unknown model":     func(s *Scenario) { s.Model = "ajar" },
		"unknown split":     func(s *Scenario) { s.Split = "banana" },
		"ticket price":      func(s *Scenario) { s.TicketPrice = "cheap" },
		"greatest quantity": func(s *Scenario) { s.Quantity = Quantity{5, 2} },
		"buyers":            func(s *Scenario) { s.Model, s.Rate, s.Duration = Open, 1e9, time.Minute },
		"a surge needs": func(s *Scenario) {
			s.Model, s.Burst, s.Surge = Open, 5, &Surge{Rate: 1, Length: time.Second}
		},
		"within the duration": func(s *Scenario) {
			s.Model, s.Rate, s.Surge = Open, 5, &Surge{Rate: 1, After: 10 * time.Second, Length: time.Second}
		},
		"duration": func(s *Scenario) { s.Duration = 48 * time.Hour },
	} {
		s := good
		change(&s)
		if _, err := s.Complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}

func TestZipfShape(t *testing.T) {
	t.Parallel()
	const events, draws = 100, 200_000
	counts := draw(newSplitter(SplitZipf, events, 1), events, draws)
	harmonic := 0.0
	for k := 1; k <= events; k++ {
		harmonic += 1 / float64(k)
	}
	for _, k := range []int{1, 2, 10, 50} {
		want := draws / harmonic / float64(k)
		if got := float64(counts[k-1]); math.Abs(got-want) > 5*math.Sqrt(want) {
			t.Errorf("event %d was chosen %.0f times, want about %.0f", k, got, want)
		}
	}
}

func TestEvenShape(t *testing.T) {
	t.Parallel()
	for i, n := range draw(newSplitter(SplitEven, 10, 1), 10, 100_000) {
		if n < 9_500 || n > 10_500 {
			t.Errorf("event %d was chosen %d times of 100000", i, n)
		}
	}
}

func draw(s *splitter, events, draws int) []int {
	rng, counts := rand.New(rand.NewPCG(1, 2)), make([]int, events)
	for range draws {
		counts[s.pick(rng)]++
	}
	return counts
}

func TestRequestBytes(t *testing.T) {
	t.Parallel()
	user, event := "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
	s := Scenario{Quantity: Quantity{1, 100}, IdempotencyKeys: true, PaymentMethod: "sim_ok"}
	r := newBookingRequest(target{host: "h:1", base: "/base"}, s)
	for _, quantity := range []int{100, 7} {
		r.fill(user, event, quantity, "0123456789abcdef", 0xbeef)
		head, body, _ := bytes.Cut(r.bytes, headEnd)
		for _, want := range []string{"POST /base/api/v1/bookings HTTP/1.1\r\n", "\r\nHost: h:1\r\n", "\r\nIdempotency-Key: 0123456789abcdef000000000000beef\r\n"} {
			if !strings.Contains(string(head), want) {
				t.Errorf("head lacks %q:\n%s", want, head)
			}
		}
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		if got["user_id"] != user || got["event_id"] != event || got["quantity"] != float64(quantity) || got["payment_method"] != "sim_ok" {
			t.Errorf("body %s", body)
		}
	}
}

func TestSourceTakesTheEarliest(t *testing.T) {
	t.Parallel()
	c := &crowd{split: newSplitter(SplitEven, 1, 1), quantity: Quantity{1, 1}, users: 1}
	src := newSource(Scenario{Rate: 10, Duration: time.Second}, c, rand.New(rand.NewPCG(1, 1)))
	var due []time.Duration
	for {
		b, ok := src.take()
		if !ok {
			break
		}
		due = append(due, b.due)
		if b.attempts == 0 && len(due)%2 == 0 {
			b.attempts, b.due = 1, b.due+250*time.Millisecond
			src.putBack(b)
		}
	}
	retries := 0
	for i := 1; i < len(due); i++ {
		if due[i] < due[i-1] {
			t.Errorf("taken out of order: %v", due)
		}
		if due[i]%(100*time.Millisecond) != 0 {
			retries++
		}
	}
	if len(due) != 10+retries || retries == 0 {
		t.Errorf("%d taken, %d of them retries", len(due), retries)
	}
}

func TestPoissonArrivalsKeepTheRate(t *testing.T) {
	t.Parallel()
	c := &crowd{split: newSplitter(SplitEven, 1, 1), quantity: Quantity{1, 1}, users: 1}
	src := newSource(Scenario{Rate: 1_000, Duration: 10 * time.Second, Poisson: true}, c, rand.New(rand.NewPCG(1, 1)))
	var last buyer
	for b, ok := src.take(); ok; b, ok = src.take() {
		last = b
	}
	if last.due < 9500*time.Millisecond || last.due > 10500*time.Millisecond {
		t.Errorf("10000 arrivals at 1000 a second took %v", last.due)
	}
}

func TestPauseObeysTheServerAndItsBound(t *testing.T) {
	t.Parallel()
	rng, r := rand.New(rand.NewPCG(1, 1)), Retry{Wait: 100 * time.Millisecond, MaxWait: time.Second}
	for _, tt := range []struct {
		asked    time.Duration
		attempts int
		low      time.Duration
	}{{0, 1, 100 * time.Millisecond}, {0, 2, 200 * time.Millisecond}, {0, 90, time.Second}, {500 * time.Millisecond, 1, 500 * time.Millisecond}, {time.Hour, 1, time.Second}} {
		if got := r.pause(tt.asked, tt.attempts, rng); got < tt.low || got > tt.low*3/2 {
			t.Errorf("pause(%v, %d) = %v, want from %v to half as much again", tt.asked, tt.attempts, got, tt.low)
		}
	}
}
