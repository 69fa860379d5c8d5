package testkit

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fakePostgres makes a directory whose postgres tells the given version.
func fakePostgres(t *testing.T, root, version string) string {
	t.Helper()
	dir := filepath.Join(root, version, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\necho 'postgres (PostgreSQL) " + version + ".3 (Test)'\n"
	for _, name := range []string{"postgres", "initdb"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func nowhere(string) (string, error) { return "", errors.New("not in PATH") }

func TestFindPostgres(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := fakePostgres(t, root, "14")
	_, newest := fakePostgres(t, root, "9"), fakePostgres(t, root, "16")
	pattern := filepath.Join(root, "*", "bin")
	inPath := func(string) (string, error) { return filepath.Join(newest, "postgres"), nil }
	tests := map[string]struct {
		chosen, pattern string
		lookPath        func(string) (string, error)
		want            string // empty: an error that says what to install
	}{
		"the newest of several":         {"", pattern, nowhere, newest},
		"in PATH":                       {"", "none", inPath, newest},
		"as chosen":                     {newest, "none", nowhere, newest},
		"chosen, but too old":           {old, pattern, nowhere, ""},
		"chosen, but not there":         {"/nowhere", pattern, nowhere, ""},
		"none":                          {"", "none", nowhere, ""},
		"only old ones":                 {"", filepath.Join(root, "14", "bin"), nowhere, ""},
		"old in PATH, new in directory": {"", pattern, func(string) (string, error) { return filepath.Join(old, "postgres"), nil }, newest},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := findPostgres(test.chosen, test.pattern, test.lookPath)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Fatalf("found %q, %v; want %q", got, err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), "apt-get install postgresql") {
				t.Errorf("error %q does not say what to install", err)
			}
		})
	}
}

func TestFindRedis(t *testing.T) {
	t.Parallel()
	if _, err := findRedis("", nowhere); err == nil || !strings.Contains(err.Error(), "apt-get install redis-server") {
		t.Errorf("none: %v", err)
	}
	if _, err := findRedis("/nowhere", nowhere); err == nil || !strings.Contains(err.Error(), redisEnv+"=/nowhere") {
		t.Errorf("chosen, but not there: %v", err)
	}
	valkey := func(name string) (string, error) {
		if name == "valkey-server" {
			return "/opt/valkey-server", nil
		}
		return nowhere(name)
	}
	if got, err := findRedis("", valkey); err != nil || got != "/opt/valkey-server" {
		t.Errorf("Valkey: %q, %v", got, err)
	}
}

func TestNginx_is_where_one_says(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nginx")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(nginxEnv, path)
	if got, found := Nginx(); got != path || !found {
		t.Errorf("found %q, %t", got, found)
	}
}
