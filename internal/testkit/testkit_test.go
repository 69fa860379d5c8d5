package testkit

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv makes this test binary play the test process that ends badly.
const childEnv = "TESTKIT_CHILD"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		playChild(how)
	}
	Main(m)
}

// playChild starts servers, tells its parent where, and ends as asked.
func playChild(how string) {
	pg, err := sharedPostgres()
	if err != nil {
		panic(err)
	}
	redis, err := sharedRedis()
	if err != nil {
		panic(err)
	}
	if how == "paused" {
		pg.daemon.pause()
	}
	_, _ = os.Stdout.WriteString(workspace.dir + " " + pg.socketLock() + " " + redis.Addr() + "\n")
	switch how {
	case "panic":
		panic("as a test may")
	case "exit":
		os.Exit(3)
	}
	select {} // until it is killed
}

// socketLock is the file in which PostgreSQL notes its process id.
func (s *PostgresServer) socketLock() string { return s.data + "/postmaster.pid" }

func TestServersDieWithTheTestProcess(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"panic", "exit", "kill", "paused"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			dir, pid := runChild(t, how)
			Eventually(t, 20*time.Second, func() error {
				if _, err := os.Stat(dir); err == nil {
					return errorf("%s is still there", dir)
				}
				if anyRunning([]int{pid}) {
					return errorf("PostgreSQL (process %d) still runs", pid)
				}
				return nil
			})
		})
	}
}

// runChild runs this test binary as a child that ends, and returns the child's
// directory and the process id of its PostgreSQL.
func runChild(t *testing.T, how string) (dir string, pid int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+how)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child said nothing: %v", err)
	}
	fields := strings.Fields(line)
	for _, p := range processTable() {
		if command, _ := os.ReadFile(procFile(p.pid)); strings.Contains(string(command), fields[0]+"/p") {
			pid = p.pid
			break
		}
	}
	if how == "kill" || how == "paused" {
		_ = cmd.Process.Signal(syscall.SIGKILL)
	}
	_ = cmd.Wait()
	return fields[0], pid
}

func TestEventually(t *testing.T) {
	t.Parallel()
	n := 0
	Eventually(t, time.Minute, func() error {
		if n++; n < 3 {
			return errorf("not yet")
		}
		return nil
	})
	if n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
	failed := inspect(t, func(tb testing.TB) {
		Eventually(tb, time.Millisecond, func() error { return errorf("never") })
	})
	if !strings.Contains(failed, "never") {
		t.Errorf("failure %q does not name the last error", failed)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.FixedZone("", 3600))
	c := NewClock(at)
	if got := c.Now(); !got.Equal(at) || got.Location() != time.UTC {
		t.Errorf("Now() = %v, want %v in UTC", got, at)
	}
	if got := c.Advance(time.Minute); !got.Equal(at.Add(time.Minute)) || !c.Now().Equal(got) {
		t.Errorf("after Advance: %v", got)
	}
	c.Set(at.Add(-time.Hour))
	if got := c.Now(); !got.Equal(at.Add(-time.Hour)) {
		t.Errorf("after Set: %v", got)
	}
}

func TestFreePortIsGivenOnce(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 200 {
		port := FreePort(t)
		if seen[port] || port < firstPort || port >= lastPort {
			t.Fatalf("port %d: given before, or out of range", port)
		}
		seen[port] = true
	}
}

func TestLoggerIsSafeAfterTheTest(t *testing.T) {
	t.Parallel()
	var written []string
	logger := Logger(&spy{TB: t, log: &written, atEnd: func(f func()) { f() }})
	logger.Info("after the end")
	if len(written) != 0 {
		t.Errorf("written after the end: %q", written)
	}
	logger = Logger(&spy{TB: t, log: &written, atEnd: func(func()) {}})
	logger.Debug("ticket", "n", 1)
	if len(written) != 1 || !strings.Contains(written[0], "msg=ticket n=1") {
		t.Errorf("written: %q", written)
	}
}
