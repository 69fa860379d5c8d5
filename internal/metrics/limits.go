package metrics

import "github.com/prometheus/client_golang/prometheus"

// limitMetrics are the numbers of rate limits.
type limitMetrics struct {
	checks     *prometheus.CounterVec
	known      cache[limitCheck, prometheus.Counter] // of checks
	unanswered prometheus.Counter
}

// limitCheck is the labels of one.
type limitCheck struct {
	limit  string
	passed bool
}

func newLimitMetrics(registry prometheus.Registerer) *limitMetrics {
	m := &limitMetrics{
		checks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quantix_limit_checks_total", Help: "Requests that were held to a rate limit, by limit (ip, key, bookings) and verdict (passed, refused).",
		}, []string{"limit", "verdict"}),
		unanswered: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "quantix_limit_unanswered_total", Help: "Requests whose rate limits Redis did not judge: this process did.",
		}),
	}
	registry.MustRegister(m.checks, m.unanswered)
	return m
}

// Limit counts a request that was held to a rate limit.
func (m *Metrics) Limit(limit string, passed bool) {
	m.limits.known.get(limitCheck{limit, passed}, m.limits.counter).Inc()
}

func (m *limitMetrics) counter(c limitCheck) prometheus.Counter {
	if c.passed {
		return m.checks.WithLabelValues(c.limit, "passed")
	}
	return m.checks.WithLabelValues(c.limit, "refused")
}

// LimitUnanswered counts requests whose rate limits Redis did not judge.
func (m *Metrics) LimitUnanswered(requests int) { m.limits.unanswered.Add(float64(requests)) }
