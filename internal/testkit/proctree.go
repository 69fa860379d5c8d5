package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// procEntry is one line of the process table.
type procEntry struct {
	pid, parent int
	zombie      bool
}

// children lists the direct children of a process. PostgreSQL's backends are in
// sessions of their own, so that no signal to a group would reach them.
func children(pid int) []int {
	var kids []int
	for _, p := range processTable() {
		if p.parent == pid {
			kids = append(kids, p.pid)
		}
	}
	return kids
}

// awaitGone waits until none of the processes runs any more. One that is dead
// but not yet collected by its parent counts as gone: it holds nothing.
func awaitGone(pids []int, within time.Duration) bool {
	for deadline := time.Now().Add(within); anyRunning(pids); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// anyRunning reports whether one of the processes exists and is not a zombie.
func anyRunning(pids []int) bool {
	exists := false
	for _, pid := range pids {
		exists = exists || syscall.Kill(pid, 0) == nil
	}
	if !exists {
		return false
	}
	wanted := make(map[int]bool, len(pids))
	for _, pid := range pids {
		wanted[pid] = true
	}
	for _, p := range processTable() {
		if wanted[p.pid] && !p.zombie {
			return true
		}
	}
	return false
}

// processTable reads /proc, or asks ps where there is none.
func processTable() []procEntry {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	if len(stats) == 0 {
		return psTable()
	}
	table := make([]procEntry, 0, len(stats))
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended between the listing and the reading
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		// The name in parentheses may contain anything; the fields follow the last one.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) > 1 {
			parent, _ := strconv.Atoi(string(fields[1]))
			table = append(table, procEntry{pid, parent, string(fields[0]) == "Z"})
		}
	}
	return table
}

// psTable is processTable for systems without /proc.
func psTable() []procEntry {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		return nil
	}
	var table []procEntry
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		pid, _ := strconv.Atoi(fields[0])
		parent, _ := strconv.Atoi(fields[1])
		table = append(table, procEntry{pid, parent, strings.HasPrefix(fields[2], "Z")})
	}
	return table
}
