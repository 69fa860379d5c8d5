package onsale

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"
)

// source is the one list from which the connections of the open model take their work: arrivals at the times that the
// scenario sets, and buyers who try again. A connection takes the earliest of both and waits until it is due. When all
// connections are busy, work is taken late, and its latency says so.
type source struct {
	mu      sync.Mutex
	crowd   *crowd
	rng     *rand.Rand
	gap     time.Duration
	surge   *Surge
	poisson bool
	left    int
	made    uint64
	clock   time.Duration // of the next arrival
	retries retryHeap
}

func newSource(s Scenario, c *crowd, rng *rand.Rand) *source {
	n := s.arrivals()
	src := &source{crowd: c, rng: rng, poisson: s.Poisson, surge: s.Surge, left: n}
	switch {
	case s.Rate > 0:
		src.gap = time.Duration(float64(time.Second) / s.Rate)
	case n > 0:
		src.gap = s.Duration / time.Duration(n)
	}
	return src
}

// take hands the earliest buyer out, with the time of the attempt in due. It returns false when nobody is left; a buyer
// that comes back later is taken by the connection that put it back.
func (s *source) take() (buyer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.retries) > 0 && (s.left == 0 || s.retries[0].due <= s.clock) {
		earliest := s.retries[0]
		heap.Pop(&s.retries)
		return earliest, true
	}
	if s.left == 0 {
		return buyer{}, false
	}
	b := s.crowd.next(s.rng, s.made, s.clock)
	s.made++
	s.left--
	s.clock += s.step()
	return b, true
}

func (s *source) step() time.Duration {
	gap := s.gap
	if s.surge != nil && s.surge.during(s.clock) {
		gap = time.Duration(float64(time.Second) / s.surge.Rate)
	}
	if s.poisson {
		return time.Duration(s.rng.ExpFloat64() * float64(gap))
	}
	return gap
}

// putBack makes a buyer try again at its due time.
func (s *source) putBack(b buyer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	heap.Push(&s.retries, b)
}

// retryHeap is ordered by due time.
type retryHeap []buyer

func (h retryHeap) Len() int           { return len(h) }
func (h retryHeap) Less(i, j int) bool { return h[i].due < h[j].due }
func (h retryHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push takes buyers only; container/heap knows no types.
func (h *retryHeap) Push(x any) {
	if b, is := x.(buyer); is {
		*h = append(*h, b)
	}
}

func (h *retryHeap) Pop() any {
	last := len(*h) - 1
	b := (*h)[last]
	*h = (*h)[:last]
	return b
}
