package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binaryEnv names a program that is ready, so that several test processes need
// not each build it.
const binaryEnv = "QUANTIX_TEST_BINARY"

var builtBinary = sync.OnceValues(buildBinary)

// Build returns the path of the program quantix, built once per test process
// from the sources around the test; with the race detector if the tests have it.
// QUANTIX_TEST_BINARY names a program to use instead.
func Build(tb testing.TB) string {
	tb.Helper()
	path, err := builtBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func buildBinary() (string, error) {
	if path := os.Getenv(binaryEnv); path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("%s=%s: an absolute path is needed, for each test runs in its own directory", binaryEnv, path)
		}
		return path, nil
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	dir, err := newDir("b")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "quantix")
	cmd := exec.Command("go", buildArguments(path)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED="+map[bool]string{true: "1", false: "0"}[raceEnabled])
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build quantix: %w\n%s", err, out)
	}
	return path, nil
}

func buildArguments(path string) []string {
	args := []string{"build", "-trimpath", "-tags", "nomsgpack", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	return append(args, ".")
}

// moduleRoot is the directory of go.mod above the test's own.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("find the module: no go.mod above the test")
		}
		dir = parent
	}
}
