package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ruined is a directory whose database is something else.
func ruined(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data", "quantix.db"), []byte("garbage\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return dir
}

func TestARuined_database_is_told_by_every_command(t *testing.T) {
	t.Parallel()
	dir := ruined(t)
	for _, args := range [][]string{{"serve"}, {"doctor"}, {"audit"}, {"migrate", "status"}, {"seed"}} {
		stdout, stderr, status := quantix(t, dir, nil, args...)
		says := stdout + stderr
		if status != 1 || !strings.Contains(says, "is no database of Quantix: restore it from a backup, or move it away") || strings.Contains(says, "create the file") {
			t.Errorf("%v: %d %s", args, status, says)
		}
	}
	if content, err := os.ReadFile(filepath.Join(dir, "data", "quantix.db")); err != nil || string(content) != "garbage\n" {
		t.Errorf("the file was changed: %q (%v)", content, err)
	}
}

func TestDoctor_tells_a_data_directory_that_cannot_be_written(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := quantix(t, dir, []string{"DATA_DIR=file/data"}, "doctor")
	if status != 1 || !strings.Contains(stdout, "FAULT  data directory can be written: the data directory file/data cannot be written") {
		t.Errorf("%d %s%s", status, stdout, stderr)
	}
	stdout, _, _ = quantix(t, dir, []string{"DATA_DIR=a/b/c"}, "doctor")
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || !strings.Contains(stdout, "makes one") {
		t.Errorf("doctor left %v (%v): %s", entries, err, stdout)
	}
}

func TestDoctor_says_in_one_line_how_long_an_answer_took(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	if _, stderr, status := quantix(t, t.TempDir(), env, "migrate", "up"); status != 0 {
		t.Fatal(stderr)
	}
	stdout, stderr, status := quantix(t, t.TempDir(), env, "doctor")
	if took := regexp.MustCompile(`(?m)^ok     (database|queue) answers, in [0-9.]+[mµ]?s$`); status != 0 || len(took.FindAllString(stdout, -1)) != 2 {
		t.Errorf("%d %s%s", status, stdout, stderr)
	}
}

func TestAudit_says_in_one_layer_that_there_is_no_such_event(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, stderr, status := quantix(t, dir, nil, "migrate", "up"); status != 0 {
		t.Fatal(stderr)
	}
	const id = "01890000-0000-7000-8000-000000000000"
	_, stderr, status := quantix(t, dir, nil, "audit", "--event", id)
	if status != 1 || stderr != "quantix audit: there is no event "+id+"\n" {
		t.Errorf("%d %s", status, stderr)
	}
}
