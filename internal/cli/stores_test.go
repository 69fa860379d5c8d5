package cli_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"quantix/internal/testkit"
)

// Who only looks makes nothing: a mistyped name must be told, not turned into an empty database.
func TestReading_commands_create_no_database(t *testing.T) {
	t.Parallel()
	missing := fmt.Sprintf("never_made_%d", os.Getpid())
	for mode, env := range map[string][]string{
		"embedded": nil, "servers": {"DATABASE_URL=" + testkit.Postgres(t).URL(missing)},
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for range 2 { // the second time shows that the first made nothing
				for _, args := range [][]string{{"doctor"}, {"audit"}, {"migrate", "status"}, {"migrate", "down"}, {"migrate", "repair"}} {
					stdout, stderr, status := quantix(t, dir, env, args...)
					says := stdout + stderr
					if status != 1 || !strings.Contains(says, "quantix migrate up") || env != nil && !strings.Contains(says, missing+`" does not exist`) {
						t.Errorf("%v: %d %s", args, status, says)
					}
				}
			}
			if made, err := os.ReadDir(dir); err != nil || len(made) > 0 {
				t.Errorf("%v was made (%v)", made, err)
			}
		})
	}
}
