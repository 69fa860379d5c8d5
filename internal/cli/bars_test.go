package cli_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"quantix/internal/testkit"
)

// TestBenchBars measures some bars the quick way, each kind of server among them: that there are figures, not which.
func TestBenchBars(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, testkit.RedisOptions{}) // of its own: the bench takes whatever database is empty
	servers := []string{"DATABASE_URL=" + testkit.Database(t, nil), "REDIS_URL=" + redis.Addr()}
	stdout, stderr, status := quantix(t, t.TempDir(), servers,
		"bench", "bars", "--quick", "--runs", "1", "--json", "--only", "one64,engine,refusals,start,statistics")
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	var sheet struct {
		Figures map[string][]float64
		Void    map[string]string
	}
	if err := json.Unmarshal([]byte(stdout), &sheet); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"one_event_64", "engine_rows", "wal", "refusals", "start", "statistics_p50"} {
		if figures := sheet.Figures[k]; len(figures) != 1 || figures[0] <= 0 {
			t.Errorf("%s: %v; void %v", k, figures, sheet.Void)
		}
	}
	if strings.Contains(stderr, "VIOLATION") || len(sheet.Void) > 0 {
		t.Errorf("a promise was broken: %v\n%s", sheet.Void, stderr)
	}
}

func TestBenchBars_refuses(t *testing.T) {
	t.Parallel()
	servers := []string{"DATABASE_URL=postgres://nobody@127.0.0.1:1/x", "REDIS_URL=127.0.0.1:1"}
	for name, test := range map[string]struct {
		env  []string
		args []string
		says string
	}{
		"no servers":        {nil, nil, "DATABASE_URL and REDIS_URL"},
		"unknown measure":   {servers, []string{"--only", "one,two"}, `no measure "two"`},
		"no runs":           {servers, []string{"--runs", "0"}, "--runs"},
		"too short":         {servers, []string{"--duration", "1ms"}, "--duration"},
		"an argument":       {servers, []string{"one"}, `"one"`},
		"bars after a flag": {servers, []string{"--quick", "bars"}, `"bars"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, status := quantix(t, t.TempDir(), test.env, slices.Concat([]string{"bench", "bars"}, test.args)...)
			if status != 2 || !strings.Contains(stderr, test.says) {
				t.Errorf("status %d: %s", status, stderr)
			}
		})
	}
}

func TestBenchBars_spares_other_peoples_servers(t *testing.T) {
	t.Parallel()
	for name, env := range map[string][]string{
		"database": {"DATABASE_URL=postgres://nobody@db.example.com/x", "REDIS_URL=127.0.0.1:1"},
		"redis":    {"DATABASE_URL=postgres://nobody@127.0.0.1:1/x", "REDIS_URL=redis.example.com:6379"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, status := quantix(t, t.TempDir(), env, "bench", "bars", "--only", "one")
			if status != 1 || !strings.Contains(stderr, "not this machine") {
				t.Errorf("status %d: %s", status, stderr)
			}
		})
	}
}
