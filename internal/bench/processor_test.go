package bench

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"quantix/internal/testkit"
)

func TestParseProcess(t *testing.T) {
	t.Parallel()
	const rest = " S 17 17 17 0 -1 4194560 1 2 3 4 250 50 1000 500 20 0 1 0 5 6 7"
	want := process{name: "a (b) c", parent: 17, used: 3 * time.Second, ended: 15 * time.Second}
	if got, err := parseProcess("4711 (a (b) c)" + rest); err != nil || got != want {
		t.Errorf("%+v (%v), want %+v", got, err, want)
	}
	for _, line := range []string{"", ") (", "1 (x)", "1 (x) S 17 17", "1 (x) S y 17 17 0 -1 4194560 1 2 3 4 250 50 1000 500"} {
		if got, err := parseProcess(line); err == nil {
			t.Errorf("%q gave %+v and no error", line, got)
		}
	}
}

func TestProcessorTimeOfPostgres(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	url := testkit.Database(t, nil)
	before, err := countProcessorTime(t.Context(), url, os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.Postgres <= 0 || before.Generator != before.Server {
		t.Errorf("used %+v", before)
	}
	// A process of PostgreSQL that has ended is counted too: each of these is a new one.
	testkit.Eventually(t, 30*time.Second, func() error {
		now, err := countProcessorTime(t.Context(), url, os.Getpid())
		if err == nil && now.Minus(before).Postgres <= 0 {
			err = errors.New("PostgreSQL has used nothing")
		}
		return err
	})
	if _, err := countProcessorTime(t.Context(), url, 1<<30); err == nil {
		t.Error("a server that is not there was counted")
	}
}
