package testkit

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// reaperScript reads which processes to end, and how, until its input closes:
// the kernel closes it when the test process ends, even by SIGKILL. Then it asks
// each process to end, kills what has not gone within three seconds, and removes
// the directory. A shell is enough, and works wherever the servers do.
const reaperScript = `
trap '' INT TERM HUP QUIT
root=$1 list=
while read -r verb pid how; do
	left=
	for p in $list; do
		[ "${p#*:}" = "$pid" ] || left="$left $p"
	done
	list=$left
	[ "$verb" = add ] && list="$list $how:$pid"
done
for p in $list; do
	kill -s "${p%%:*}" "${p#*:}"
	kill -s CONT "${p#*:}"
done
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
	alive=
	for p in $list; do
		kill -0 "${p#*:}" && alive=yes
	done
	[ -z "$alive" ] && break
	sleep 0.1
done
for p in $list; do
	kill -s KILL "${p#*:}"
done
rm -rf "$root" || { sleep 1; rm -rf "$root"; }
`

// reaper is a process beside the test process that cleans up after it.
type reaper struct {
	mu   sync.Mutex
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// startReaper starts the reaper of dir. It has a session of its own, so that
// Ctrl-C in a terminal ends the tests and not the one who cleans up after them.
func startReaper(dir string) (*reaper, error) {
	cmd := exec.Command("/bin/sh", "-c", reaperScript, "reaper", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open the line to the reaper: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the reaper: %w", err)
	}
	return &reaper{pipe: pipe, cmd: cmd}, nil
}

// add tells the reaper to end a process with the named signal ("TERM").
func (r *reaper) add(pid int, signal string) { r.tell("add %d %s\n", pid, signal) }

// remove tells the reaper that a process has ended, and its number is free.
func (r *reaper) remove(pid int) { r.tell("del %d -\n", pid) }

// tell writes one line. An error means that the reaper is finishing: then it
// has its list already, and there is nobody to tell.
func (r *reaper) tell(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.pipe, format, args...)
}

// finish lets the reaper do its work and waits for its end.
func (r *reaper) finish() {
	r.mu.Lock()
	_ = r.pipe.Close()
	r.mu.Unlock()
	_ = r.cmd.Wait()
}
