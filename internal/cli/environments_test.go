package cli_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"quantix/internal/testkit"
)

// Without any setting a server is for this machine's own user alone, and says so.
func TestServe_listens_on_loopback_unless_told_otherwise(t *testing.T) {
	t.Parallel()
	for host, level := range map[string]string{"": "INFO", "0.0.0.0": "WARN"} {
		port := testkit.FreePort(t)
		p := testkit.Start(t, testkit.Build(t), []string{fmt.Sprintf("PORT=%d", port), "HOST=" + host}, "serve")
		line := p.AwaitLine(30*time.Second, "anyone who reaches this address may do anything here")
		if !strings.Contains(line, "level="+level) {
			t.Errorf("HOST=%s: %s", host, line)
		}
		p.AwaitLine(30*time.Second, "quantix is ready")
		if reached := outside(t, port); reached != (host != "") {
			t.Errorf("HOST=%s: reached from outside: %t", host, reached)
		}
	}
	s := serve(t, "AUTH=on")
	if strings.Contains(s.Stderr(), "anyone") {
		t.Errorf("with AUTH=on: %s", s.Stderr())
	}
}

// outside reports whether a port is reached at an address of this machine that is not loopback's own.
func outside(t *testing.T, port int) bool {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		network, is := addr.(*net.IPNet)
		if !is || network.IP.To4() == nil {
			continue
		}
		ip := network.IP
		if ip.IsLoopback() {
			ip = net.IPv4(127, 0, 0, 2) // another of the same: what listens on all has it, what listens on 127.0.0.1 has not
		}
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), fmt.Sprint(port)), 2*time.Second)
		if err == nil {
			_ = conn.Close()
			return true
		}
	}
	return false
}

// Everything that production lacks is told at once, by whatever is asked.
func TestProduction_starts_with_nothing_that_suits_development(t *testing.T) {
	t.Parallel()
	env := []string{"APP_ENV=production", "AUTH=off", "DB_HOST=127.0.0.1", fmt.Sprintf("DB_PORT=%d", testkit.FreePort(t)), "REDIS_URL=127.0.0.1:1"}
	common := []string{"the database's password is the default one", "AUTH is off", "PAYMENT_GATEWAY is simulator"}
	web := append([]string{"PUBLIC_URL is not set", "nothing in front of this server"}, common...)
	for command, faults := range map[string][]string{
		"serve": web, "serve --api": web, "doctor": web, "worker": common, "seed": common[:1], "audit": common[:1], "migrate up": common[:1],
	} {
		stdout, stderr, status := quantix(t, t.TempDir(), env, strings.Fields(command)...)
		for _, fault := range web {
			said := strings.Count(stdout+stderr, fault)
			want := 0
			if strings.Contains(strings.Join(faults, "\n"), fault) {
				want = 1
			}
			if said != want {
				t.Errorf("%s says %q %d times, want %d: %s%s", command, fault, said, want, stdout, stderr)
			}
		}
		if status != 1 {
			t.Errorf("%s: status %d", command, status)
		}
	}
}

// Production as a file of settings has it, behind a proxy on the same machine.
func TestProduction_serves_by_a_file_of_settings(t *testing.T) {
	t.Parallel()
	port, metrics, dir := testkit.FreePort(t), testkit.FreePort(t), t.TempDir()
	file := writeFile(t, dir, "quantix.env", fmt.Sprintf("# ours\nAPP_ENV=production\nHOST=127.0.0.1\nPORT=%d\nMETRICS_PORT=%d\n"+
		"PUBLIC_URL='https://tickets.example.com'\nTRUSTED_PROXIES=127.0.0.1\nALLOW_SIMULATED_PAYMENTS=true\n", port, metrics))
	p := testkit.StartIn(t, dir, testkit.Build(t), nil, "serve", "--env-file", file)
	p.AwaitLine(30*time.Second, "quantix is ready")
	s := &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", port)}
	a, err := s.try("GET", "/healthz", "")
	if err != nil || a.status != http.StatusOK || a.header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d %v %v", a.status, a.header, err)
	}
	if a, err := s.try("GET", "/metrics", ""); err != nil || a.status == http.StatusOK {
		t.Errorf("metrics on the API's port: %d %v", a.status, err)
	}
	beside := &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", metrics)}
	if a := beside.want(t, http.StatusOK, "GET", "/metrics", ""); !strings.Contains(a.body, "quantix_health") {
		t.Errorf("metrics: %s", a.body)
	}
	beside.want(t, http.StatusNotFound, "GET", "/healthz", "")
	if stdout, stderr, _ := quantix(t, dir, nil, "doctor", "--env-file", file); !strings.Contains(stdout, "ok     settings suit production") ||
		!strings.Contains(stdout, "env file") {
		t.Errorf("doctor: %s%s", stdout, stderr)
	}
	if err := os.WriteFile(file, []byte("APP_ENV=production\nPROT=1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", "doctor", "audit"} {
		if stdout, stderr, status := quantix(t, dir, nil, command, "--env-file", file); status != 1 || !strings.Contains(stdout+stderr, file+":2: PROT is no setting") {
			t.Errorf("%s: %d %s%s", command, status, stdout, stderr)
		}
	}
}

func TestMetrics_port_that_is_taken_stops_the_server(t *testing.T) {
	t.Parallel()
	s := serve(t)
	_, taken, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	env := []string{fmt.Sprintf("PORT=%d", testkit.FreePort(t)), "METRICS_PORT=" + taken}
	if _, stderr, status := quantix(t, t.TempDir(), env, "serve"); status != 1 || !strings.Contains(stderr, "set METRICS_PORT to a free one") {
		t.Errorf("%d %s", status, stderr)
	}
}
