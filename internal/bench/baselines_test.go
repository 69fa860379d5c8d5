package bench

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"quantix/internal/onsale"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"

	"github.com/jackc/pgx/v5"
)

const summary15 = `pgbench (15.10 (Debian 15.10-0+deb12u1))
transaction type: script.sql
scaling factor: 1
query mode: prepared
number of clients: 16
number of threads: 2
maximum number of tries: 1
duration: 10 s
number of transactions actually processed: 12345
number of failed transactions: 0 (0.000%)
latency average = 12.960 ms
initial connection time = 21.871 ms
tps = 1234.567890 (without initial connection time)
`

const summary13 = `number of transactions actually processed: 500
latency average = 2.000 ms
tps = 499.000000 (including connections establishing)
tps = 500.500000 (excluding connections establishing)
`

func TestParsePGBench(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]pgbenchResult{
		summary15: {TPS: 1234.56789, Transactions: 12345, Mean: 12960 * time.Microsecond},
		summary13: {TPS: 500.5, Transactions: 500, Mean: 2 * time.Millisecond},
	} {
		got, err := parsePGBench(text)
		if err != nil || got != want {
			t.Errorf("parsed %+v (%v), want %+v", got, err, want)
		}
	}
	for _, text := range []string{"", "tps = x", strings.Replace(summary15, "transactions: 0", "transactions: 7", 1)} {
		if got, err := parsePGBench(text); err == nil {
			t.Errorf("%q gave %+v and no error", text, got)
		}
	}
}

func TestParseLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := readLogs([]string{write("a", "0 1 300 0 1700000000 1\n0 2 100 0 1700000000 2\n"), write("b", "1 1 200 0 1700000000 3\n")})
	if err != nil || onsale.Quantile(got, 0.5) != 200*time.Microsecond || onsale.Quantile(got, 0.99) != 300*time.Microsecond {
		t.Errorf("latencies %v, error %v", got, err)
	}
	for _, text := range []string{"", "0 1\n", "0 1 x 0\n"} {
		if _, err := readLogs([]string{write("c", text)}); err == nil {
			t.Errorf("log %q gave no error", text)
		}
	}
}

func TestFindPGBenchObeysTheEnvironment(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pgbench")
	if err := os.WriteFile(path, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(pgBinEnv, dir)
	if got, err := findPGBench(); err != nil || got != path {
		t.Errorf("found %q (%v), want %q", got, err, path)
	}
	if majorVersion("/usr/lib/postgresql/17/bin/pgbench") != 17 || majorVersion("/usr/bin/pgbench") != 0 {
		t.Error("versions are misread")
	}
}

func TestBaselinesRefuseRemoteServers(t *testing.T) {
	t.Parallel()
	_, err := baselines{URL: "postgres://u:p@db.example.com/x"}.Run(t.Context(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "not this machine") {
		t.Errorf("error %v", err)
	}
}

func TestMain(m *testing.M) { testkit.Main(m) }

func TestBaselinesOnTheRealSchema(t *testing.T) {
	t.Parallel()
	var progress bytes.Buffer
	b := baselines{URL: shop.Postgres(t), Duration: 2 * time.Second, CopyRows: 2_000, Users: 50, Events: 20, wide: 8}
	f, err := b.Run(t.Context(), &progress)
	if err != nil {
		t.Fatal(err)
	}
	for name, tps := range map[string]float64{
		"B1": f.ForUpdate16.TPS, "B1w": f.ForUpdate64.TPS, "events": f.ForUpdateEvents.TPS, "one": f.ForUpdate1.TPS,
		"insert": f.InsertOnly.TPS, "B4": f.CopyPerSecond,
	} {
		if tps <= 0 {
			t.Errorf("%s: no figure", name)
		}
	}
	if f.Durable {
		t.Error("the shared test server has fsync off, and was called durable")
	}
	if f.ForUpdate1.P50 <= 0 || f.ForUpdate1.P99 < f.ForUpdate1.P50 || !strings.Contains(progress.String(), "B1w") {
		t.Errorf("one client %+v, progress:\n%s", f.ForUpdate1, progress.String())
	}
}

func TestBaselinesSpareOtherPeoplesEvents(t *testing.T) {
	t.Parallel()
	url := shop.Postgres(t)
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	if _, err := db.Exec(t.Context(), sqlInsertEvents, "somebody's concert", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := (baselines{URL: url}).Run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "scratch") {
		t.Errorf("error %v", err)
	}
}

func TestPGEnvironmentHoldsThePassword(t *testing.T) {
	t.Parallel()
	b := baselines{URL: "postgres://u:secret@127.0.0.1:5433/scratch?sslmode=disable", PGBench: "/bin/true"}
	config, err := b.complete()
	if err != nil {
		t.Fatal(err)
	}
	env := strings.Join(pgEnvironment(&config.Config), " ")
	for _, want := range []string{"PGHOST=127.0.0.1", "PGPORT=5433", "PGUSER=u", "PGPASSWORD=secret", "PGDATABASE=scratch", "PGSSLMODE=disable"} {
		if !strings.Contains(env, want) {
			t.Errorf("%s is missing in %s", want, env)
		}
	}
	args := strings.Join(pgbench{clients: 64, duration: 1500 * time.Millisecond, logged: true}.arguments("f"), " ")
	if strings.Contains(args, "secret") || args != "-n -M prepared -c 64 -j 2 -T 2 -f f -l --log-prefix=log" {
		t.Errorf("arguments %s", args)
	}
}
