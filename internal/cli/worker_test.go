package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"quantix/internal/testkit"
)

// startWorker starts quantix worker, with its health on a port.
func startWorker(tb testing.TB, port int, env []string) *server {
	tb.Helper()
	env = append([]string{fmt.Sprintf("WORKER_PORT=%d", port), "HOST=127.0.0.1"}, env...)
	p := testkit.StartIn(tb, tb.TempDir(), testkit.Build(tb), env, "worker")
	p.AwaitLine(30*time.Second, "quantix works")
	return &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
}

func TestWorker_shows_its_health(t *testing.T) {
	t.Parallel()
	port := testkit.FreePort(t)
	w := startWorker(t, port, onServers(t))
	w.want(t, http.StatusOK, "GET", "/healthz", "")
	w.want(t, http.StatusOK, "GET", "/readyz", "")
	if a := w.want(t, http.StatusOK, "GET", "/metrics", ""); !strings.Contains(a.body, "quantix_outbox_rows") {
		t.Errorf("metrics: %s", a.body)
	}
	w.want(t, http.StatusNotFound, "GET", "/api/v1/events", "")
	if stdout, stderr, status := quantix(t, w.Dir, w.env, "healthcheck", fmt.Sprintf("--port=%d", port)); status != 0 {
		t.Errorf("healthcheck: %d %s%s", status, stdout, stderr)
	}
	w.Signal(syscall.SIGTERM)
	if status := w.Wait(10 * time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

func TestWorker_works_without_a_free_port(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	address, is := taken.Addr().(*net.TCPAddr)
	if !is {
		t.Fatalf("listening on %v", taken.Addr())
	}
	for port, says := range map[int]string{address.Port: "WORKER_PORT", 0: ""} {
		w := startWorker(t, port, env)
		if !strings.Contains(w.Stderr(), says) || says == "" && strings.Contains(w.Stderr(), "health") {
			t.Errorf("port %d: %s", port, w.Stderr())
		}
		w.Signal(syscall.SIGTERM)
		if status := w.Wait(10 * time.Second); status != 0 {
			t.Errorf("exit status %d", status)
		}
	}
}
