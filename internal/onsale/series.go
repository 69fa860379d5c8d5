package onsale

import (
	"slices"
	"time"
)

func newSeries(sum *shard) []Second {
	series := make([]Second, len(sum.seconds))
	for i, n := range sum.seconds {
		series[i] = Second{Accepted: n[Accepted], Refused: n[Refused], Overloaded: n[Overloaded], Failed: n[Failed]}
		if i < len(sum.times) && len(sum.times[i]) > 0 {
			slices.Sort(sum.times[i])
			series[i].P50, series[i].P99 = ms(Quantile(sum.times[i], 0.50)), ms(Quantile(sum.times[i], 0.99))
		}
	}
	return series
}

// AcceptedPerSecond is the mean over the seconds from the first number to the one before the second. A second that the
// series lacks counts as one in which nothing was accepted.
func AcceptedPerSecond(series []Second, from, to int) float64 {
	var n int64
	for _, s := range series[min(from, len(series)):min(to, len(series))] {
		n += s.Accepted
	}
	return float64(n) / float64(max(to-from, 1))
}

// A load has recovered when for so many seconds in a row no buyer was refused for load or failed, and the latency was
// within this factor of what it had been. One good second can be luck.
const (
	recoveredFor    = 3
	recoveredWithin = 1.5
)

// Recovery says how many seconds after a disturbance, which lasted from one second of the series to another, a load was
// back at the latency that it had before it (the median of its seconds, without the first, in which all begins). What
// counts as a second's latency is the caller's choice. When the load has not recovered within the series, it gives the
// seconds that were watched, and false.
func Recovery(series []Second, from, to int, latency func(Second) float64) (seconds int, recovered bool) {
	var before []float64
	for _, s := range series[min(1, from):from] {
		before = append(before, latency(s))
	}
	normal := Median(before) * recoveredWithin
	inARow := 0
	for i := to; i < len(series); i++ {
		s := series[i]
		if inARow++; s.Accepted == 0 || s.Overloaded+s.Failed > 0 || latency(s) > normal {
			inARow = 0
		}
		if inARow == recoveredFor {
			return i + 1 - recoveredFor - to, true
		}
	}
	return max(len(series)-to, 0), false
}

// Median returns 0 for no values.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Quantile returns a quantile of sorted, which has at least one element.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
