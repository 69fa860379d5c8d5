package database_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"quantix/internal/database"
	"quantix/internal/testkit"
)

// TestIdentityMovesWithItsMigration: events of before, and of an older program that runs beside it, are the default
// organizer's; going back forgets whose an event is, and loses no event.
func TestIdentityMovesWithItsMigration(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	back := applied(t, m) - 10
	if err := errors.Join(m.Up(t.Context()), m.Down(t.Context(), back)); err != nil {
		t.Fatal(err)
	}
	const older = `
		INSERT INTO users (id, name, email, created_at, updated_at) VALUES (gen_random_uuid(), 'Ann', gen_random_uuid() || '@example.org', now(), now());
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
			VALUES (gen_random_uuid(), 'Concert', now(), 10, 50, 'USD', now(), now())`
	const mustHold = `SELECT 1 / count(*) FROM `
	const ofTheDefault = `events e JOIN organizers o ON o.id = e.organizer_id WHERE o.name = 'default' HAVING count(*) = `
	exec(t, url, older)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+ofTheDefault+`1`)
	exec(t, url, older)
	exec(t, url, mustHold+ofTheDefault+`2`)
	exec(t, url, mustHold+`users WHERE organizer_id IS NULL HAVING count(*) = 2`)
	if losses, err := m.Losses(t.Context(), back); err != nil || len(losses) != 0 {
		t.Errorf("going back at once would lose %v, %v", losses, err)
	}
	exec(t, url, `
		INSERT INTO organizers (id, name, created_at, updated_at) VALUES (gen_random_uuid(), 'Another', now(), now());
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at, organizer_id)
			SELECT gen_random_uuid(), 'Theirs', now(), 10, 50, 'USD', now(), now(), id FROM organizers WHERE name = 'Another';
		UPDATE users SET organizer_id = (SELECT id FROM organizers WHERE name = 'Another');
		INSERT INTO api_keys (id, hash, name, role, organizer_id, event_ids, created_at)
			SELECT gen_random_uuid(), sha256('1'), 'door', 'door', organizer_id, ARRAY[id], now() FROM events WHERE name = 'Theirs';
		INSERT INTO subjects (issuer, subject, user_id, bound_at) SELECT 'i', 's', id, now() FROM users LIMIT 1;
		INSERT INTO access_log (id, actor, action, user_id, at, ip, request_id) SELECT id, 'key', 'read_user', id, now(), '', '' FROM users`)
	want := []database.Loss{{Table: "organizers", Rows: 1}, {Table: "api_keys", Rows: 1}, {Table: "subjects", Rows: 1}, {Table: "access_log", Rows: 2}}
	if losses, err := m.Losses(t.Context(), back); err != nil || !slices.Equal(losses, want) {
		t.Errorf("going back would lose %v, %v; want %v", losses, err, want)
	}
	if err := m.Down(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+`events HAVING count(*) = 3`)
	exec(t, url, mustHold+`users HAVING count(*) = 2`)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+ofTheDefault+`3`)
}

// TestKeysAreWhatTheyMayBe: what no program of ours would write, by hand neither.
func TestKeysAreWhatTheyMayBe(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, values := range []string{
		`sha256('1'), 'admin', (SELECT id FROM organizers), NULL`,
		`sha256('1'), 'door', NULL, NULL`,
		`sha256('1'), 'customer', (SELECT id FROM organizers), NULL`,
		`sha256('1'), 'admin', NULL, ARRAY[gen_random_uuid()]`,
		`sha256('1'), 'door', (SELECT id FROM organizers), '{}'`,
		`sha256('1'), 'door', gen_random_uuid(), NULL`,
		`'short', 'admin', NULL, NULL`,
	} {
		_, err := conn.Exec(t.Context(), `INSERT INTO api_keys (id, name, created_at, hash, role, organizer_id, event_ids)
			SELECT gen_random_uuid(), 'key', now(), `+values)
		if err == nil {
			t.Errorf("a key of %s was written", values)
		}
	}
}
