package cli

import (
	"bytes"
	"strings"
	"testing"

	"quantix/internal/identity"
)

// inside runs a command in this process, where mutants reach it.
func inside(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, log bytes.Buffer
	status = Run(t.Context(), Program{
		Args: args, Stdout: &out, Stderr: &log, LookupEnv: func(string) (string, bool) { return "", false },
	})
	return out.String(), log.String(), status
}

func TestKeys_of_the_first_start_are_one(t *testing.T) {
	t.Parallel()
	dir := "--data-dir=" + t.TempDir()
	for n, length := range []int{identity.KeyLength + 1, 0} {
		stdout, stderr, status := inside(t, "keys", "create", "--role=admin", "--if-none", dir)
		if status != 0 || len(stdout) != length {
			t.Errorf("start %d: %d, %d characters, %s", n, status, len(stdout), stderr)
		}
	}
}

func TestDoctor_hides_keys(t *testing.T) {
	t.Parallel()
	key, _ := identity.NewKey()
	dir := "--data-dir=" + t.TempDir()
	for _, setting := range []string{"--auth-oidc-audience=", "--currency="} {
		stdout, stderr, status := inside(t, "doctor", dir, setting+key)
		if status == 0 || strings.Contains(stdout+stderr, key) || !strings.Contains(stdout, "(a Quantix key)") {
			t.Errorf("%s: %d %s%s", setting, status, stdout, stderr)
		}
	}
}
