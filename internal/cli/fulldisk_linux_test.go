package cli_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"quantix/internal/testkit"
)

// TestDiskThatTakesNoMore lets none of a running server's files grow for a while (RLIMIT_FSIZE), for which a test needs
// no rights. The system calls that a write error and not a full disk, so that nobody can say whether a commit took
// place; but neither may be the end: what was answered is kept, /readyz tells, the log does not fill what is left, and
// all goes on by itself.
func TestDiskThatTakesNoMore(t *testing.T) {
	t.Parallel()
	s := serve(t, patient) // nobody is refused for what a batch takes that is still failing when files may grow again
	c := &crowd{server: s, event: s.event(t, 1_000_000, "10"), user: s.user(t)}
	if c.book(t, 50); c.refused.Load() > 0 {
		t.Fatalf("%d bookings were refused before the disk was full", c.refused.Load())
	}
	s.limitFiles(t, largestFile(t, s.Dir))
	for c.refused.Load() == 0 && c.booked.Load() < 100_000 {
		c.book(t, 50)
	}
	s.says(t, http.StatusServiceUnavailable, `"status":"unready"`, "refuses bookings")
	s.want(t, http.StatusOK, "GET", "/api/v1/events/"+c.event, "")
	c.refusesInFewLines(t, 300)

	s.limitFiles(t, math.MaxUint64)
	s.says(t, http.StatusOK, `"database","status":"ok"`)
	s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(c.user, c.event, 1))
	c.booked.Add(1)
	c.keptAll(t)
	s.audited(t, c.event)
}

// TestFullDisk is the same on a disk that is full, which is a small one in memory that only the server sees: for those
// whom the system gives namespaces of their own.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := serveOnDisk(t, "24m", "20M")
	c := &crowd{server: s, event: s.event(t, 1_000_000, "10"), user: s.user(t)}
	for c.refused.Load() == 0 && c.booked.Load() < 100_000 {
		c.book(t, 50)
	}
	s.says(t, http.StatusServiceUnavailable, `"status":"unready"`, "the database's disk is full", "make room")
	s.want(t, http.StatusOK, "GET", "/api/v1/events/"+c.event, "")
	c.refusesInFewLines(t, 3000)

	if err := os.Remove(fmt.Sprintf("/proc/%d/root%s/disk/ballast", s.Pid(), s.Dir)); err != nil {
		t.Fatal(err)
	}
	s.says(t, http.StatusOK, `"database","status":"ok"`)
	s.want(t, http.StatusCreated, "POST", "/api/v1/bookings", booking(c.user, c.event, 1))
	c.booked.Add(1)
	c.keptAll(t)
	s.audited(t, c.event)
	for _, line := range []string{`msg="not well" part=database`, `msg="well again" part=database`} {
		if n := strings.Count(s.Stderr(), line); n == 0 || n > 5 { // there may be room for a while, behind what was read
			t.Errorf("%q stands %d times in\n%s", line, n, s.Stderr())
		}
	}
}

// serveOnDisk starts quantix on a disk of its own with some ballast.
func serveOnDisk(t *testing.T, size, ballast string) *server {
	t.Helper()
	if out, err := exec.Command("unshare", "-Urm", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Skipf("no disk of one's own here: %v %s", err, out)
	}
	port := testkit.FreePort(t)
	env := []string{fmt.Sprintf("PORT=%d", port), "HOST=127.0.0.1", "DATA_DIR=disk/data"}
	const script = `mkdir disk && mount -t tmpfs -o size="$2" none disk && fallocate -l "$3" disk/ballast && exec "$1" serve`
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Fatal(err)
	}
	p := testkit.Start(t, unshare, env, "-Urm", "sh", "-ec", script, "sh", testkit.Build(t), size, ballast)
	p.AwaitLine(30*time.Second, "quantix is ready")
	return &server{Process: p, url: fmt.Sprintf("http://127.0.0.1:%d", port), env: env}
}

// crowd books side by side, and counts what it was answered.
type crowd struct {
	*server
	event, user     string
	booked, refused atomic.Int64
}

func (c *crowd) book(t *testing.T, n int) {
	t.Helper()
	var group sync.WaitGroup
	defer group.Wait()
	for range n {
		group.Go(func() {
			a, err := c.try("POST", "/api/v1/bookings", booking(c.user, c.event, 1))
			switch {
			case err == nil && a.status == http.StatusCreated:
				c.booked.Add(1)
			case err == nil && a.status == http.StatusServiceUnavailable:
				c.refused.Add(1)
			default:
				t.Errorf("%d %s, %v", a.status, a.body, err)
			}
		})
	}
}

// refusesInFewLines has bookings refused, for which the log has no line each.
func (c *crowd) refusesInFewLines(t *testing.T, n int) {
	t.Helper()
	alarms := func() int { return strings.Count(c.Stderr(), "level=WARN") + strings.Count(c.Stderr(), "level=ERROR") }
	before, refused := alarms(), c.refused.Load()
	c.book(t, n)
	if refused, lines := c.refused.Load()-refused, alarms()-before; refused < int64(n)*9/10 || lines > n/10 {
		t.Errorf("%d lines for %d refused bookings", lines, refused)
	}
}

// keptAll checks that the event has all bookings that were answered, and none that was not asked for.
func (c *crowd) keptAll(t *testing.T) {
	t.Helper()
	var audit struct {
		Recomputed struct{ Pending, Confirmed, Cancelled int64 }
	}
	a := c.want(t, http.StatusOK, "GET", "/api/v1/events/"+c.event+"/audit", "")
	if err := json.Unmarshal([]byte(a.body), &audit); err != nil {
		t.Fatal(err)
	}
	got := audit.Recomputed.Pending + audit.Recomputed.Confirmed + audit.Recomputed.Cancelled
	if least := c.booked.Load(); got < least || got > least+c.refused.Load() {
		t.Errorf("%d bookings are kept; %d were answered", got, least)
	}
}

// limitFiles has the system refuse to let a file of the server grow beyond some bytes.
func (s *server) limitFiles(t *testing.T, most uint64) {
	t.Helper()
	const fileSize = 1 // RLIMIT_FSIZE
	limit := syscall.Rlimit{Cur: most, Max: math.MaxUint64}
	_, _, failed := syscall.RawSyscall6(syscall.SYS_PRLIMIT64, uintptr(s.Pid()), fileSize, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if failed != 0 {
		t.Fatalf("limit the size of files: %v", failed)
	}
}

func largestFile(t *testing.T, dir string) (most uint64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			most = max(most, uint64(info.Size()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return most
}
