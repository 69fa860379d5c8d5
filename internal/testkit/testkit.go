// Package testkit gives tests real servers: PostgreSQL, Redis, the built
// program, and a proxy that breaks the line between them. Only tests import it.
//
// Everything it starts belongs to the test process and dies with it, however
// that process ends: a reaper (see reaper.go) outlives the process by a moment,
// stops what is left and removes the files. A missing server fails the test;
// nothing is ever skipped.
package testkit

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// Main runs a package's tests, then stops everything that testkit started and
// removes its files before the process ends. Use it as
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
//
// Without it the same happens a moment after the process has ended.
func Main(m *testing.M) {
	code := m.Run()
	if workspace.started.Load() {
		workspace.reaper.finish()
	}
	os.Exit(code)
}

// MainOfWaiters is Main for tests many of which mostly wait: for a lease to run
// out, for an outage to pass. By default go test runs as many at once as there
// are processors, which then stand idle; this has n run at least. An explicit
// -parallel still counts.
func MainOfWaiters(m *testing.M, n int) {
	if err := flag.Set("test.parallel", strconv.Itoa(max(n, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err) // go test has always had this flag
	}
	Main(m)
}

// workspace is the one directory of this test process, and the reaper that
// watches over it. It is global because its subject, the process, is.
var workspace struct {
	once    sync.Once
	started atomic.Bool
	err     error
	dir     string
	reaper  *reaper
	count   atomic.Int64
}

// openWorkspace makes the directory and starts the reaper, once per process.
func openWorkspace() error {
	workspace.once.Do(func() {
		workspace.dir, workspace.err = makeRoot()
		if workspace.err != nil {
			return
		}
		workspace.reaper, workspace.err = startReaper(workspace.dir)
		workspace.started.Store(workspace.err == nil)
	})
	return workspace.err
}

// newDir makes a short-named directory in the workspace; it is removed when the
// test process ends.
func newDir(prefix string) (string, error) {
	if err := openWorkspace(); err != nil {
		return "", err
	}
	dir := filepath.Join(workspace.dir, fmt.Sprintf("%s%d", prefix, workspace.count.Add(1)))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", fmt.Errorf("make a directory for a test server: %w", err)
	}
	return dir, nil
}

// makeRoot makes the process's directory. A long or private TMPDIR is passed
// over: the name of a unix socket has room for about 100 bytes, and a server
// that runs as another user must be able to reach its files.
func makeRoot() (string, error) {
	base := os.TempDir()
	if len(base) > 40 || !openToOthers(base) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "quantix-")
	if err != nil {
		return "", fmt.Errorf("make the directory of the test process: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("open the directory of the test process: %w", err)
	}
	return dir, nil
}

// openToOthers reports whether any user may pass through dir and all above it.
func openToOthers(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}
