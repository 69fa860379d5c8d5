package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startLimit bounds how long a server may take until it answers, a crash
// recovery on a busy machine included. It shows only in how long a failure takes.
const startLimit = 3 * time.Minute

// daemon is a server process with its children: start, stop, kill, freeze.
// Its methods are safe for concurrent use.
type daemon struct {
	path  string                      // the program
	args  []string                    // its arguments
	dir   string                      // its working directory; its log is written there
	owner *syscall.Credential         // nil: the test's own user
	end   syscall.Signal              // asks for an orderly end
	abort syscall.Signal              // asks for a quick end that leaves nothing behind
	ready func(context.Context) error // nil once it answers

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed once the process has ended
	frozen []int         // what pause has stopped
}

// start runs the server and waits until it is ready.
func (d *daemon) start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.running() {
		return fmt.Errorf("start %s: it is running", filepath.Base(d.path))
	}
	if err := d.launch(); err != nil {
		return err
	}
	if err := d.awaitReady(); err != nil {
		d.killAll()
		return fmt.Errorf("start %s: %w; its log ends with:\n%s", filepath.Base(d.path), err, d.logTail())
	}
	return nil
}

// launch starts the process, and has the reaper watch it.
func (d *daemon) launch() error {
	log, err := os.OpenFile(d.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open a server's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(d.path, d.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = d.dir, log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "LC_ALL=C", "TZ=UTC"}
	// A group of its own: Ctrl-C in a terminal must not reach the server before
	// the tests have ended.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: d.owner}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", d.path, err)
	}
	d.cmd, d.exited = cmd, make(chan struct{})
	workspace.reaper.add(cmd.Process.Pid, signalNames[d.abort])
	go collect(cmd, d.exited)
	return nil
}

// collect waits for the end of a process, so that it leaves no zombie.
func collect(cmd *exec.Cmd, exited chan<- struct{}) {
	_ = cmd.Wait() // how it ended is the test's subject, not an error of ours
	workspace.reaper.remove(cmd.Process.Pid)
	close(exited)
}

// awaitReady polls until the server answers, or has ended, or time is up.
func (d *daemon) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		err := d.ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return errors.New("it ended at once")
		case <-ctx.Done():
			return fmt.Errorf("no answer within %s: %w", startLimit, err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// running reports whether the process has been started and has not ended.
func (d *daemon) running() bool {
	if d.cmd == nil {
		return false
	}
	select {
	case <-d.exited:
		return false
	default:
		return true
	}
}

// down reports whether the server cannot answer: it has ended, or is paused.
func (d *daemon) down() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.running() || len(d.frozen) > 0
}

// stop asks the server to end and waits; what has not ended after ten seconds
// is killed.
func (d *daemon) stop(signal syscall.Signal) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.running() {
		return
	}
	d.thaw()
	_ = d.cmd.Process.Signal(signal)
	select {
	case <-d.exited:
	case <-time.After(10 * time.Second):
		d.killAll()
	}
}

// kill ends the server and its children with SIGKILL, and returns when all of
// them are gone.
func (d *daemon) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.killAll()
}

func (d *daemon) killAll() {
	if !d.running() {
		return
	}
	pids := d.freeze()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	<-d.exited
	awaitGone(pids, 10*time.Second)
	d.forgetFrozen()
}

// pause stops the server and its children (SIGSTOP): connections stay open and
// nothing answers.
func (d *daemon) pause() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.running() || len(d.frozen) > 0 {
		return
	}
	d.frozen = d.freeze()
	for _, pid := range d.frozen[1:] {
		workspace.reaper.add(pid, "KILL") // frozen children do not notice their parent's end
	}
}

// freeze stops the server first, so that it makes no more children meanwhile,
// then its children. It returns all of them, the server first.
func (d *daemon) freeze() []int {
	server := d.cmd.Process.Pid
	_ = syscall.Kill(server, syscall.SIGSTOP)
	pids := append([]int{server}, children(server)...)
	for _, pid := range pids[1:] {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	return pids
}

// resume lets a paused server go on.
func (d *daemon) resume() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.thaw()
}

func (d *daemon) thaw() {
	for _, pid := range d.frozen {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
	d.forgetFrozen()
}

func (d *daemon) forgetFrozen() {
	if len(d.frozen) > 1 {
		for _, pid := range d.frozen[1:] {
			workspace.reaper.remove(pid)
		}
	}
	d.frozen = nil
}

func (d *daemon) logPath() string { return filepath.Join(d.dir, "log") }

// logTail returns the last lines that the server wrote.
func (d *daemon) logTail() string {
	text, err := os.ReadFile(d.logPath())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// signalNames are the names by which the reaper's shell knows the signals.
var signalNames = map[syscall.Signal]string{
	syscall.SIGTERM: "TERM",
	syscall.SIGQUIT: "QUIT",
	syscall.SIGKILL: "KILL",
}
