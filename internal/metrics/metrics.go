// Package metrics counts and times what Quantix does, for Prometheus. It implements the small observer interfaces that
// the other packages define, so that none of them knows Prometheus.
package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics is one process's numbers. docs/operations.md lists them with what to alert on.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	known     cache[request, prometheus.Observer] // of requests
	batchSize prometheus.Histogram
	batchTime *prometheus.HistogramVec
	refused   *prometheus.CounterVec
	codes     cache[string, prometheus.Counter] // of refused
	loopRuns  *prometheus.CounterVec
	loopItems *prometheus.CounterVec
	payments  *prometheus.CounterVec
	limits    *limitMetrics
}

// New makes a registry of its own, with the Go runtime's and the process's numbers in it.
func New(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "quantix_http_request_seconds", Help: "Time to answer a request, by route, method and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route", "method", "status"}),
		batchSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "quantix_desk_batch_commands", Help: "Commands in one transaction of an event's desk.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		batchTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "quantix_desk_batch_seconds", Help: "Time of one transaction of an event's desk, by whether it was committed.",
			Buckets: prometheus.ExponentialBuckets(.0005, 2, 14),
		}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quantix_desk_refused_total", Help: "Bookings refused without a transaction, by code.",
		}, []string{"code"}),
		loopRuns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quantix_job_runs_total", Help: "Rounds of a background job, by result.",
		}, []string{"job", "result"}),
		loopItems: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quantix_job_items_total", Help: "Things that a background job has dealt with.",
		}, []string{"job"}),
		payments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quantix_payments_total", Help: "Answers of payment gateways, by kind (charge, refund) and outcome.",
		}, []string{"kind", "outcome"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "quantix_info", Help: "Always 1; its label is the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.batchSize, m.batchTime, m.refused, m.loopRuns, m.loopItems, m.payments, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.limits = newLimitMetrics(m.registry)
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Request counts an answered HTTP request.
func (m *Metrics) Request(route, method string, status int, took time.Duration) {
	m.known.get(request{route, method, status}, m.observer).Observe(took.Seconds())
}

// request is the labels of one.
type request struct {
	route, method string
	status        int
}

func (m *Metrics) observer(r request) prometheus.Observer {
	return m.requests.WithLabelValues(r.route, r.method, strconv.Itoa(r.status))
}

// Batch counts a transaction of a desk.
func (m *Metrics) Batch(commands int, took time.Duration, err error) {
	m.batchSize.Observe(float64(commands))
	m.batchTime.WithLabelValues(result(err)).Observe(took.Seconds())
}

// Refused counts a booking that was refused without a transaction.
func (m *Metrics) Refused(code string) {
	m.codes.get(code, func(code string) prometheus.Counter { return m.refused.WithLabelValues(code) }).Inc()
}

// Round counts a round of a background job.
func (m *Metrics) Round(job string, items int, err error) {
	m.loopRuns.WithLabelValues(job, result(err)).Inc()
	m.loopItems.WithLabelValues(job).Add(float64(items))
}

// Payment counts an answer of a gateway.
func (m *Metrics) Payment(kind, outcome string) { m.payments.WithLabelValues(kind, outcome).Inc() }

// Gauge adds a number that is read at each scrape, with a second at most to read it; one that cannot be read is left
// out of that scrape.
func (m *Metrics) Gauge(name, help string, read func(context.Context) (float64, error)) {
	m.registry.MustRegister(&gauge{desc: prometheus.NewDesc(name, help, nil, nil), read: read})
}

type gauge struct {
	desc *prometheus.Desc
	read func(context.Context) (float64, error)
}

func (g *gauge) Describe(descs chan<- *prometheus.Desc) { descs <- g.desc }

func (g *gauge) Collect(found chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if value, err := g.read(ctx); err == nil {
		found <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value)
	}
}

func result(err error) string {
	if err != nil {
		return "error"
	}
	return "ok"
}
