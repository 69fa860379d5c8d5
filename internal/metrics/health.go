package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Health adds how each part does, read at each scrape: 1 for the status it has, 0 for the other ones.
func (m *Metrics) Health(statuses []string, read func(context.Context) map[string]string) {
	m.registry.MustRegister(&health{
		desc: prometheus.NewDesc("quantix_health", "How a part does: 1 for the status it has.", []string{"part", "status"}, nil),
		read: read, statuses: statuses,
	})
}

type health struct {
	desc     *prometheus.Desc
	statuses []string
	read     func(context.Context) map[string]string
}

func (h *health) Describe(descs chan<- *prometheus.Desc) { descs <- h.desc }

func (h *health) Collect(found chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	for part, has := range h.read(ctx) {
		for _, status := range h.statuses {
			value := 0.0
			if status == has {
				value = 1
			}
			found <- prometheus.MustNewConstMetric(h.desc, prometheus.GaugeValue, value, part, status)
		}
	}
}
