package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A loop that nobody starts is no loop. One is told by its name and its Run.
func TestLoops_are_started(t *testing.T) {
	t.Parallel()
	workers, err := os.ReadFile("../app/workers.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../jobs/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, loop := range regexp.MustCompile(`func \(\w+ \*(\w+)\) Name\(\) string`).FindAllStringSubmatch(string(text), -1) {
			found++
			if !strings.Contains(string(workers), "jobs."+loop[1]+"{") {
				t.Errorf("jobs.%s is not started in internal/app/workers.go", loop[1])
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d loops were found", found)
	}
}
