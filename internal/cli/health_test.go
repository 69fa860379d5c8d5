package cli_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/testkit"
)

// says waits until /readyz has a status and all of some texts.
func (s *server) says(tb testing.TB, status int, texts ...string) {
	tb.Helper()
	testkit.Eventually(tb, 60*time.Second, func() error {
		a, err := s.try("GET", "/readyz", "")
		if err != nil || a.status != status {
			return fmt.Errorf("%d %s, %w", a.status, a.body, err)
		}
		for _, text := range texts {
			if !strings.Contains(a.body, text) {
				return fmt.Errorf("no %q in %s", text, a.body)
			}
		}
		return nil
	})
}

// A Redis that answers and takes nothing: bookings go on, and everybody who is asked says why nothing is paid.
func TestReadyz_tells_a_Redis_that_takes_nothing(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, testkit.RedisOptions{Settings: map[string]string{"maxmemory": "1mb", "maxmemory-policy": "noeviction"}})
	env := []string{"DATABASE_URL=" + testkit.Database(t, nil), "REDIS_URL=" + redis.URL()}
	s := serve(t, env...)
	s.says(t, http.StatusOK, `"status":"degraded"`, "OOM", "maxmemory")
	s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(s.user(t), s.event(t, 10, "10"), 1))
	if a := s.want(t, http.StatusOK, "GET", "/metrics", ""); !strings.Contains(a.body, `quantix_health{part="queue",status="degraded"} 1`) {
		t.Errorf("metrics: %s", a.body)
	}
	if stdout, _, status := quantix(t, t.TempDir(), env, "doctor"); status != 1 || !strings.Contains(stdout, "FAULT  queue") || !strings.Contains(stdout, "raise maxmemory") {
		t.Errorf("doctor: %d %s", status, stdout)
	}
}

// Without a worker anywhere, and with one that takes payments from somebody else, an API alone is not well.
func TestReadyz_tells_what_is_missing_around_it(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	port := testkit.FreePort(t)
	api := testkit.StartIn(t, t.TempDir(), testkit.Build(t), append([]string{
		fmt.Sprintf("PORT=%d", port), "HOST=127.0.0.1", "PAYMENT_GATEWAY=stripe", "STRIPE_SECRET_KEY=sk_test_s3cret", "STRIPE_WEBHOOK_SECRET=whsec_s3cret",
	}, env...), "serve", "--api")
	api.AwaitLine(30*time.Second, "quantix is ready")
	s := &server{Process: api, url: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
	s.says(t, http.StatusOK, `"status":"degraded"`, "no worker was heard of")
	if stdout, _, status := quantix(t, t.TempDir(), env, "doctor"); status != 1 || !strings.Contains(stdout, "FAULT  workers") {
		t.Errorf("doctor: %d %s", status, stdout)
	}
	w := startWorker(t, testkit.FreePort(t), env)
	s.says(t, http.StatusOK, `"status":"degraded"`, `simulator, USD`, `stripe test, USD`, "PAYMENT_GATEWAY")
	w.says(t, http.StatusOK, `"status":"degraded"`, "PAYMENT_GATEWAY")
	if strings.Contains(s.Stderr()+w.Stderr(), "s3cret") {
		t.Error("a secret is shown")
	}
	w.Signal(syscall.SIGTERM)
	if status := w.Wait(15 * time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	s.says(t, http.StatusOK, "no worker was heard of") // at once, for it took leave
}

// Whoever sends bookings must stop while none can be written, and begin again when they can.
func TestReadyz_tells_a_database_that_takes_no_bookings(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	s := serve(t, env...)
	s.says(t, http.StatusOK, `"status":"ready"`)
	event, user := s.event(t, 1000, "10"), s.user(t)
	address := strings.TrimPrefix(env[0], "DATABASE_URL=")
	run(t, address, `CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
	for _, table := range []string{"bookings", "processes"} {
		run(t, address, `CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON `+table+` FOR EACH ROW EXECUTE FUNCTION no_room()`)
	}
	for range 20 {
		s.want(t, http.StatusServiceUnavailable, "POST", "/api/v1/bookings", booking(user, event, 1))
	}
	s.says(t, http.StatusServiceUnavailable, `"status":"unready"`, "the database's disk is full", "make room")
	if _, _, status := quantix(t, t.TempDir(), env, "doctor"); status != 1 {
		t.Errorf("doctor: %d", status)
	}
	for _, table := range []string{"bookings", "processes"} {
		run(t, address, `DROP TRIGGER no_room ON `+table)
	}
	s.says(t, http.StatusOK, `"status":"ready"`)
	s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 1))
	s.audited(t, event)
	for _, line := range []string{`msg="not well" part=database`, `msg="well again" part=database`} {
		if n := strings.Count(s.Stderr(), line); n != 1 {
			t.Errorf("%q stands %d times in %s", line, n, s.Stderr())
		}
	}
}

func run(tb testing.TB, address, statement string) {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), address)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(tb.Context(), statement); err != nil {
		tb.Fatal(err)
	}
}
