package testkit

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Rebuild runs the witness that rebuilds events from their feeds (internal/modeltest/testdata/rebuild.py). It returns
// the lines that it prints, one an event, and what it says of feeds that cannot be right.
func Rebuild(tb testing.TB, arguments ...string) (lines []string, faults string) {
	tb.Helper()
	root, err := moduleRoot()
	if err != nil {
		tb.Fatal(err)
	}
	script := filepath.Join(root, "internal", "modeltest", "testdata", "rebuild.py")
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(tb.Context(), "python3", append([]string{"-B", script}, arguments...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && stderr.Len() == 0 {
		tb.Fatalf("python3 is needed: %v", err)
	}
	for line := range strings.Lines(stdout.String()) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, stderr.String()
}
