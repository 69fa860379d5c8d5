package onsale

import (
	"fmt"
	"io"
	"os"
	"time"
)

// reporter writes the live line: over itself on a terminal, as a line a second elsewhere.
type reporter struct {
	w        io.Writer
	terminal bool
	before   int64
}

func newReporter(w io.Writer) *reporter {
	if w == nil {
		w = io.Discard
	}
	return &reporter{w: w, terminal: isTerminal(w)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say writes one line of its own. Progress is a courtesy: a writer that fails must not fail the run.
func (r *reporter) say(format string, args ...any) {
	_, _ = fmt.Fprintf(r.w, format+"\n", args...)
}

// during writes the line every second until the load is done.
func (r *reporter) during(rec *recorder, done <-chan struct{}, since time.Time) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			if r.terminal {
				r.say("")
			}
			return
		case <-ticker.C:
			r.line(rec, time.Since(since))
		}
	}
}

func (r *reporter) line(rec *recorder, elapsed time.Duration) {
	n, p99 := rec.attempts()
	start, end := "", "\n"
	if r.terminal {
		start, end = "\r\x1b[K", ""
	}
	_, _ = fmt.Fprintf(r.w, "%s%4.0f s  %7d booked/s  accepted %d  refused %d  overloaded %d  failed %d  p99 %s%s", start,
		elapsed.Seconds(), n[Accepted]-r.before, n[Accepted], n[Refused], n[Overloaded], n[Failed], Short(p99), end)
	r.before = n[Accepted]
}
