package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that a test has started. Its methods may be called from
// any goroutine; those that fail a test do so without stopping the goroutine,
// but for AwaitLine and Wait, which belong to the test's own.
type Process struct {
	// Dir is its working directory, removed after the test.
	Dir string

	tb     testing.TB
	cmd    *exec.Cmd
	exited chan struct{}
	stdout lines
	stderr lines
}

// Start runs a program in a directory of its own, with PATH, HOME and TMPDIR
// and the given variables ("PORT=8080") as its whole environment: what the
// developer has set must not reach the test. It is killed after the test; if
// the test has failed, what it wrote to stderr is shown.
func Start(tb testing.TB, bin string, env []string, args ...string) *Process {
	tb.Helper()
	return StartIn(tb, tb.TempDir(), bin, env, args...)
}

// StartIn is Start in a directory that the test names, such as that of a
// process before, to find its files again.
func StartIn(tb testing.TB, dir, bin string, env []string, args ...string) *Process {
	tb.Helper()
	if err := openWorkspace(); err != nil {
		tb.Fatal(err)
	}
	p := &Process{Dir: dir, tb: tb, exited: make(chan struct{})}
	p.cmd = exec.Command(bin, args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, &p.stdout, &p.stderr
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}, env...)
	p.cmd.WaitDelay = 2 * time.Second // its own children may keep its output open
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", bin, err)
	}
	workspace.reaper.add(p.cmd.Process.Pid, "KILL")
	go collect(p.cmd, p.exited)
	tb.Cleanup(p.discard)
	return p
}

// Pid returns its process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Stdout returns what it has written to stdout so far.
func (p *Process) Stdout() string { return p.stdout.String() }

// Stderr returns what it has written to stderr so far.
func (p *Process) Stderr() string { return p.stderr.String() }

// AwaitLine waits for a line of stderr that contains text and returns it. The
// test fails if the program ends or the time is up before.
func (p *Process) AwaitLine(within time.Duration, text string) string {
	p.tb.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	for {
		line, more, found := p.stderr.find(text)
		if found {
			return line
		}
		select {
		case <-more:
		case <-p.exited:
			if line, _, found := p.stderr.find(text); found {
				return line
			}
			p.tb.Fatalf("%s ended (%s) before it wrote a line with %q", p.cmd.Path, p.cmd.ProcessState, text)
		case <-limit.C:
			p.tb.Fatalf("no line with %q within %s", text, within)
		}
	}
}

// Signal sends it a signal; one that has ended is left in peace.
func (p *Process) Signal(signal syscall.Signal) {
	if p.Ended() {
		return
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !p.endsWithin(time.Second) {
		p.tb.Errorf("signal %s: %v", p.cmd.Path, err)
	}
}

// Kill ends it with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.exited
}

// Ended reports whether it has ended.
func (p *Process) Ended() bool { return p.endsWithin(0) }

// Wait waits for its end and returns its exit code, -1 if a signal ended it.
// The test fails if it has not ended in time.
func (p *Process) Wait(within time.Duration) int {
	p.tb.Helper()
	if !p.endsWithin(within) {
		p.tb.Fatalf("%s has not ended within %s", p.cmd.Path, within)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *Process) endsWithin(limit time.Duration) bool {
	select {
	case <-p.exited:
		return true
	default:
	}
	select {
	case <-p.exited:
		return true
	case <-time.After(limit):
		return false
	}
}

func (p *Process) discard() {
	p.Kill()
	if p.tb.Failed() {
		p.tb.Logf("stderr of %s %s:\n%s", p.cmd.Path, strings.Join(p.cmd.Args[1:], " "), p.Stderr())
	}
}

// lines collects output and tells readers when there is more.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed at the next write; nil if nobody waits
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
	return l.text.Write(b)
}

// String returns everything written.
func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// find returns the first whole line that contains text, or a channel that is
// closed when more has been written.
func (l *lines) find(text string) (line string, more <-chan struct{}, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, text) {
			return strings.TrimSuffix(line, "\n"), nil, true
		}
	}
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return "", l.more, false
}

// String describes the process in failures.
func (p *Process) String() string {
	return fmt.Sprintf("%s (process %d)", p.cmd.Path, p.Pid())
}
