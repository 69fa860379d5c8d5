package cli_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"quantix/internal/testkit"
)

// The walk of docs/operations.md from nothing to production: each command as it stands, in order, in an empty
// directory, and what stands under it is seen. Only what a test machine cannot have is replaced.
func TestOperations_from_nothing_to_production(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	port := func() string { return fmt.Sprint(testkit.FreePort(t)) }
	api, worker, metrics, tls := port(), port(), port(), port()
	w := newWalk(t, []string{
		// Ports that are root's, or may be others' here.
		"127.0.0.1:8080", "127.0.0.1:" + api, "\nPORT=8080", "\nPORT=" + api,
		"127.0.0.1:9090", "127.0.0.1:" + metrics, "METRICS_PORT=9090", "METRICS_PORT=" + metrics,
		"127.0.0.1:8081", "127.0.0.1:" + worker,
		"listen 80;", "listen 127.0.0.1:" + port() + ";", "listen 443 ", "listen 127.0.0.1:" + tls + " ",
		"https://tickets.example.com", "https://tickets.example.com:" + tls,
		// Directories that only root's nginx has.
		"\nhttp {\n", "\nhttp {\n" + ownDirectories,
		// Servers that are elsewhere.
		"https://login.example.com/realms/tickets", issuer.URL(),
		"postgres://quantix:YOURS@db.example.com:5432/quantix", testkit.Database(t, nil),
		"YOURS@redis.example.com:6379", "YOURS@" + lockedRedis(t),
	})
	w.env = []string{
		"WORKER_PORT=" + worker, "CURL_HOME=" + w.dir,
		"TOKEN=" + issuer.Token(map[string]any{"email": "jane@example.com", "email_verified": true}),
	}
	curl := "resolve = \"tickets.example.com:" + tls + ":127.0.0.1\"\n"
	if runtime.GOOS == "linux" { // elsewhere loopback has one address
		curl += "interface = " + buyer + "\n"
	}
	writeFile(t, w.dir, ".curlrc", curl)
	if path, found := testkit.Nginx(); found {
		w.path += string(filepath.ListSeparator) + filepath.Dir(path)
	} else {
		t.Log("there is no nginx here: a stand-in does what nginx.conf says")
		w.standIn = func() { proxy(t, w.dir, "127.0.0.1:"+tls, "127.0.0.1:"+api) }
	}
	w.run()
	through := `"route":"/api/v1/me","status":200,"client":"` + buyer
	if log := w.running["quantix serve"].Stderr(); runtime.GOOS == "linux" && !strings.Contains(log, through) {
		t.Errorf("the log does not have who asked the proxy: %s", log)
	}
}

// buyer is the address of who asks, which is not the proxy's.
const buyer = "127.0.0.2"

// ownDirectories is where nginx puts aside what it buffers.
const ownDirectories = "\tclient_body_temp_path tmp-body; proxy_temp_path tmp-proxy; fastcgi_temp_path tmp-fastcgi;\n" +
	"\tuwsgi_temp_path tmp-uwsgi; scgi_temp_path tmp-scgi;\n"

// lockedRedis is the address of a Redis that asks for the password YOURS.
func lockedRedis(t *testing.T) string {
	t.Helper()
	address := testkit.NewRedis(t, testkit.RedisOptions{}).Addr()
	client := redis.NewClient(&redis.Options{Addr: address})
	defer client.Close()
	if err := client.ConfigSet(t.Context(), "requirepass", "YOURS").Err(); err != nil {
		t.Fatal(err)
	}
	return address
}

// proxy does what the documented nginx.conf says of TLS, headers and streams.
func proxy(t *testing.T, dir, listen, to string) {
	t.Helper()
	handler := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: to})
			r.Out.Host, _, _ = strings.Cut(r.In.Host, ":")
			r.SetXForwarded()
		},
	}
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() {
		ended <- server.ListenAndServeTLS(filepath.Join(dir, "tickets.crt"), filepath.Join(dir, "tickets.pem"))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the stand-in for nginx: %v", err)
		}
	})
}

// A walk is a reader who does what a document says: in one terminal, and in further ones what goes on running.
type walk struct {
	tb      testing.TB
	dir     string
	path    string
	env     []string
	replace []string // pairs for strings.NewReplacer
	standIn func()   // in the place of nginx; nil: there is one
	running map[string]*testkit.Process
	shell   io.Writer
	said    *bufio.Reader
}

func newWalk(tb testing.TB, replace []string) *walk {
	return &walk{
		tb: tb, dir: tb.TempDir(), replace: replace, running: map[string]*testkit.Process{},
		path: filepath.Dir(testkit.Build(tb)) + string(filepath.ListSeparator) + os.Getenv("PATH"),
	}
}

// fence is a block of the section: its language, and what is in it.
var fence = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$")

