package onsale

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// shards is how many recorders share the work. Histograms are too big (150 kB) to give each of thousands of connections
// its own, and a lock that eight share is nearly never waited for.
const shards = 8

// Answer counts the attempts that ended with one status and code. Status 0 means that no answer came.
type Answer struct {
	Class  Class  `json:"class"`
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
	Count  int64  `json:"count"`
}

// Second is what happened within one second of the run, by the time of the answer.
type Second struct {
	Accepted   int64 `json:"accepted"`
	Refused    int64 `json:"refused"`
	Overloaded int64 `json:"overloaded"`
	Failed     int64 `json:"failed"`
	// P50 and P99 are of the accepted ones, in milliseconds; only in a run with a surge.
	P50 float64 `json:"p50_ms,omitempty"`
	P99 float64 `json:"p99_ms,omitempty"`
}

// recorder takes the measurements of many connections.
type recorder struct {
	shards [shards]*shard
}

// shard is the part of a recorder that some of the connections use.
type shard struct {
	mu           sync.Mutex
	latency      [classes]*hdrhistogram.Histogram // of attempts, from the intended send
	journey      *hdrhistogram.Histogram          // of buyers, from arrival to the final answer
	lateness     *hdrhistogram.Histogram          // the generator's own delay: actual send minus intended
	answers      []Answer
	seconds      [][classes]int64
	keepTimes    bool
	times        [][]time.Duration // of the accepted attempts, by second, if they are kept
	buyers       [classes]int64
	retries      int64
	sold         []int64 // tickets accepted, by event
	bookings     []int64 // 201s, by event
	lastAccepted time.Duration
	last         time.Duration // the last answer of any kind
}

func newRecorder(events int) *recorder {
	r := &recorder{}
	for i := range r.shards {
		r.shards[i] = newShard(events)
	}
	return r
}

func newShard(events int) *shard {
	s := &shard{
		journey: newHistogram(), lateness: newHistogram(), seconds: make([][classes]int64, 0, 64),
		sold: make([]int64, events), bookings: make([]int64, events),
	}
	for c := range s.latency {
		s.latency[c] = newHistogram()
	}
	return s
}

// of returns the shard of the connection with that number.
func (r *recorder) of(connection int) *shard { return r.shards[connection%shards] }

// keepTimes has the latencies of accepted attempts kept by second: exact, at the price of some memory for each.
func (r *recorder) keepTimes() {
	for _, s := range r.shards {
		s.keepTimes = true
	}
}

// attempt records the end of one request: its latency from the intended send, at the time done since the run began.
func (s *shard) attempt(o outcome, latency, lateness, done time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	observe(s.latency[o.class], latency)
	observe(s.lateness, lateness)
	s.count(o)
	second := max(int(done/time.Second), 0)
	s.seconds = longer(s.seconds, second+1)
	s.seconds[second][o.class]++
	if s.keepTimes && o.class == Accepted {
		s.times = longer(s.times, second+1)
		s.times[second] = append(s.times[second], latency)
	}
	s.last = max(s.last, done)
}

// longer returns a series with n entries at least.
func longer[T any](series []T, n int) []T {
	if n > len(series) {
		series = append(series, make([]T, n-len(series))...)
	}
	return series
}

// count looks the answer up in a short list: a run sees a handful of kinds.
func (s *shard) count(o outcome) {
	for i := range s.answers {
		if a := &s.answers[i]; a.Status == o.status && a.Code == o.code && a.Class == o.class {
			a.Count++
			return
		}
	}
	s.answers = append(s.answers, Answer{Class: o.class, Status: o.status, Code: o.code, Count: 1})
}

// buyer records the final outcome of one buyer.
func (s *shard) buyer(b *buyer, o outcome, done time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buyers[o.class]++
	s.retries += int64(b.attempts - 1)
	observe(s.journey, done-b.arrived)
	if o.class == Accepted {
		s.sold[b.event] += int64(b.quantity)
		s.bookings[b.event]++
		s.lastAccepted = max(s.lastAccepted, done)
	}
}

// merge adds all shards up into one that nobody else uses.
func (r *recorder) merge() *shard {
	sum := newShard(len(r.shards[0].sold))
	for _, s := range r.shards {
		s.mu.Lock()
		sum.add(s)
		s.mu.Unlock()
	}
	slices.SortFunc(sum.answers, func(a, b Answer) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Status, b.Status), cmp.Compare(a.Code, b.Code))
	})
	return sum
}

func (s *shard) add(o *shard) {
	for c := range s.latency {
		s.latency[c].Merge(o.latency[c])
		s.buyers[c] += o.buyers[c]
	}
	s.journey.Merge(o.journey)
	s.lateness.Merge(o.lateness)
	s.retries += o.retries
	s.lastAccepted = max(s.lastAccepted, o.lastAccepted)
	s.last = max(s.last, o.last)
	s.addSeries(o)
	for _, a := range o.answers {
		s.addAnswer(a)
	}
}

func (s *shard) addSeries(o *shard) {
	for i := range o.sold {
		s.sold[i] += o.sold[i]
		s.bookings[i] += o.bookings[i]
	}
	s.seconds, s.times = longer(s.seconds, len(o.seconds)), longer(s.times, len(o.times))
	for i, times := range o.times {
		s.times[i] = append(s.times[i], times...)
	}
	for i, second := range o.seconds {
		for c, n := range second {
			s.seconds[i][c] += n
		}
	}
}

func (s *shard) addAnswer(a Answer) {
	for i := range s.answers {
		if b := &s.answers[i]; b.Class == a.Class && b.Status == a.Status && b.Code == a.Code {
			b.Count += a.Count
			return
		}
	}
	s.answers = append(s.answers, a)
}

// attempts returns the number of attempts of each class so far, and the p99 of the accepted ones.
func (r *recorder) attempts() (n [classes]int64, p99 time.Duration) {
	accepted := newHistogram()
	for _, s := range r.shards {
		s.mu.Lock()
		for c, h := range s.latency {
			n[c] += h.TotalCount()
		}
		accepted.Merge(s.latency[Accepted])
		s.mu.Unlock()
	}
	return n, time.Duration(accepted.ValueAtQuantile(99)) * time.Microsecond
}
