package cli_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/testkit"
)

// A copy of a database that reaches the original's Redis takes no message there, and says why; with an id of its own it
// works. The original is not disturbed, nor by a restart of its own.
func TestInstallation_of_a_copy(t *testing.T) {
	t.Parallel()
	env := onServers(t)
	original := serve(t, env...)
	copied := []string{"DATABASE_URL=" + testkit.Database(t, nil), env[1]}
	if _, stderr, status := quantix(t, t.TempDir(), copied, "migrate", "up"); status != 0 {
		t.Fatal(stderr)
	}
	copyInstallation(t, value(env[0]), value(copied[0]))
	confirms := func(s *server) {
		t.Helper()
		event, user := s.event(t, 10, "75.50"), s.user(t)
		at := "/api/v1/bookings/" + s.want(t, http.StatusCreated, "POST", "/api/v1/bookings",
			`{"user_id":"`+user+`","event_id":"`+event+`","quantity":1}`).text("id")
		testkit.Eventually(t, 40*time.Second, func() error {
			if a := s.want(t, http.StatusOK, "GET", at, ""); a.text("status") != "CONFIRMED" {
				return errors.New(a.body)
			}
			return nil
		})
	}
	confirms(original)
	worker := testkit.StartIn(t, t.TempDir(), testkit.Build(t), append(copied, "WORKER_PORT=0"), "worker")
	worker.AwaitLine(60*time.Second, "another database with this installation's id")
	confirms(original)
	if stdout, _, status := quantix(t, t.TempDir(), copied, "doctor"); status != 1 || !strings.Contains(stdout, "installation new") {
		t.Errorf("doctor: %d %s", status, stdout)
	}
	confirms(original)
	if log := worker.Stderr(); strings.Contains(log, "a round failed") || strings.Count(log, "level=ERROR") > 3 {
		t.Errorf("the copy's log has more than the one line to read, now and then:\n%s", log)
	}
	if log := original.Stderr(); strings.Contains(log, "installation's id") {
		t.Errorf("the original was disturbed:\n%s", log)
	}
	worker.Kill()
	if _, stderr, status := quantix(t, t.TempDir(), copied, "installation", "new"); status == 0 || !strings.Contains(stderr, "--yes") {
		t.Errorf("without --yes: %d %s", status, stderr)
	}
	before, _, _ := quantix(t, t.TempDir(), copied, "installation")
	after, stderr, status := quantix(t, t.TempDir(), copied, "installation", "new", "--yes")
	if status != 0 || after == before || strings.TrimSpace(after) == "" {
		t.Fatalf("installation new: %d %q, was %q: %s", status, after, before, stderr)
	}
	confirms(serve(t, copied...))
	original.Kill()
	confirms(serve(t, env...))
}

func value(setting string) string {
	_, v, _ := strings.Cut(setting, "=")
	return v
}

// copyInstallation gives a database what it would have as a copy of another.
func copyInstallation(t *testing.T, from, to string) {
	t.Helper()
	connect := func(url string) *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		return conn
	}
	var id string
	var token, previous *string
	err := connect(from).QueryRow(t.Context(), "SELECT id::text, token::text, previous::text FROM installation").Scan(&id, &token, &previous)
	if err == nil {
		_, err = connect(to).Exec(t.Context(), "UPDATE installation SET id = $1::uuid, token = $2::uuid, previous = $3::uuid, turned_at = now() - interval '1 hour'", id, token, previous)
	}
	if err != nil {
		t.Fatal(err)
	}
}
