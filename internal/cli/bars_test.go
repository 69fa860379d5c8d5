package cli_test

import (
	"encoding/json"
	"flag"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"quantix/internal/testkit"
)

var allBars = flag.Bool("bars.all", false, "take every bar and every hostile client, as make bench-quick does")

// busyBars leave no processor to anybody for half a minute, or last long, and so run with -bars.all alone.
var busyBars = []string{"cold", "overload", "watched", "thousand"}

// TestBenchBars measures some bars the quick way, each kind of server among them: that there are figures, not which.
func TestBenchBars(t *testing.T) {
	t.Parallel()
	figures := quickBars(t, "one64,engine,refusals,start,statistics")
	wanted := []string{"one_event_64", "engine_rows", "wal", "refusals", "start", "statistics_p50"}
	if runtime.GOOS == "linux" {
		wanted = append(wanted, "one_event_64_server_us", "one_event_64_postgres_us", "one_event_64_generator_us")
	}
	for _, k := range wanted {
		if runs := figures[k]; len(runs) != 1 || runs[0] <= 0 {
			t.Errorf("%s: %v", k, runs)
		}
	}
}

// TestBenchBars_extra does so with those that run only when named. Some of their best figures are 0. In a plain
// go test none of busyBars is taken, and of the hostile clients, which need a server each, one in each store.
func TestBenchBars_extra(t *testing.T) {
	t.Parallel()
	for only, wanted := range map[string][]string{
		"overload": {"overload_peak", "overload", "overload_p99", "overload_end"},
		"cold":     {"cold_alone", "cold"},
		"rebuy":    {"rebuy_refused", "rebuy_p99", "rebuy_stale"},
		"snapshot": {"snapshot_start", "snapshot"},
		"hostile":  {"hostile_served", "hostile_p99", "hostile_ready", "hostile_memory"},
		"hostile_embedded": {"hostile_embedded_served", "hostile_embedded_p99", "hostile_embedded_ready",
			"hostile_embedded_memory"},
		"watched":  {"unwatched", "watched_feed", "watched_live"},
		"thousand": {"thousand_served", "thousand_p99", "thousand_memory", "thousand_late", "thousand_moved"},
		"slow":     {"slow_alone", "slow", "slow_memory"},
		"auth":     {"unguarded", "guarded", "unguarded_refusals", "guarded_refusals"},
		"audit":    {"audit_p50", "audit_command"},
		"search":   {"search_few", "search_many", "search_few_embedded", "search_many_embedded"},
	} {
		if !*allBars && slices.Contains(busyBars, only) {
			continue
		}
		clients := hostileClients(only)
		if strings.HasPrefix(only, "hostile") {
			for client := range strings.SplitSeq(clients, ",") {
				wanted = append(wanted, only+"_"+client+"_goes")
			}
		}
		t.Run(only, func(t *testing.T) {
			t.Parallel()
			figures := quickBars(t, only, "--clients", clients)
			for _, k := range wanted {
				if len(figures[k]) != 1 {
					t.Errorf("%s: %v", k, figures[k])
				}
			}
			for _, wrong := range figures["thousand_wrong"] { // a number that a reader missed or saw twice
				if wrong != 0 {
					t.Errorf("entries that a reader missed, or saw twice: %v", wrong)
				}
			}
		})
	}
}

// hostileClients names those that a measure takes.
func hostileClients(measure string) string {
	switch {
	case *allBars:
		return "deletes,puts,searches,pages,callbacks,audits"
	case measure == "hostile_embedded":
		return "audits"
	}
	return "deletes"
}

// quickBars takes measures the quick way, which must break no promise, and returns their figures.
func quickBars(t *testing.T, only string, flags ...string) map[string][]float64 {
	t.Helper()
	redis := testkit.NewRedis(t, testkit.RedisOptions{}) // of its own: the bench takes whatever database is empty
	servers := []string{"DATABASE_URL=" + testkit.Database(t, nil), "REDIS_URL=" + redis.Addr()}
	args := append([]string{"bench", "bars", "--quick", "--runs", "1", "--json", "--only", only}, flags...)
	p := testkit.Start(t, testkit.Build(t), servers, args...)
	if status := p.Wait(3 * time.Minute); status != 0 {
		t.Fatalf("status %d: %s", status, p.Stderr())
	}
	var sheet struct {
		Figures map[string][]float64
		Void    map[string]string
	}
	if err := json.Unmarshal([]byte(p.Stdout()), &sheet); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(p.Stderr(), "VIOLATION") || len(sheet.Void) > 0 {
		t.Errorf("a promise was broken: %v\n%s", sheet.Void, p.Stderr())
	}
	return sheet.Figures
}

func TestBenchBars_help(t *testing.T) {
	t.Parallel()
	stdout, stderr, status := quantix(t, t.TempDir(), nil, "bench", "bars", "--help")
	_, extra, found := strings.Cut(stdout, "off unless named")
	if status != 0 || !found {
		t.Fatalf("status %d: %s%s", status, stdout, stderr)
	}
	for _, name := range []string{"overload", "replicas", "flat", "cold", "rebuy", "watched", "thousand", "snapshot", "hostile", "hostile_embedded", "slow", "auth", "audit", "search", "all"} {
		if !strings.Contains(extra, name) {
			t.Errorf("%q is missing among what is off unless named: %s", name, extra)
		}
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
		"all and others":    {servers, []string{"--only", "one,all"}, `no measure "all"`},
		"no runs":           {servers, []string{"--runs", "0"}, "--runs"},
		"too short":         {servers, []string{"--duration", "1ms"}, "--duration"},
		"unknown client":    {servers, []string{"--clients", "puts,nobody"}, `no client "nobody"`},
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

func TestBenchDisturb_refuses(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no client":      {},
		"unknown client": {"--client", "nobody"},
		"two clients":    {"--client", "puts,deletes"},
		"an argument":    {"--client", "puts", "now"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, stderr, status := quantix(t, t.TempDir(), nil, append([]string{"bench", "disturb"}, args...)...)
			if status != 2 {
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
