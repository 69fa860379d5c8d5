// Command mutants breaks each core rule on purpose, one at a time, and expects a test to fail.
//
// A mutant replaces one passage of one file through the compiler's overlay, so the working tree is never touched. It
// exits 1 when a mutant survives, or when a passage is no longer there: then the table below must follow the code.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	only := flag.String("only", "", "part of the name of the mutants to run")
	flag.Parse()
	survivors, ran := 0, 0
	for _, m := range mutants {
		if !strings.Contains(m.name, *only) {
			continue
		}
		ran++
		begun := time.Now()
		verdict, ok := m.try()
		if !ok {
			survivors++
		}
		fmt.Printf("%-9s %-62s %s\n", verdict, m.name, time.Since(begun).Round(100*time.Millisecond))
	}
	fmt.Printf("%d mutants, %d not caught\n", ran, survivors)
	if survivors > 0 || ran == 0 {
		os.Exit(1)
	}
}

// try runs the mutant's tests on the mutated program.
func (m mutant) try() (verdict string, ok bool) {
	overlay, clean, err := m.overlay()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return "STALE", false
	}
	defer clean()
	command := exec.CommandContext(context.Background(), "go", "test", "-count=1", "-timeout=5m", "-overlay", overlay, "-run", m.tests, m.pkg)
	output, err := command.CombinedOutput()
	switch {
	case err == nil:
		return "SURVIVED", false
	case !bytes.Contains(output, []byte("--- FAIL")) && !bytes.Contains(output, []byte("panic: ")):
		fmt.Fprintf(os.Stderr, "%s\n", output)
		return "BROKEN", false // it did not build, or the tests did not start: that proves nothing
	}
	return "caught", true
}

// overlay writes the mutated file and the overlay that puts it in the original's place.
func (m mutant) overlay() (path string, clean func(), err error) {
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", nil, err
	}
	text, err := os.ReadFile(original)
	if err != nil {
		return "", nil, err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", nil, fmt.Errorf("%s: the passage of mutant %q is there %d times, want once", m.file, m.name, n)
	}
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return "", nil, err
	}
	mutated := filepath.Join(dir, filepath.Base(original))
	path = filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err == nil {
		err = os.WriteFile(mutated, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(path, replace, 0o600)
	}
	return path, func() { _ = os.RemoveAll(dir) }, err
}
