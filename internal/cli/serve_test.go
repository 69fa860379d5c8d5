package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"quantix/internal/config"
	"quantix/internal/testkit"
)

func TestServe_sells_from_event_to_confirmed(t *testing.T) {
	t.Parallel()
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, env...)
			event, user := s.event(t, 10, "75.50"), s.user(t)
			made := s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 2))
			if made.text("status") != "PENDING" || made.text("total_amount") != "151.00" {
				t.Errorf("made: %s", made.body)
			}
			s.becomes(t, 2*time.Second, made.text("id"), "CONFIRMED")
			stats := s.want(t, http.StatusOK, "GET", "/api/v1/events/"+event+"/statistics", "")
			if stats.text("total_sold") != "2" || stats.text("estimated_revenue") != "151.00" || stats.text("available_tickets") != "8" {
				t.Errorf("statistics: %s", stats.body)
			}
			s.want(t, http.StatusOK, "PUT", "/api/v1/bookings/"+made.text("id")+"/cancel", "")
			testkit.Eventually(t, 5*time.Second, func() error {
				a, err := s.try("GET", "/api/v1/bookings/"+made.text("id"), "")
				if err == nil && !strings.Contains(a.body, `"refunded"`) {
					err = fmt.Errorf("booking: %s", a.body)
				}
				return err
			})
			s.audited(t, event)
		})
	}
}

// TestReadme_first_sale runs the README's lines as they stand, on the port that they name if it is free, otherwise on
// another.
func TestReadme_first_sale(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- first-sale")
	_, rest, _ = strings.Cut(rest, "```bash\n")
	script, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("the README's first sale is not where it was")
	}
	s := serve(t)
	script = strings.ReplaceAll(script, "http://localhost:8080", s.url)
	output, err := exec.Command("bash", "-c", script).CombinedOutput()
	if err != nil || !strings.Contains(string(output), `"status":"CONFIRMED"`) || !strings.Contains(string(output), `"total_sold":2`) ||
		!strings.Contains(string(output), `"estimated_revenue":151.00`) {
		t.Fatalf("%v\n%s", err, output)
	}
}

func TestServe_keeps_what_it_answered_through_a_kill(t *testing.T) {
	t.Parallel()
	s := serve(t, "PAYMENT_SIM_LATENCY=1m")
	event, user := s.event(t, 100, "10"), s.user(t)
	var made []string
	for range 20 {
		made = append(made, s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 1)).text("id"))
	}
	s.Kill()
	again := serveIn(t, s.Dir)
	for _, id := range made {
		again.becomes(t, 60*time.Second, id, "CONFIRMED")
	}
	again.audited(t, event)
}

func TestServe_answers_soon_after_it_was_started(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.want(t, http.StatusOK, "GET", "/healthz", "")
	s.want(t, http.StatusOK, "GET", "/readyz", "")
	s.want(t, http.StatusOK, "GET", "/metrics", "")
	s.want(t, http.StatusOK, "GET", "/docs", "")
	s.AwaitLine(time.Second, `msg="migrations applied" from=0 to=`)
	if stdout, stderr, status := quantix(t, s.Dir, s.env, "healthcheck"); status != 0 {
		t.Errorf("healthcheck: %d %s %s", status, stdout, stderr)
	}
}

func TestServe_ends_on_SIGTERM_with_nothing_half_done(t *testing.T) {
	t.Parallel()
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, env...)
			event, user := s.event(t, 1000, "10"), s.user(t)
			for range 50 {
				s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(user, event, 1))
			}
			s.Signal(syscall.SIGTERM)
			if status := s.Wait(10 * time.Second); status != 0 {
				t.Errorf("exit status %d", status)
			}
			again := serveIn(t, s.Dir, env...)
			testkit.Eventually(t, 60*time.Second, func() error {
				a, err := again.try("GET", "/api/v1/events/"+event+"/statistics", "")
				if err == nil && a.text("total_sold") != "50" {
					err = fmt.Errorf("statistics: %s", a.body)
				}
				return err
			})
			again.audited(t, event)
		})
	}
}

