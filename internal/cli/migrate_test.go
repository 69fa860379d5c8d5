package cli_test

import (
	"strings"
	"testing"
)

// Going back destroys what cannot be made again only after somebody has agreed to it.
func TestMigrate_down_keeps_rows_unless_told(t *testing.T) {
	t.Parallel()
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
			run(0, "000002  pending", "migrate", "down", "--yes", "1")
			run(0, "000001  pending", "migrate", "down") // empty tables are no loss
			run(1, "only 0 migrations are applied", "migrate", "down")
			run(0, "", "seed")
			run(1, "only 2 migrations are applied", "migrate", "down", "3", "--yes")
			run(1, "hold events (5), users (3): make a backup, then say --yes", "migrate", "down", "2")
			run(0, "000002  applied", "migrate", "status")
			run(0, "000002  pending", "migrate", "down", "1") // moves an event's counters, and loses none
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
