package onsale

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Result is what a run measured and what was proven of it.
type Result struct {
	Scenario  Scenario  `json:"scenario"`
	StartedAt time.Time `json:"started_at"`
	// Elapsed is the time from the start of the load to its last answer.
	Elapsed time.Duration `json:"-"`
	// Attempts and Latency are by class; Buyers counts final outcomes, so that a buyer who tried thrice counts once.
	Attempts [classes]int64   `json:"-"`
	Latency  [classes]Latency `json:"-"`
	Buyers   [classes]int64   `json:"-"`
	Retries  int64            `json:"retries"`
	// Answers tells the attempts apart by status and code.
	Answers []Answer `json:"answers"`
	// Journey is from a buyer's arrival to the final answer. Lateness is the generator's own delay in sending: when it
	// is not small against the latencies, the generator or its pool of connections was the limit.
	Journey  Latency `json:"journey"`
	Lateness Latency `json:"lateness"`
	// Series is by second of the answer.
	Series []Second `json:"series"`
	// TicketsSold counts the tickets of accepted bookings; LastTicketSold is when the last of them was answered.
	// SoldOut says that those were all tickets.
	TicketsSold    int64         `json:"tickets_sold"`
	LastTicketSold time.Duration `json:"-"`
	SoldOut        bool          `json:"sold_out"`
	// Confirmations is there when the scenario watches them.
	Confirmations *Confirmations `json:"confirmations,omitempty"`
	Audits        []Verdict      `json:"audits"`
	// Violations has a sentence for each promise that was broken. One is enough to make the result zero.
	Violations []string `json:"violations"`
}

func newResult(s Scenario, started time.Time, sum *shard) Result {
	r := Result{
		Scenario: s, StartedAt: started.UTC(), Elapsed: sum.last, Buyers: sum.buyers, Retries: sum.retries,
		Answers: sum.answers, Journey: summarize(sum.journey), Lateness: summarize(sum.lateness),
		LastTicketSold: sum.lastAccepted, Violations: []string{},
	}
	for c, h := range sum.latency {
		r.Attempts[c] = h.TotalCount()
		r.Latency[c] = summarize(h)
	}
	r.Series = newSeries(sum)
	for _, n := range sum.sold {
		r.TicketsSold += n
	}
	r.SoldOut = r.TicketsSold >= int64(s.Events)*int64(s.TicketsPerEvent)
	return r
}

// NeverSent counts the buyers for whom the generator, or its pool of connections, was too slow.
func (r Result) NeverSent() (n int64) {
	for _, a := range r.Answers {
		if a.Code == CodeNeverSent {
			n += a.Count
		}
	}
	return n
}

// Valid says that every promise was kept.
func (r Result) Valid() bool { return len(r.Violations) == 0 }

// PerSecond is the rate of attempts of one class: 0 if any promise was broken. The closed model divides what was
// answered within the scenario's duration by it, so that one straggler does not dilute the rate; the open model
// divides all by the time to the last answer.
func (r Result) PerSecond(c Class) float64 {
	if !r.Valid() {
		return 0
	}
	return r.rate(c)
}

func (r Result) rate(c Class) float64 {
	whole := int(r.Scenario.Duration / time.Second)
	if r.Scenario.Model == Closed && whole > 0 && len(r.Series) >= whole {
		var n int64
		for _, s := range r.Series[:whole] {
			n += [classes]int64{s.Accepted, s.Refused, s.Overloaded, s.Failed}[c]
		}
		return float64(n) / float64(whole)
	}
	if r.Elapsed == 0 {
		return 0
	}
	return float64(r.Attempts[c]) / r.Elapsed.Seconds()
}

// byClass is one class in the report.
type byClass struct {
	Attempts  int64   `json:"attempts"`
	Buyers    int64   `json:"buyers"`
	PerSecond float64 `json:"per_second"`
	Latency   Latency `json:"latency"`
}

// MarshalJSON writes the report: the classes by name, durations in seconds, rates of 0 if the run is void.
func (r Result) MarshalJSON() ([]byte, error) {
	type plain Result
	by := map[string]byClass{}
	for c := range classes {
		by[c.String()] = byClass{r.Attempts[c], r.Buyers[c], r.PerSecond(c), r.Latency[c]}
	}
	return json.Marshal(struct {
		plain
		Valid          bool               `json:"valid"`
		Elapsed        float64            `json:"elapsed_s"`
		LastTicketSold float64            `json:"last_ticket_sold_s"`
		Classes        map[string]byClass `json:"classes"`
	}{plain(r), r.Valid(), r.Elapsed.Seconds(), r.LastTicketSold.Seconds(), by})
}

// Save writes the report as JSON to path, whole or not at all.
func (r Result) Save(path string) error { return SaveJSON(path, r) }

// SaveJSON writes v as JSON to path, whole or not at all: it writes beside path first, so that a crash leaves the older
// report.
func SaveJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err = tmp.Write(append(data, '\n'))
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
