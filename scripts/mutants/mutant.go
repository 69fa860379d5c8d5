package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one rule, broken.
type mutant struct {
	name     string
	file     string
	old, new string // the passage, which must stand there exactly once, and what replaces it
	pkg      string // whose tests must fail
	tests    string // which of them
}

// verdict is what became of a mutant.
type verdict string

const (
	caught   verdict = "caught"
	survived verdict = "SURVIVED"
	stale    verdict = "STALE"  // its passage is not there, or not once
	broken   verdict = "BROKEN" // it did not build, or the tests did not start: that proves nothing
)

// goFlags are those of the Makefile, so that what is not mutated comes out of the same build cache.
var goFlags = []string{"-tags", "nomsgpack", "-vet=off", "-count=1", "-timeout=5m"}

// try runs the mutant's tests on the mutated program. said explains a verdict that proves nothing.
func (m mutant) try(ctx context.Context) (v verdict, said string) {
	overlay, clean, err := m.overlay()
	if err != nil {
		return stale, err.Error()
	}
	defer clean()
	defer m.dropFailures(m.failures())
	arguments := append(append([]string{"test"}, goFlags...), "-overlay", overlay, "-run", m.tests, m.pkg)
	output, err := exec.CommandContext(ctx, "go", arguments...).CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return broken, "stopped"
	case err == nil:
		return survived, ""
	case !bytes.Contains(output, []byte("--- FAIL")) && !bytes.Contains(output, []byte("panic: ")):
		return broken, string(output)
	}
	return caught, ""
}

// failures are the cases that a package's random tests keep where one failed. A mutant's must not be tried again on the
// program as it is.
func (m mutant) failures() []string {
	found, _ := filepath.Glob(filepath.Join(m.pkg, "testdata", "rapid", "*", "*.fail")) // the pattern is right
	return found
}

// dropFailures removes the cases that were not there before.
func (m mutant) dropFailures(before []string) {
	for _, file := range m.failures() {
		if !slices.Contains(before, file) {
			_ = os.Remove(file)
			_ = os.Remove(filepath.Dir(file)) // and the directories that are empty now
			_ = os.Remove(filepath.Dir(filepath.Dir(file)))
		}
	}
}

// mutated returns the file's path and its text with the passage replaced.
func (m mutant) mutated() (original, text string, err error) {
	if original, err = filepath.Abs(m.file); err != nil {
		return "", "", err
	}
	bytes, err := os.ReadFile(original)
	if err != nil {
		return "", "", err
	}
	text = string(bytes)
	if n := strings.Count(text, m.old); n != 1 {
		return "", "", fmt.Errorf("%s: the passage of mutant %q is there %d times, want once", m.file, m.name, n)
	}
	return original, strings.Replace(text, m.old, m.new, 1), nil
}

// overlay writes the mutated file and the overlay that puts it in the original's place.
func (m mutant) overlay() (path string, clean func(), err error) {
	original, text, err := m.mutated()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", nil, err
	}
	clean = func() { _ = os.RemoveAll(dir) }
	file := filepath.Join(dir, filepath.Base(original))
	path = filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: file}})
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o600)
	}
	if err == nil {
		err = os.WriteFile(path, replace, 0o600)
	}
	if err != nil {
		clean()
		return "", nil, err
	}
	return path, clean, nil
}
