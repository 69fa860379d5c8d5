package onsale

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Latency sums a histogram up. Percentiles are exact to three figures, from a microsecond to five minutes.
type Latency struct {
	Count                          int64
	Mean, P50, P90, P99, P999, Max time.Duration
	// HDR is the whole histogram, in microseconds, in the compressed V2 form that HdrHistogram tools read.
	HDR string
}

// newHistogram counts microseconds.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, (5 * time.Minute).Microseconds(), 3)
}

// observe records d, clamped to what the histogram can hold, so that nothing slow is ever left out.
func observe(h *hdrhistogram.Histogram, d time.Duration) {
	us := min(max(d.Microseconds(), 1), h.HighestTrackableValue())
	_ = h.RecordValue(us) // cannot fail: the value was clamped to the histogram's range
}

func summarize(h *hdrhistogram.Histogram) Latency {
	at := func(q float64) time.Duration { return time.Duration(h.ValueAtQuantile(q)) * time.Microsecond }
	l := Latency{
		Count: h.TotalCount(), Mean: time.Duration(h.Mean() * float64(time.Microsecond)),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max()) * time.Microsecond,
	}
	if l.Count == 0 {
		return Latency{}
	}
	if hdr, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase); err == nil {
		l.HDR = string(hdr)
	}
	return l
}

type latencyJSON struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_ms"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
	HDR   string  `json:"hdr,omitempty"`
}

// MarshalJSON writes the durations in milliseconds.
func (l Latency) MarshalJSON() ([]byte, error) {
	return json.Marshal(latencyJSON{l.Count, ms(l.Mean), ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max), l.HDR})
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// row writes the percentiles as the columns of a table.
func (l Latency) row() string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", Short(l.P50), Short(l.P90), Short(l.P99), Short(l.P999), Short(l.Max))
}

// Short writes a duration with about three figures.
func Short(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms(d))
	default:
		return fmt.Sprintf("%.2f ms", ms(d))
	}
}
