package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"quantix/internal/onsale"
	"quantix/internal/testkit"
)

// What the settings limit is limited, by replicas together where they share a Redis; and goes on without it.
func TestServe_limits_its_clients(t *testing.T) {
	t.Parallel()
	limited := []string{"RATE_LIMIT_BOOKINGS=5/d/2", "RATE_LIMIT_IP=1000/s/1000"}
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, append(limited, env...)...)
			others := []*server{s}
			if name == "servers" {
				others = append(others, serve(t, append(limited, env...)...))
			}
			event := s.event(t, 1000, "75.50")
			// Where Redis takes long to answer on a busy machine, each process counts for itself for a moment.
			testkit.Eventually(t, time.Minute, func() error { return limitedTogether(s, others, event, s.user(t)) })
			metrics := s.want(t, http.StatusOK, "GET", "/metrics", "").body
			for _, name := range []string{
				`quantix_limit_checks_total{limit="bookings",verdict="refused"} `, `quantix_limit_checks_total{limit="ip",verdict="passed"} `,
				`quantix_limit_unanswered_total `,
			} {
				if !strings.Contains(metrics, name) {
					t.Errorf("missing among the metrics: %s", name)
				}
			}
		})
	}
}

// limitedTogether books for a user until the limit, and asks each server for one more.
func limitedTogether(s *server, others []*server, event, user string) error {
	book := func(at *server, want int) (answer, error) {
		a, err := at.try("POST", "/api/v1/bookings", booking(user, event, 1))
		if err == nil && a.status != want {
			err = fmt.Errorf("%d in place of %d: %s", a.status, want, a.body)
		}
		return a, err
	}
	for range 2 {
		if _, err := book(s, http.StatusCreated); err != nil {
			return err
		}
	}
	for _, other := range others {
		refused, err := book(other, http.StatusTooManyRequests)
		if err != nil {
			return err
		}
		if refused.text("code") != "rate_limited" || refused.text("rate_limit") != "bookings" {
			return fmt.Errorf("refused: %s", refused.body)
		}
	}
	return nil
}

// A Redis that goes away in the middle of a sale takes no booking with it, nor the limits: each process counts for
// itself, and says so once.
func TestServe_limits_its_clients_without_Redis(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, testkit.RedisOptions{})
	s := serve(t, "DATABASE_URL="+testkit.Database(t, nil), "REDIS_URL="+redis.Addr(), "RATE_LIMIT_BOOKINGS=5/d/2")
	event, user := s.event(t, 10, "75.50"), s.user(t)
	s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 1))
	redis.Kill()
	other := s.user(t)
	for range 2 {
		s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(other, event, 1))
	}
	s.want(t, http.StatusTooManyRequests, "POST", "/api/v1/bookings", booking(other, event, 1))
	if told := strings.Count(s.Stderr(), "Redis does not judge the limits"); told < 1 {
		t.Errorf("nobody is told of it: %s", s.Stderr())
	}
}

// Two hundred connections that take their time, each in its own way, cost a server little while it sells, and it is rid
// of all of them within two minutes. 5,000 of them: quantix bench bars --only slow.
func TestServe_ends_slow_connections(t *testing.T) {
	t.Parallel()
	s := serve(t)
	event, user := s.event(t, 1000, "75.50"), s.user(t)
	slow := testkit.Start(t, testkit.Build(t), nil, "bench", "disturb", "--client", "slow", "--lines", "200",
		"--duration", "5s", "--target", s.url)
	testkit.Eventually(t, time.Minute, func() error {
		a, err := s.try("GET", "/metrics", "")
		if err == nil && !regexp.MustCompile(`\nquantix_connections 2\d\d\n`).MatchString(a.body) {
			err = errors.New("not all are there")
		}
		return err
	})
	for range 20 {
		s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 1))
	}
	if status := slow.Wait(4 * time.Minute); status != 0 {
		t.Fatalf("status %d: %s", status, slow.Stderr())
	}
	var d onsale.Slowness
	if err := json.Unmarshal([]byte(slow.Stdout()), &d); err != nil {
		t.Fatal(err)
	}
	if d.Left > 0 || d.Opened < 200 || len(d.Longest) < 8 {
		t.Errorf("not ended in time: %+v", d)
	}
	t.Logf("%+v", d)
	if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid())); err == nil { // on Linux
		var peak int
		_, rest, _ := strings.Cut(string(status), "VmHWM:")
		if _, err := fmt.Sscan(rest, &peak); err != nil || peak > 200<<10 {
			t.Errorf("the server has had %d KiB of memory, %v", peak, err)
		}
	}
	s.audited(t, event)
}
