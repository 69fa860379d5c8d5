package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// processorTime is what those who share the processors have used so far: the server, all processes of PostgreSQL, and
// the load generator, which is this process.
type processorTime struct{ Server, Postgres, Generator time.Duration }

// countProcessorTime reads it from Linux's list of processes. Elsewhere, and when PostgreSQL is not among them, it
// gives an error. Without an address there is no PostgreSQL.
func countProcessorTime(ctx context.Context, address string, server int) (t processorTime, err error) {
	ours, err := readProcess(os.Getpid())
	if err != nil {
		return t, err
	}
	theirs, err := readProcess(server)
	if err != nil {
		return t, err
	}
	t.Generator, t.Server = ours.used, theirs.used
	if address != "" {
		t.Postgres, err = postgresTime(ctx, address)
	}
	return t, err
}

// Minus returns what was used since.
func (t processorTime) Minus(before processorTime) processorTime {
	return processorTime{t.Server - before.Server, t.Postgres - before.Postgres, t.Generator - before.Generator}
}

// process is what /proc/*/stat tells of one process.
type process struct {
	name   string
	parent int
	used   time.Duration
	ended  time.Duration // used by children that have ended
}

func readProcess(pid int) (process, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return process{}, err
	}
	return parseProcess(string(text))
}

// parseProcess reads a line such as "17 (some name) S 1 ...": the name may hold anything, parentheses too.
func parseProcess(line string) (p process, err error) {
	begin, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if begin < 0 || end < begin {
		return p, errors.New("a process without a name")
	}
	p.name = line[begin+1 : end]
	// proc(5) counts from 1 and has the state, which comes first here, as its third field.
	fields := strings.Fields(line[end+1:])
	var n [5]int64
	for i, field := range []int{4, 14, 15, 16, 17} {
		if field-3 >= len(fields) {
			return p, errors.New("a process with too few fields")
		}
		if n[i], err = strconv.ParseInt(fields[field-3], 10, 64); err != nil {
			return p, fmt.Errorf("a process's field %d: %w", field, err)
		}
	}
	const tick = time.Second / 100 // what Linux shows to programs, whatever it counts in itself
	p.parent, p.used, p.ended = int(n[0]), time.Duration(n[1]+n[2])*tick, time.Duration(n[3]+n[4])*tick
	return p, nil
}

// postgresTime adds the postmaster, its children, and those that it has outlived up.
func postgresTime(ctx context.Context, address string) (time.Duration, error) {
	master, err := postmaster(ctx, address)
	if err != nil {
		return 0, err
	}
	parent, err := readProcess(master)
	if err != nil {
		return 0, err
	}
	sum := parent.used + parent.ended
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		if child, err := parseProcess(string(text)); err == nil && child.parent == master {
			sum += child.used
		}
	}
	return sum, nil
}

// postmaster returns the parent of the process that serves a new connection. A server in a container, or behind a
// tunnel, names a process that is not there, or is somebody else's.
func postmaster(ctx context.Context, address string) (int, error) {
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		return 0, err
	}
	defer db.Close(context.WithoutCancel(ctx))
	var pid int
	if err := db.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return 0, err
	}
	backend, err := readProcess(pid)
	if err != nil {
		return 0, err
	}
	if !strings.HasPrefix(backend.name, "postgres") {
		return 0, errors.New("PostgreSQL's processes are not among those of this machine")
	}
	return backend.parent, nil
}
