package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"quantix/internal/onsale"
)

// pgBinEnv names the directory of PostgreSQL's programs when they are in no usual place.
const pgBinEnv = "QUANTIX_PG_BIN"

// findPGBench returns the path of pgbench: in QUANTIX_PG_BIN, otherwise the newest of /usr/lib/postgresql, otherwise on
// PATH.
func findPGBench() (string, error) {
	var places []string
	if dir := os.Getenv(pgBinEnv); dir != "" {
		places = append(places, filepath.Join(dir, "pgbench"))
	}
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench") // the pattern is well-formed: no error
	slices.SortFunc(installed, func(a, b string) int { return majorVersion(b) - majorVersion(a) })
	for _, path := range append(places, installed...) {
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path, nil
		}
	}
	path, err := exec.LookPath("pgbench")
	if err != nil {
		return "", fmt.Errorf("find pgbench: install PostgreSQL's client programs, or name their directory in %s: %w", pgBinEnv, err)
	}
	return path, nil
}

// majorVersion reads 15 out of /usr/lib/postgresql/15/bin/pgbench; 0 when there is none.
func majorVersion(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path)))) // no number sorts last, as 0
	return n
}

// pgbenchResult is what one run of pgbench says.
type pgbenchResult struct {
	TPS          float64       `json:"tps"` // without the time for connecting
	Transactions int64         `json:"transactions"`
	Failed       int64         `json:"failed"`
	Mean         time.Duration `json:"mean_ns"`
	// P50 and P99 are there when the run was logged.
	P50 time.Duration `json:"p50_ns,omitempty"`
	P99 time.Duration `json:"p99_ns,omitempty"`
	// WALBytes is what one transaction wrote to PostgreSQL's log, on average.
	WALBytes float64 `json:"wal_bytes,omitempty"`
}

// pgbench is one run of the program.
type pgbench struct {
	binary   string
	config   *pgconn.Config
	script   string
	clients  int
	duration time.Duration
	logged   bool // measure percentiles too: costs a line of log for each transaction
}

func (p pgbench) run(ctx context.Context) (pgbenchResult, error) {
	dir, err := os.MkdirTemp("", "quantix-pgbench-*")
	if err != nil {
		return pgbenchResult{}, fmt.Errorf("run pgbench: %w", err)
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "script.sql")
	if err := os.WriteFile(script, []byte(p.script), 0o600); err != nil {
		return pgbenchResult{}, fmt.Errorf("run pgbench: %w", err)
	}
	cmd := exec.CommandContext(ctx, p.binary, p.arguments(script)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), pgEnvironment(p.config)...)
	var output, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &complaints
	if err := cmd.Run(); err != nil {
		return pgbenchResult{}, fmt.Errorf("run pgbench: %w: %.1000s", err, complaints.String())
	}
	return p.read(output.String(), dir)
}

func (p pgbench) arguments(script string) []string {
	seconds := max(1, int(p.duration.Round(time.Second)/time.Second))
	args := []string{
		"-n", "-M", "prepared", "-c", strconv.Itoa(p.clients), "-j", strconv.Itoa(min(p.clients, 2)),
		"-T", strconv.Itoa(seconds), "-f", script,
	}
	if p.logged {
		args = append(args, "-l", "--log-prefix=log")
	}
	return args
}

// pgEnvironment hands the connection over in the environment: arguments would show the password to every user.
func pgEnvironment(c *pgconn.Config) []string {
	mode := "disable"
	switch {
	case c.TLSConfig != nil && slices.ContainsFunc(c.Fallbacks, func(f *pgconn.FallbackConfig) bool {
		return f.TLSConfig == nil
	}):
		mode = "prefer"
	case c.TLSConfig != nil:
		mode = "require"
	}
	return []string{
		"PGHOST=" + c.Host, "PGPORT=" + strconv.Itoa(int(c.Port)), "PGUSER=" + c.User, "PGPASSWORD=" + c.Password,
		"PGDATABASE=" + c.Database, "PGSSLMODE=" + mode, "LC_ALL=C",
	}
}

func (p pgbench) read(output, dir string) (pgbenchResult, error) {
	res, err := parsePGBench(output)
	if err != nil || !p.logged {
		return res, err
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "log.*")) // the pattern is well-formed: no error
	latencies, err := readLogs(logs)
	if err != nil {
		return res, err
	}
	res.P50, res.P99 = onsale.Quantile(latencies, 0.50), onsale.Quantile(latencies, 0.99)
	return res, nil
}

var (
	tpsLine       = regexp.MustCompile(`(?m)^tps = ([0-9.]+)(?: \(without initial connection time\)| \(excluding connections establishing\))$`)
	processedLine = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
	failedLine    = regexp.MustCompile(`(?m)^number of failed transactions: ([0-9]+)`)
	meanLine      = regexp.MustCompile(`(?m)^latency average = ([0-9.]+) ms`)
)

// parsePGBench reads pgbench's summary, of PostgreSQL 13 and later. Transactions that failed make the figure useless,
// so they are an error.
func parsePGBench(output string) (pgbenchResult, error) {
	var r pgbenchResult
	tps, mean := field(tpsLine, output), field(meanLine, output)
	r.TPS, r.Transactions, r.Failed = tps, int64(field(processedLine, output)), int64(field(failedLine, output))
	r.Mean = time.Duration(mean * float64(time.Millisecond))
	if r.TPS <= 0 || r.Transactions <= 0 {
		return r, fmt.Errorf("read pgbench's summary: no rate in %.500q", output)
	}
	if r.Failed > 0 {
		return r, fmt.Errorf("pgbench: %d of %d transactions failed", r.Failed, r.Transactions+r.Failed)
	}
	return r, nil
}

// field returns the number that the expression finds, or 0.
func field(e *regexp.Regexp, text string) float64 {
	m := e.FindStringSubmatch(text)
	if m == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(m[1], 64) // the expression admits numbers only; anything else is a missing figure
	return n
}

// readLogs collects the latencies of pgbench's transaction logs, sorted.
func readLogs(paths []string) ([]time.Duration, error) {
	var all []time.Duration
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: %w", err)
		}
		some, err := parseLog(f)
		_ = f.Close() // only read
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, errors.New("read pgbench's log: no transactions")
	}
	slices.Sort(all)
	return all, nil
}

// parseLog reads lines of "client transaction microseconds ...".
func parseLog(r io.Reader) ([]time.Duration, error) {
	var all []time.Duration
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			return nil, fmt.Errorf("read pgbench's log: line %q", lines.Text())
		}
		us, err := strconv.ParseInt(fields[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("read pgbench's log: line %q: %w", lines.Text(), err)
		}
		all = append(all, time.Duration(us)*time.Microsecond)
	}
	return all, lines.Err()
}