// sendHalf sends a request that is never finished.
func sendHalf(t *testing.T, s *server) {
	t.Helper()
	line, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	fmt.Fprint(line, "POST /api/v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
	s.want(t, http.StatusOK, "GET", "/healthz", "") // by now the server has read its head
}

// A client that never finishes its request must not hold the end up, nor make it a failure.
func TestServe_ends_in_time_whatever_a_client_does(t *testing.T) {
	t.Parallel()
	s := serve(t, "SHUTDOWN_TIMEOUT=4s")
	sendHalf(t, s)
	s.Signal(syscall.SIGTERM)
	if status := s.Wait(8 * time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestServe_ends_at_once_on_a_second_signal(t *testing.T) {
	t.Parallel()
	s := serve(t, "SHUTDOWN_TIMEOUT=10m")
	sendHalf(t, s)
	s.Signal(syscall.SIGTERM)
	s.AwaitLine(10*time.Second, "a second signal ends it at once")
	testkit.Eventually(t, 10*time.Second, func() error {
		s.Signal(syscall.SIGTERM) // again, should the first not quite be through
		if !s.Ended() {
			return fmt.Errorf("it still runs")
		}
		return nil
	})
}

func TestServe_refuses_a_second_process_on_the_same_data(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, stderr, status := quantix(t, s.Dir, []string{fmt.Sprintf("PORT=%d", testkit.FreePort(t))}, "serve")
	if status != 1 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("status %d, %q; want one clear line", status, stderr)
	}
	if stdout, stderr, status := quantix(t, s.Dir, nil, "audit"); status != 0 || !strings.Contains(stdout, "no difference") {
		t.Errorf("audit beside it: %d %s %s", status, stdout, stderr)
	}
	if stdout, stderr, status := quantix(t, s.Dir, nil, "doctor"); status != 0 || !strings.Contains(stdout, "all is well") {
		t.Errorf("doctor beside it: %d %s %s", status, stdout, stderr)
	}
}

func TestServe_needs_a_schema_new_enough(t *testing.T) {
	t.Parallel()
	env := append(onServers(t), "AUTO_MIGRATE=false")
	dir := t.TempDir()
	if _, stderr, status := quantix(t, dir, env, "serve"); status != 1 || !strings.Contains(stderr, "quantix migrate up") {
		t.Errorf("on an empty database: %d %q", status, stderr)
	}
	for _, verb := range []string{"up", "up", "status", "down", "up"} {
		if stdout, stderr, status := quantix(t, dir, env, "migrate", verb); status != 0 {
			t.Errorf("migrate %s: %d %s %s", verb, status, stdout, stderr)
		}
	}
	serve(t, env...).want(t, http.StatusOK, "GET", "/readyz", "")
}

func TestServe_creates_a_database_that_does_not_exist(t *testing.T) {
	t.Parallel()
	postgres := testkit.Postgres(t)
	s := serve(t, "DATABASE_URL="+postgres.URL(fmt.Sprintf("brand_new_%d", os.Getpid())))
	s.event(t, 1, "0")
}

func TestServe_replicas_migrate_together(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	dir := t.TempDir()
	var processes []*testkit.Process
	for range 4 {
		own := append([]string{fmt.Sprintf("PORT=%d", testkit.FreePort(t)), "HOST=127.0.0.1"}, env...)
		processes = append(processes, testkit.StartIn(t, dir, testkit.Build(t), own, "serve"))
	}
	for _, p := range processes {
		p.AwaitLine(60*time.Second, "quantix is ready")
	}
}

func TestCommand_line_mistakes_are_answered_with_one_line(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		env    []string
		args   []string
		status int
		says   string
	}{
		{nil, []string{"sell"}, 2, "quantix help"},
		{nil, []string{"serve", "now"}, 2, "now"},
		{nil, []string{"serve", "--no-such-flag"}, 2, "--no-such-flag is not a flag of serve; quantix serve --help"},
		{nil, []string{"serve", "--port=eighty"}, 2, "--port"},
		{nil, []string{"bench", "bars", "--port"}, 2, "quantix bench bars --help"},
		{nil, []string{"worker", "now"}, 2, "now"},
		{nil, []string{"version", "extra"}, 2, "extra"},
		{[]string{"PORT=eighty"}, []string{"serve"}, 1, "PORT"},
		{[]string{"PAYMENT_DEADLINE=soon"}, []string{"serve"}, 1, "PAYMENT_DEADLINE"},
		{[]string{"CURRENCY=XYZ"}, []string{"serve"}, 1, "CURRENCY"},
		{[]string{"DATABASE_URL=postgres://localhost/none"}, []string{"worker"}, 1, "REDIS_URL"},
		{[]string{"REDIS_URL=localhost:6379"}, []string{"serve", "--api"}, 1, "DATABASE_URL"},
		{nil, []string{"migrate", "sideways"}, 2, "status"},
		{nil, []string{"audit"}, 1, ""},
		{[]string{"HOST=192.0.2.1", "LOG_LEVEL=error"}, []string{"serve"}, 1, "set HOST"},
		{[]string{"DATABASE_URL=postgres://nobody:hunter2@127.0.0.1:1/none"}, []string{"serve"}, 1, "refused; check DATABASE_URL"},
	} {
		t.Run(strings.Join(append(test.env, test.args...), " "), func(t *testing.T) {
			t.Parallel()
			_, stderr, status := quantix(t, t.TempDir(), test.env, test.args...)
			if status != test.status || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) || strings.Contains(stderr, "hunter2") {
				t.Errorf("status %d, %q", status, stderr)
			}
		})
	}
}

