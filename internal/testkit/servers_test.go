package testkit

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// connect opens a session that ends with the test.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(conn) })
	return conn
}

// ask returns a query's one text value.
func ask(t *testing.T, url, sql string) string {
	t.Helper()
	var answer string
	if err := connect(t, url).QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func run(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func migrateSample(url string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	_, err = conn.Exec(ctx, "CREATE TABLE sample (n text)")
	return err
}

func TestPostgresIsSharedAndReachable(t *testing.T) {
	t.Parallel()
	s := Postgres(t)
	if s != Postgres(t) {
		t.Error("two shared servers")
	}
	for _, url := range []string{s.URL("postgres"), s.SocketURL("postgres")} {
		if got := ask(t, url, "SHOW fsync"); got != "off" {
			t.Errorf("%s: fsync = %s, want off", url, got)
		}
	}
}

func TestSharedServersCannotBeBroken(t *testing.T) {
	t.Parallel()
	breaks := map[string]func(){
		"postgres kill": Postgres(t).Kill, "postgres stop": Postgres(t).Stop, "postgres pause": Postgres(t).Pause,
		"redis kill": Redis(t).Kill, "redis restart": Redis(t).Restart, "redis pause": Redis(t).Pause,
	}
	for name, f := range breaks {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was let through", name)
				}
			}()
			f()
		}()
	}
}

func TestDatabasesAreFreshCopies(t *testing.T) {
	t.Parallel()
	count := 0
	migrate := func(url string) error { count++; return migrateSample(url) }
	first, second := Database(t, migrate), Database(t, migrate)
	if count > 1 { // 0 if the test has run before in this process (-count)
		t.Errorf("migrated %d times, want once", count)
	}
	run(t, first, "INSERT INTO sample VALUES ('mine')")
	if got := ask(t, second, "SELECT count(*)::text FROM sample"); got != "0" {
		t.Errorf("the second database has %s rows of the first", got)
	}
	if got := ask(t, Database(t, nil), "SELECT count(*)::text FROM pg_tables WHERE tablename = 'sample'"); got != "0" {
		t.Error("an empty database has the sample table")
	}
}

func TestDatabaseIsDroppedWithOpenSessions(t *testing.T) {
	t.Parallel()
	var url string
	t.Run("use", func(t *testing.T) {
		url = Database(t, migrateSample)
		if _, err := pgx.Connect(context.Background(), url); err != nil { // left open on purpose
			t.Fatal(err)
		}
	})
	if _, err := pgx.Connect(t.Context(), url); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("connect after the test: %v, want: does not exist", err)
	}
}

func TestDatabaseReportsAFailedMigration(t *testing.T) {
	t.Parallel()
	for range 2 {
		failure := inspect(t, func(tb testing.TB) { Database(tb, failingMigration) })
		if !strings.Contains(failure, "no such column") {
			t.Errorf("failure = %q", failure)
		}
	}
}

func failingMigration(string) error { return errors.New("no such column") }

func TestDurablePostgresSurvivesKill(t *testing.T) {
	t.Parallel()
	s := NewPostgres(t, Options{Durable: true, Settings: map[string]string{"work_mem": "3MB"}})
	url := s.URL("postgres")
	if got := ask(t, url, "SELECT current_setting('fsync') || current_setting('full_page_writes') || current_setting('synchronous_commit') || current_setting('work_mem')"); got != "ononon3MB" {
		t.Errorf("settings %s, want ononon3MB", got)
	}
	run(t, url, "CREATE TABLE kept (n text)")
	run(t, url, "INSERT INTO kept VALUES ('a ticket')")
	open := connect(t, url)
	s.Kill()
	if err := open.Ping(t.Context()); err == nil {
		t.Error("a session outlived Kill")
	}
	if _, err := pgx.Connect(t.Context(), url); err == nil {
		t.Error("connected to a killed server")
	}
	s.Restart()
	if got := ask(t, url, "SELECT n FROM kept"); got != "a ticket" {
		t.Errorf("after Kill and Restart: %q", got)
	}
	s.Stop()
	s.Stop()
	s.Restart()
	s.Restart()
	if got := ask(t, url, "SELECT n FROM kept"); got != "a ticket" {
		t.Errorf("after Stop and Restart: %q", got)
	}
}

func TestPostgresPause(t *testing.T) {
	t.Parallel()
	s := NewPostgres(t, Options{})
	conn := connect(t, s.URL("postgres"))
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if fresh, err := pgx.Connect(ctx, s.URL("postgres")); err == nil {
		closeQuietly(fresh)
		t.Error("a paused server answered")
	}
	s.Resume()
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("the old session after Resume: %v", err)
	}
	s.Pause() // ending a paused server must not hang
}

func TestDedicatedServerLeavesNothing(t *testing.T) {
	t.Parallel()
	var dir string
	t.Run("use", func(t *testing.T) {
		s := NewPostgres(t, Options{})
		_ = s.Database(t, migrateSample)
		dir = s.daemon.dir
		s.Kill()
	})
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory after the test: %v, want: gone", err)
	}
}

func TestRedisDatabasesAreApart(t *testing.T) {
	t.Parallel()
	s := Redis(t)
	first, second := s.Database(t), s.Database(t)
	if first == second || !strings.HasPrefix(first, "redis://127.0.0.1:") || first == s.URL() {
		t.Errorf("databases %s and %s", first, second)
	}
}

func TestRedisRestart(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		appendOnly bool
		want       string
	}{
		"keeps what it answered when appending": {true, "$5"},
		"is empty otherwise":                    {false, "$-1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := NewRedis(t, RedisOptions{AppendOnly: test.appendOnly})
			if err := s.command(t.Context(), "+OK", "SET k value"); err != nil {
				t.Fatal(err)
			}
			s.Kill()
			if s.ping(t.Context()) == nil {
				t.Error("a killed server answered")
			}
			s.Restart()
			if err := s.command(t.Context(), test.want, "GET k"); err != nil {
				t.Error(err)
			}
			s.Stop()
			s.Restart()
		})
	}
}

func TestRedisPause(t *testing.T) {
	t.Parallel()
	s := NewRedis(t, RedisOptions{Settings: map[string]string{"maxmemory": "64mb"}})
	s.Pause()
	answered := make(chan error, 1)
	go func() { answered <- s.ping(context.Background()) }()
	select {
	case err := <-answered:
		t.Errorf("a paused server answered: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.Resume()
	if err := <-answered; err != nil {
		t.Errorf("after Resume: %v", err)
	}
}
