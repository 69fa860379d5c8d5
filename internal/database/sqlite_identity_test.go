package database

import (
	"errors"
	"slices"
	"testing"
)

// TestIdentityMovesWithItsSQLiteMigration is TestIdentityMovesWithItsMigration for the embedded store.
func TestIdentityMovesWithItsSQLiteMigration(t *testing.T) {
	t.Parallel()
	m, err := OpenSQLiteMigrator(t.Context(), openSQLite(t, t.TempDir()), silent())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	schema, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		t.Helper()
		if _, err := m.db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	counts := func(rows string, want int) {
		t.Helper()
		var n int
		if err := m.db.QueryRow("SELECT count(*) FROM " + rows).Scan(&n); err != nil || n != want {
			t.Errorf("there are %d %s (%v); want %d", n, rows, err, want)
		}
	}
	back := len(schema.Migrations) - 10
	if err := errors.Join(m.Up(t.Context()), m.Down(t.Context(), back)); err != nil {
		t.Fatal(err)
	}
	const older = `
		INSERT INTO users (id, name, email, email_key, created_at, updated_at)
			SELECT randomblob(16), 'Ann', n || '@example.org', n || '@example.org', 1, 1 FROM (SELECT hex(randomblob(9)) AS n);
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, available, created_at, updated_at)
			VALUES (randomblob(16), 'Concert', 1, 10, 5000, 'USD', 10, 1, 1)`
	const ofTheDefault = `events e JOIN organizers o ON o.id = e.organizer_id WHERE o.name = 'default'`
	exec(older)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts(ofTheDefault, 1)
	exec(older)
	counts(ofTheDefault, 2)
	counts(`users WHERE organizer_id IS NULL`, 2)
	if losses, err := m.Losses(t.Context(), back); err != nil || len(losses) != 0 {
		t.Errorf("going back at once would lose %v, %v", losses, err)
	}
	exec(`
		INSERT INTO organizers (id, name, created_at, updated_at) VALUES (randomblob(16), 'Another', 1, 1);
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, available, created_at, updated_at, organizer_id)
			SELECT randomblob(16), 'Theirs', 1, 10, 5000, 'USD', 10, 1, 1, id FROM organizers WHERE name = 'Another';
		UPDATE users SET organizer_id = (SELECT id FROM organizers WHERE name = 'Another');
		INSERT INTO api_keys (id, hash, name, role, organizer_id, event_ids, created_at)
			SELECT randomblob(16), randomblob(32), 'door', 'door', organizer_id, id, 1 FROM events WHERE name = 'Theirs';
		INSERT INTO subjects (issuer, subject, user_id, bound_at) SELECT 'i', 's', id, 1 FROM users LIMIT 1;
		INSERT INTO access_log (id, actor, action, user_id, at, ip, request_id) SELECT id, 'key', 'read_user', id, 1, '', '' FROM users`)
	want := []Loss{{"organizers", 1}, {"api_keys", 1}, {"subjects", 1}, {"access_log", 2}}
	if losses, err := m.Losses(t.Context(), back); err != nil || !slices.Equal(losses, want) {
		t.Errorf("going back would lose %v, %v; want %v", losses, err, want)
	}
	for _, values := range []string{
		`randomblob(32), 'admin', (SELECT min(id) FROM organizers), NULL`, `randomblob(32), 'door', NULL, NULL`,
		`randomblob(32), 'customer', (SELECT min(id) FROM organizers), NULL`, `randomblob(32), 'admin', NULL, randomblob(16)`,
		`randomblob(32), 'door', (SELECT min(id) FROM organizers), x''`, `randomblob(32), 'door', randomblob(16), NULL`,
		`randomblob(31), 'admin', NULL, NULL`,
	} {
		_, err := m.db.Exec(`INSERT INTO api_keys (id, name, created_at, hash, role, organizer_id, event_ids) SELECT randomblob(16), 'key', 1, ` + values)
		if err == nil {
			t.Errorf("a key of %s was written", values)
		}
	}
	if err := m.Down(t.Context(), back); err != nil {
		t.Fatal(err)
	}
	counts(`events`, 3)
	counts(`users`, 2)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts(ofTheDefault, 3)
}
