package logging

import (
	"bytes"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// written returns the lines of a log without their times, and empties it.
func written(text *bytes.Buffer) []string {
	defer text.Reset()
	lines := []string{}
	for line := range strings.Lines(text.String()) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func newLog() (*Spells, *bytes.Buffer) {
	text := new(bytes.Buffer)
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	return NewSpells(slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{ReplaceAttr: plain}))), text
}

func expect(t *testing.T, text *bytes.Buffer, want ...string) {
	t.Helper()
	synctest.Wait()
	got := written(text)
	if len(got) != len(want) {
		t.Fatalf("%d lines instead of %d: %q", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d is %q instead of %q", i, got[i], want[i])
		}
	}
}

func TestSpells_tell_that_faults_began_last_and_are_over(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spells, text := newLog()
		for i := range 1000 {
			spells.Fault(slog.LevelError, "disk", "the disk is full", slog.Int("n", i))
		}
		expect(t, text, `level=ERROR msg="the disk is full" n=0`)
		time.Sleep(every)
		expect(t, text, `level=ERROR msg="the disk is full" spell="goes on" times=999 lasting=1m0s n=999`)
		spells.Fault(slog.LevelError, "disk", "the disk is full", slog.Int("n", 1000))
		time.Sleep(every)
		expect(t, text, `level=ERROR msg="the disk is full" spell="goes on" times=1 lasting=2m0s n=1000`)
		time.Sleep(every)
		expect(t, text, `level=INFO msg="the disk is full" spell=over times=1001 lasting=3m0s n=1000`)
		spells.Fault(slog.LevelError, "disk", "the disk is full")
		expect(t, text, `level=ERROR msg="the disk is full"`)
		spells.Fault(slog.LevelError, "disk", "the disk is full")
		spells.Over("disk")
		expect(t, text, `level=INFO msg="the disk is full" spell=over times=2 lasting=0s`)
		spells.Over("disk")
		expect(t, text)
		time.Sleep(5 * every)
		expect(t, text)
	})
}

func TestSpells_say_nothing_more_of_what_came_once(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spells, text := newLog()
		if !spells.Fault(slog.LevelWarn, "a", "once") {
			t.Error("the first was not written")
		}
		expect(t, text, "level=WARN msg=once")
		time.Sleep(3 * every)
		expect(t, text)
	})
}

func TestSpells_are_bounded_in_number(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		spells, text := newLog()
		for i := range 10 * maxSpells {
			spells.Fault(slog.LevelWarn, strconv.Itoa(i), "fault")
		}
		if lines := written(text); len(lines) != maxSpells+1 {
			t.Errorf("%d lines", len(lines))
		}
		time.Sleep(3 * every)
		synctest.Wait()
		if lines := written(text); len(lines) != 2 { // of those that shared one: it goes on, it is over
			t.Errorf("then %q", lines)
		}
	})
}
