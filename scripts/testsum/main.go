// Command testsum reads `go test -json` and prints what a person wants of it:
// the lines of plain `go test`, whole for what failed, and at the end how many
// tests passed and failed, and which packages took longest. It ends with 1 if
// anything failed.
//
//	go test -json ./... | go run ./scripts/testsum
//
// TESTSUM_LOG may name a file to which the two sums are added as a line.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json` (see go doc test2json).
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

// name tells tests of different packages apart.
type name struct{ pkg, test string }

// summary is what has been read so far.
type summary struct {
	out                     io.Writer
	passed, failed, skipped int
	output                  map[name]string // of tests that have not ended
	failedIn                map[string]int  // failures counted by package
	took                    map[string]float64
}

func main() {
	s := newSummary(os.Stdout)
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(1)
	}
	s.close()
	if path := os.Getenv("TESTSUM_LOG"); path != "" {
		s.log(path)
	}
	if s.failed > 0 {
		os.Exit(1)
	}
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[name]string{}, failedIn: map[string]int{}, took: map[string]float64{}}
}

// read takes events until the input ends. What is no event is passed on.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			var e event
			if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
				fmt.Fprint(s.out, line)
			} else {
				s.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the events: %w", err)
		}
	}
}

func (s *summary) take(e event) {
	n := name{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		s.note(n, e.Output)
	case "pass", "skip", "fail":
		if e.Test == "" {
			s.took[e.Package] = e.Elapsed
		}
		s.end(n, e.Action)
	}
}

// note keeps a test's output until it is known whether anyone wants to see it.
// A package's own lines, such as "ok", are shown at once.
func (s *summary) note(n name, output string) {
	if strings.HasPrefix(output, "=== ") { // the log of starts and pauses
		return
	}
	if n.test != "" {
		s.output[n] += output
	} else if output != "PASS\n" && output != "FAIL\n" {
		fmt.Fprint(s.out, output)
	}
}

// end counts a test. A package that fails without a failed test has not been
// built, or has died: it counts as one.
func (s *summary) end(n name, action string) {
	switch {
	case action == "fail" && (n.test != "" || s.failedIn[n.pkg] == 0):
		s.failed++
		s.failedIn[n.pkg]++
		fmt.Fprint(s.out, s.output[n])
	case action == "pass" && n.test != "":
		s.passed++
	case action == "skip" && n.test != "":
		s.skipped++
		fmt.Fprint(s.out, s.output[n])
	}
	delete(s.output, n)
}

// close shows what tests wrote that never ended, and the sums.
func (s *summary) close() {
	for n, output := range s.output {
		if strings.TrimSpace(output) != "" {
			fmt.Fprintf(s.out, "--- UNFINISHED: %s %s\n%s", n.pkg, n.test, output)
		}
	}
	s.slowest()
	if s.skipped > 0 {
		fmt.Fprintf(s.out, "%d skipped\n", s.skipped)
	}
	fmt.Fprintf(s.out, "%d passed, %d failed\n", s.passed, s.failed)
}

// A package that takes longer than slow is named: what takes over three minutes
// becomes a target of its own. They run side by side, and so slow each other down.
const slow = 20 * time.Second

// slowest names the packages that took longest.
func (s *summary) slowest() {
	var list []string
	for pkg, seconds := range s.took {
		if seconds >= slow.Seconds() {
			list = append(list, pkg)
		}
	}
	slices.SortFunc(list, func(a, b string) int { return cmp.Compare(s.took[b], s.took[a]) })
	for _, pkg := range list {
		fmt.Fprintf(s.out, "%4.0f s  %s\n", s.took[pkg], pkg)
	}
}

// log adds the sums to a file, for whoever adds up several runs.
func (s *summary) log(path string) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = fmt.Fprintf(file, "%d %d\n", s.passed, s.failed)
		_ = file.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
}