func TestWrong_settings_are_told_all_at_once(t *testing.T) {
	t.Parallel()
	env := []string{"PORT=abc", "PAYMENT_DEADLINE=0", "LOG_LEVEL=verbose", "REDIS_URL=http://:s3cret@h"}
	_, stderr, status := quantix(t, t.TempDir(), env, "serve")
	if status != 1 || strings.Count(stderr, "\n") != len(env) || strings.Count(stderr, "quantix serve: ") != len(env) {
		t.Errorf("serve: %d %s; want a line for each", status, stderr)
	}
	stdout, more, status := quantix(t, t.TempDir(), env, "doctor")
	if status != 1 || strings.Count(stdout, "FAULT") != len(env) || !strings.Contains(stdout, "DATA_DIR") || strings.Contains(stdout+stderr+more, "s3cret") {
		t.Errorf("doctor: %d %s%s; want the settings, and all faults", status, stdout, more)
	}
}

func TestHelp_names_every_command_and_setting(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"help"}, {"--help"}} {
		stdout, stderr, status := quantix(t, t.TempDir(), nil, args...)
		if status != 0 || stderr != "" || !strings.Contains(stdout, "quantix serve") || !strings.Contains(stdout, "PAYMENT_DEADLINE") {
			t.Errorf("%v: %d %s%s", args, status, stdout, stderr)
		}
	}
	if stdout, _, status := quantix(t, t.TempDir(), nil, "version"); status != 0 || !strings.HasPrefix(stdout, "quantix ") {
		t.Errorf("version: %d %s", status, stdout)
	}
}

func TestHelp_gives_every_command_a_short_page_of_its_own(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]string{
		"serve": "--api\n", "worker": "WORKER_PORT", "migrate": "  repair  ", "migrate down": "--yes\n", "seed": "--events n\n", "audit": "--event id\n",
		"doctor": "", "healthcheck": "", "version": "", "bench": "--connections int\n", "bench bars": "--only string\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, status := quantix(t, t.TempDir(), nil, append(strings.Fields(name), "--help")...)
			command := strings.TrimSuffix(name, " down")
			if status != 0 || stderr != "" || !strings.HasPrefix(stdout, "Usage: quantix "+command) || !strings.Contains(stdout, says) {
				t.Errorf("%d %s%s; want a page with %q", status, stdout, stderr, says)
			}
			if strings.Contains(stdout, "PAYMENT_DEADLINE") || command != "version" && !strings.Contains(stdout, "quantix help settings") {
				t.Errorf("%s: want a pointer to the settings instead of all of them", stdout)
			}
			if again, _, _ := quantix(t, t.TempDir(), nil, append([]string{"help"}, strings.Fields(command)...)...); again != stdout {
				t.Errorf("quantix help %s: %s", command, again)
			}
		})
	}
}

func TestHelp_says_all_about_the_settings(t *testing.T) {
	t.Parallel()
	overview, _, _ := quantix(t, t.TempDir(), nil, "help")
	settings, _, status := quantix(t, t.TempDir(), nil, "help", "settings")
	for _, o := range config.Options() {
		if !strings.Contains(settings, "--"+o.Flag()+"\n") || !strings.Contains(settings, "accepted: "+o.Accepts) {
			t.Errorf("quantix help settings: %d, and %s is not described", status, o.Name)
		}
		if !strings.Contains(overview, o.File()) {
			t.Errorf("quantix help does not name %s", o.File())
		}
	}
	if _, stderr, status := quantix(t, t.TempDir(), nil, "help", "nonsense"); status != 2 || !strings.Contains(stderr, `"nonsense"`) {
		t.Errorf("quantix help nonsense: %d %s", status, stderr)
	}
}

func TestSeed_creates_things_to_play_with(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		if stdout, stderr, status := quantix(t, dir, nil, "seed"); status != 0 || strings.Count(stdout, "\n") != 8 {
			t.Fatalf("%d %s %s", status, stdout, stderr)
		}
	}
	if a := serveIn(t, dir).want(t, http.StatusOK, "GET", "/api/v1/events", ""); strings.Count(a.body, `"id"`) != 10 {
		t.Errorf("events: %s", a.body)
	}
}
