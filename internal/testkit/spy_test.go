package testkit

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// spy is a testing.TB that notes failures instead of failing.
type spy struct {
	testing.TB
	log     *[]string
	atEnd   func(func())
	failure string
}

func (s *spy) Helper() {}

func (s *spy) Cleanup(f func()) { s.atEnd(f) }

func (s *spy) Log(args ...any) { *s.log = append(*s.log, fmt.Sprint(args...)) }

func (s *spy) Fatal(args ...any) {
	s.failure = fmt.Sprint(args...)
	runtime.Goexit()
}

func (s *spy) Fatalf(format string, args ...any) {
	s.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// inspect runs f with a spy and returns the message it fails with.
func inspect(t *testing.T, f func(testing.TB)) string {
	t.Helper()
	s := &spy{TB: t, atEnd: t.Cleanup}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(s)
	}()
	<-done
	return s.failure
}

func errorf(format string, args ...any) error { return fmt.Errorf(format, args...) }

// procFile is where Linux shows a process's command line.
func procFile(pid int) string {
	return filepath.Join("/proc", strconv.Itoa(pid), "cmdline")
}

func itoa(n int) string { return strconv.Itoa(n) }
