package cli_test

import (
	"io/fs"
	"strconv"
	"strings"
	"testing"

	"quantix/migrations"
)

// Going back destroys what cannot be made again only after somebody has agreed to it.
func TestMigrate_down_keeps_rows_unless_told(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(migrations.SQLite, "*.up.sql")
	if err != nil {
		t.Fatal(err)
	}
	all, butOne, oneMore := strconv.Itoa(len(files)), strconv.Itoa(len(files)-1), strconv.Itoa(len(files)+1)
	for name, env := range modes(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			run := func(status int, says string, args ...string) {
				t.Helper()
				stdout, stderr, got := quantix(t, dir, env, args...)
				if got != status || !strings.Contains(stdout+stderr, says) {
					t.Errorf("%v: %d %s%s; want %d and %q", args, got, stdout, stderr, status, says)
				}
			}
			run(0, "", "migrate", "up")
			run(0, "000002  pending", "migrate", "down", "--yes", butOne)
			run(0, "000001  pending", "migrate", "down") // empty tables are no loss
			run(1, "only 0 migrations are applied", "migrate", "down")
			run(0, "", "seed")
			run(1, "only "+all+" migrations are applied", "migrate", "down", oneMore, "--yes")
			run(1, "hold events (5), users (3): make a backup, then say --yes", "migrate", "down", all)
			run(0, "000002  applied", "migrate", "status")
			run(0, "000002  pending", "migrate", "down", butOne) // moves an event's counters, and loses none
			run(1, "--yes", "migrate", "down")
			run(0, "000001  pending", "migrate", "down", "1", "--yes")
		})
	}
}

func TestMigrate_down_takes_a_number_above_zero(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"-1", "0", "two"} {
		_, stderr, status := quantix(t, t.TempDir(), nil, "migrate", "down", number)
		if status != 2 || !strings.Contains(stderr, "1 or more, not") {
			t.Errorf("%s: %d %s", number, status, stderr)
		}
	}
}
