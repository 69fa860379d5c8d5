package testkit

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBuildMakesTheProgramOnce(t *testing.T) {
	t.Parallel()
	path := Build(t)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o100 == 0 {
		t.Fatalf("%s: %v, not a program", path, err)
	}
	if again := Build(t); again != path {
		t.Errorf("built twice: %s and %s", path, again)
	}
}

func TestProcessHasACleanEnvironment(t *testing.T) {
	t.Parallel()
	p := Start(t, "/bin/sh", []string{"PORT=1"}, "-c", "env; pwd")
	if code := p.Wait(time.Minute); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	allowed := map[string]bool{"PATH": true, "HOME": true, "TMPDIR": true, "PORT": true, "PWD": true, "OLDPWD": true, "_": true, "SHLVL": true}
	for line := range strings.Lines(p.Stdout()) {
		if name, _, isSetting := strings.Cut(line, "="); isSetting && !allowed[name] {
			t.Errorf("%s reached the program", name)
		}
	}
	if !strings.Contains(p.Stdout(), p.Dir) {
		t.Errorf("not run in %s:\n%s", p.Dir, p.Stdout())
	}
}

func TestProcessAwaitLineAndSignal(t *testing.T) {
	t.Parallel()
	script := `trap 'echo stopping >&2; exit 7' TERM; echo "listening on :1" >&2; while :; do sleep 0.01; done`
	p := Start(t, "/bin/sh", nil, "-c", script)
	if line := p.AwaitLine(time.Minute, "listening"); line != "listening on :1" {
		t.Errorf("line %q", line)
	}
	if p.Ended() {
		t.Error("ended before the signal")
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(time.Minute); code != 7 || !strings.Contains(p.Stderr(), "stopping") {
		t.Errorf("exit code %d, stderr %q", code, p.Stderr())
	}
	p.Signal(syscall.SIGTERM) // of no consequence
}

func TestProcessKill(t *testing.T) {
	t.Parallel()
	p := Start(t, "/bin/sh", nil, "-c", "trap '' TERM; while :; do sleep 0.01; done")
	p.Kill()
	if code := p.Wait(0); code != -1 {
		t.Errorf("exit code %d after SIGKILL, want -1", code)
	}
}

func TestProcessAwaitLineFailsAtTheEnd(t *testing.T) {
	t.Parallel()
	failure := inspect(t, func(tb testing.TB) {
		Start(tb, "/bin/sh", nil, "-c", "exit 1").AwaitLine(time.Minute, "listening")
	})
	if !strings.Contains(failure, "ended (exit status 1)") {
		t.Errorf("failure %q", failure)
	}
}
