package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMetrics_are_shown_to_a_scrape(t *testing.T) {
	t.Parallel()
	m := New("v1")
	m.Request("/api/v1/bookings", "POST", 201, 3*time.Millisecond)
	m.Request("/api/v1/bookings", "POST", 409, time.Millisecond)
	m.Request("/api/v1/bookings", "POST", 201, 3*time.Millisecond)
	m.Batch(12, time.Millisecond, nil)
	m.Batch(1, time.Millisecond, errors.New("x"))
	m.Refused("sold_out")
	m.Round("sweeper", 3, nil)
	m.Payment("charge", "succeeded")
	m.Limit("ip", true)
	m.Limit("ip", true)
	m.Limit("bookings", false)
	m.LimitUnanswered(5)
	m.Gauge("quantix_outbox_rows", "Rows.", func(context.Context) (float64, error) { return 7, nil })
	m.Gauge("quantix_gone", "Not there.", func(context.Context) (float64, error) { return 0, errors.New("gone") })
	m.Health([]string{"ok", "down"}, func(context.Context) map[string]string { return map[string]string{"database": "down"} })
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body := answer.Body.String()
	for _, line := range []string{
		`quantix_http_request_seconds_count{method="POST",route="/api/v1/bookings",status="201"} 2`,
		`quantix_http_request_seconds_count{method="POST",route="/api/v1/bookings",status="409"} 1`,
		`quantix_desk_batch_commands_count 2`,
		`quantix_desk_batch_seconds_count{result="error"} 1`,
		`quantix_desk_refused_total{code="sold_out"} 1`,
		`quantix_job_items_total{job="sweeper"} 3`,
		`quantix_payments_total{kind="charge",outcome="succeeded"} 1`,
		`quantix_limit_checks_total{limit="ip",verdict="passed"} 2`,
		`quantix_limit_checks_total{limit="bookings",verdict="refused"} 1`,
		`quantix_limit_unanswered_total 5`,
		`quantix_outbox_rows 7`,
		`quantix_health{part="database",status="down"} 1`,
		`quantix_health{part="database",status="ok"} 0`,
		`quantix_info{version="v1"} 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(body, line) {
			t.Errorf("missing: %s", line)
		}
	}
	if answer.Code != 200 || strings.Contains(body, "quantix_gone 0") {
		t.Errorf("status %d; a gauge that cannot be read must be left out", answer.Code)
	}
}

func TestMetrics_lose_no_request_while_labels_are_new(t *testing.T) {
	t.Parallel()
	m := New("v1")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for status := range 100 {
				m.Request("/x", "GET", status, time.Millisecond)
				m.Refused(strconv.Itoa(status))
			}
		})
	}
	group.Wait()
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for status := range 100 {
		for _, line := range []string{
			`quantix_http_request_seconds_count{method="GET",route="/x",status="` + strconv.Itoa(status) + `"} 8`,
			`quantix_desk_refused_total{code="` + strconv.Itoa(status) + `"} 8`,
		} {
			if !strings.Contains(answer.Body.String(), line+"\n") {
				t.Errorf("missing: %s", line)
			}
		}
	}
}

func BenchmarkRequest(b *testing.B) {
	m := New("v1")
	b.ReportAllocs()
	for b.Loop() {
		m.Request("/api/v1/bookings", "POST", 201, 3*time.Millisecond)
	}
}
