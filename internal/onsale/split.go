package onsale

import (
	"math"
	"math/rand/v2"
	"sort"
)

// splitter chooses an event for each buyer.
type splitter struct {
	// upTo[i] is the probability of an event from 0 to i; nil means an even split.
	upTo []float64
	n    int
}

// newSplitter makes an even split, or one in which event k gets a share proportional to 1/(k+1)^exponent (Zipf's law).
func newSplitter(kind Split, n int, exponent float64) *splitter {
	s := &splitter{n: n}
	if kind == SplitEven || n == 1 {
		return s
	}
	total := 0.0
	for k := range n {
		total += math.Pow(float64(k+1), -exponent)
		s.upTo = append(s.upTo, total)
	}
	for k := range s.upTo {
		s.upTo[k] /= total
	}
	return s
}

func (s *splitter) pick(rng *rand.Rand) int {
	if s.upTo == nil {
		return rng.IntN(s.n)
	}
	return min(sort.SearchFloat64s(s.upTo, rng.Float64()), s.n-1)
}