// run does all the section has, and sees all that it shows.
func (w *walk) run() {
	w.tb.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		w.tb.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## From nothing to production\n")
	section, _, closed := strings.Cut(section, "\n## ")
	if !found || !closed {
		w.tb.Fatal("docs/operations.md does not have the section")
	}
	for i := 0; i < len(w.replace); i += 2 {
		if !strings.Contains(section, w.replace[i]) {
			w.tb.Errorf("%q is not there to be replaced", w.replace[i])
		}
	}
	w.open()
	var says func(line string) // of the command before
	ran := 0
	for _, block := range fence.FindAllStringSubmatch(strings.NewReplacer(w.replace...).Replace(section), -1) {
		switch language, content := block[1], block[2]; language {
		case "bash":
			says = w.do(content)
			ran++
		case "text":
			for line := range strings.Lines(content) {
				says(strings.TrimSuffix(line, "\n"))
			}
		case "ini": // for a machine with systemd
		default:
			w.tb.Fatalf("nobody knows what to do with a block of %q:\n%s", language, content)
		}
	}
	if want := strings.Count(section, "```bash\n"); ran != want || ran < 10 {
		w.tb.Errorf("%d of %d blocks were run", ran, want)
	}
}

// staysOpen are commands that go on running, in a terminal of their own.
var staysOpen = regexp.MustCompile(`^(quantix (?:serve|worker)|nginx) [^\n]*\n$`)

// do runs a block. It returns what checks that a line was shown.
func (w *walk) do(block string) (says func(line string)) {
	w.tb.Helper()
	program := staysOpen.FindStringSubmatch(block)
	switch {
	case program == nil:
		shown := w.enter(block)
		return func(line string) {
			w.tb.Helper()
			if !looksLike(line).MatchString(shown) {
				w.tb.Errorf("%s\nshows\n%s\nwithout the line\n%s", block, shown, line)
			}
		}
	case program[1] == "nginx" && w.standIn != nil:
		w.standIn()
		return nil
	}
	p := w.start(program[1], strings.TrimSpace(block))
	if program[1] == "nginx" { // which says nothing when it is ready
		testkit.Eventually(w.tb, time.Minute, func() error {
			_, err := os.Stat(filepath.Join(w.dir, "nginx.pid"))
			return err
		})
	}
	return func(line string) {
		w.tb.Helper()
		testkit.Eventually(w.tb, time.Minute, func() error {
			if !looksLike(line).MatchString(p.Stderr()) {
				return fmt.Errorf("%s\nshows\n%s\nwithout the line\n%s", block, p.Stderr(), line)
			}
			return nil
		})
	}
}

// start begins what goes on running; what runs of the same program is ended, as by Ctrl-C.
func (w *walk) start(program, command string) *testkit.Process {
	w.tb.Helper()
	end := func(p *testkit.Process) {
		p.Signal(syscall.SIGINT)
		if status := p.Wait(time.Minute); status != 0 {
			w.tb.Errorf("%s: status %d", program, status)
		}
	}
	if before := w.running[program]; before != nil {
		end(before)
	}
	p := testkit.StartIn(w.tb, w.dir, "bash", append([]string{"PATH=" + w.path}, w.env...), "-c", "exec "+command)
	w.tb.Cleanup(func() {
		if !p.Ended() {
			end(p)
		}
	})
	w.running[program] = p
	return p
}

// open starts the terminal in which everything else is typed: a shell that ends with the first command that fails.
func (w *walk) open() {
	w.tb.Helper()
	ctx, cancel := context.WithTimeout(w.tb.Context(), 5*time.Minute) // for a step that would wait for ever
	w.tb.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, "bash", "-eu", "-o", "pipefail")
	cmd.Dir, cmd.Env = w.dir, append([]string{"PATH=" + w.path, "HOME=" + w.dir}, w.env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		w.tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.tb.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		w.tb.Fatal(err)
	}
	w.tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // a step that failed has said so
	})
	w.shell, w.said = in, bufio.NewReader(out)
}

// enter has the terminal run a block, and returns what it shows.
func (w *walk) enter(block string) string {
	w.tb.Helper()
	const done = "-- that was all --\n"
	file := writeFile(w.tb, w.tb.TempDir(), "block", block)
	if _, err := fmt.Fprintf(w.shell, ". %s </dev/null; echo; echo '%s'\n", file, strings.TrimSpace(done)); err != nil {
		w.tb.Fatal(err)
	}
	var shown strings.Builder
	for {
		line, err := w.said.ReadString('\n')
		if line == done {
			return shown.String()
		}
		shown.WriteString(line)
		if err != nil {
			w.tb.Fatalf("%s\nfailed:\n%s", block, shown.String())
		}
	}
}

// looksLike finds a line that is as a document has it, where … stands for what differs.
func looksLike(line string) *regexp.Regexp {
	return regexp.MustCompile("(?m)^" + strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*") + "$")
}
