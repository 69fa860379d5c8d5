package database_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"quantix/internal/database"
	"quantix/internal/testkit"
	"quantix/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var silent = slog.New(slog.DiscardHandler)

func migrator(t *testing.T, url string) *database.Migrator {
	t.Helper()
	m, err := database.OpenPostgresMigrator(t.Context(), url, false, silent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func exec(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func required(t *testing.T) uint {
	t.Helper()
	version, err := database.RequiredVersion(migrations.Postgres)
	if err != nil || version == 0 {
		t.Fatalf("required version %d: %v", version, err)
	}
	return version
}

// applied is how many migrations there are: a number may be missing while it is another branch's.
func applied(t *testing.T, m *database.Migrator) int {
	t.Helper()
	schema, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(schema.Migrations)
}

func checkVersion(t *testing.T, m *database.Migrator, want uint) {
	t.Helper()
	schema, err := m.Status(t.Context())
	if err != nil || schema.Version != want || schema.Dirty {
		t.Errorf("schema %+v (%v), want a clean version %d", schema, err, want)
	}
	for _, migration := range schema.Migrations {
		if migration.Applied != (migration.Version <= want) || migration.Name == "" {
			t.Errorf("migration %+v at version %d", migration, want)
		}
	}
}

func TestMigrateUpAndDown(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	checkVersion(t, m, 0)
	for range 2 { // the second time there is nothing to do
		if err := m.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkVersion(t, m, required(t))
	}
	if err := m.Down(t.Context(), applied(t, m)); err != nil {
		t.Fatal(err)
	}
	checkVersion(t, m, 0)
	if err := m.Down(t.Context(), 0); err == nil {
		t.Error("no steps down were accepted")
	}
	if err := m.Up(t.Context()); err != nil {
		t.Errorf("up again: %v", err)
	}
}

func TestMigrateSeveralAtOnce(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	var replicas sync.WaitGroup
	for range 4 {
		replicas.Go(func() {
			if err := database.MigratePostgres(t.Context(), url, silent); err != nil {
				t.Errorf("one of four replicas: %v", err)
			}
		})
	}
	replicas.Wait()
	checkVersion(t, migrator(t, url), required(t))
}

func TestNewerSchemaIsFine(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, "UPDATE schema_migrations SET version = 999")
	if err := m.Up(t.Context()); err != nil {
		t.Errorf("up on a newer schema: %v", err)
	}
	checkVersion(t, m, 999)
}

func TestFailedDownLeavesTheVersion(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, "CREATE VIEW in_the_way AS SELECT id FROM bookings")
	if err := m.Down(t.Context(), applied(t, m)); err == nil {
		t.Error("a table that a view needs was dropped")
	}
	if schema, err := m.Status(t.Context()); err != nil || schema.Dirty || schema.Version == 0 {
		t.Errorf("schema %+v (%v), want the version that is still in force", schema, err)
	}
}

func TestDirtySchemaIsRefusedAndRepaired(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	exec(t, url, "CREATE TABLE bookings (in_the_way INTEGER)")
	if err := database.MigratePostgres(t.Context(), url, silent); err == nil || strings.Contains(err.Error(), "CREATE TABLE") {
		t.Fatalf("a migration over a foreign table: %v; want its reason without the whole file", err)
	}
	m := migrator(t, url)
	if schema, err := m.Status(t.Context()); err != nil || !schema.Dirty || schema.Version != 1 || schema.Migrations[0].Applied {
		t.Errorf("status %+v (%v), want a dirty version 1", schema, err)
	}
	for name, act := range map[string]func() error{
		"up":   func() error { return m.Up(t.Context()) },
		"down": func() error { return m.Down(t.Context(), 1) },
	} {
		if err := act(); err == nil || !strings.Contains(err.Error(), "quantix migrate repair") {
			t.Errorf("%s on a dirty schema: %v, want the command that helps", name, err)
		}
	}
	exec(t, url, "DROP TABLE bookings")
	if err := m.Repair(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Up(t.Context()); err != nil {
		t.Errorf("up after the repair: %v", err)
	}
	checkVersion(t, m, required(t))
}

// The newest migration may have failed half-way as well: then the version is what this program needs, and the schema is
// not. Neither is one that a newer program has left half-done.
func TestADirtySchemaIsRefusedWhateverItsVersion(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, migrateQuietly)
	m := migrator(t, url)
	for _, version := range []uint{required(t), 999} {
		exec(t, url, fmt.Sprintf("UPDATE schema_migrations SET dirty = true, version = %d", version))
		if err := m.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "quantix migrate repair") {
			t.Errorf("up on a dirty version %d: %v, want the command that helps", version, err)
		}
	}
}

func migrateQuietly(url string) error {
	return database.MigratePostgres(context.Background(), url, silent)
}

func TestMissingDatabaseIsCreated(t *testing.T) {
	t.Parallel()
	server := testkit.NewPostgres(t, testkit.Options{})
	var replicas sync.WaitGroup
	for range 4 {
		replicas.Go(func() {
			pool, err := database.OpenPostgres(t.Context(), database.PostgresOptions{URL: server.URL("ticket_booking"), MaxConns: 1, Create: true})
			if err != nil {
				t.Errorf("opening what does not exist yet: %v", err)
				return
			}
			pool.Close()
		})
	}
	replicas.Wait()
}

func TestMissingDatabaseIsNotCreatedForReading(t *testing.T) {
	t.Parallel()
	address := testkit.Postgres(t).URL("nobody_made_this")
	for range 2 { // the second time shows that the first made nothing
		for name, open := range map[string]func() error{
			"the pool": func() error {
				_, err := database.OpenPostgres(t.Context(), database.PostgresOptions{URL: address})
				return err
			},
			"the migrator": func() error {
				_, err := database.OpenPostgresMigrator(t.Context(), address, false, silent)
				return err
			},
		} {
			if err := open(); err == nil || !strings.Contains(err.Error(), `"nobody_made_this"`) || !strings.Contains(err.Error(), "quantix migrate up") {
				t.Errorf("%s: error %v, want one that names the database and the command", name, err)
			}
		}
	}
}

func TestMissingDatabaseNamesTheCommand(t *testing.T) {
	t.Parallel()
	server := testkit.NewPostgres(t, testkit.Options{})
	exec(t, server.URL("postgres"), "CREATE ROLE clerk LOGIN")
	address, err := url.Parse(server.URL("ticket_booking"))
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword("clerk", "secret")
	_, err = database.OpenPostgres(t.Context(), database.PostgresOptions{URL: address.String(), Create: true})
	if err == nil || !strings.Contains(err.Error(), "createdb --host=127.0.0.1") || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %q, want one that names createdb and no password", err)
	}
}

func TestOpenPostgresSettings(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	pool, err := database.OpenPostgres(t.Context(), database.PostgresOptions{
		URL: testkit.Database(t, nil), LockTimeout: 1500 * time.Millisecond, AppName: "a test", ShortStatements: true,
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for name, want := range map[string]string{
		"lock_timeout": "1500ms", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "10s",
		"application_name": "a test", "TimeZone": "UTC", "plan_cache_mode": "force_generic_plan", "enable_seqscan": "off",
	} {
		var have string
		if err := pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&have); err != nil || have != want {
			t.Errorf("%s is %q (%v), want %q", name, have, err, want)
		}
	}
	if !strings.Contains(log.String(), "setting=fsync") {
		t.Errorf("the test server does not sync, which was not warned of: %q", log.String())
	}
}

func TestUnreachableAndWrongAddresses(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"postgres://postgres:hidden@127.0.0.1:1/x?sslmode=disable", "postgres://postgres:hidden@h:port/x"} {
		_, err := database.OpenPostgres(t.Context(), database.PostgresOptions{URL: url, ConnectTimeout: time.Second})
		if err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: error %v, want one without the password", url, err)
		}
		if err := database.MigratePostgres(t.Context(), url, silent); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("migrate %s: error %v, want one without the password", url, err)
		}
	}
}

// refusing answers like a PostgreSQL without TLS that does not take the password, and returns its port.
func refusing(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for line, err := listener.Accept(); err == nil; line, err = listener.Accept() {
			server := pgproto3.NewBackend(line, line)
			switch first, _ := server.ReceiveStartupMessage(); first.(type) {
			case *pgproto3.SSLRequest:
				_, _ = line.Write([]byte("N"))
			case *pgproto3.StartupMessage:
				server.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "password authentication failed"})
				_ = server.Flush()
			}
			_ = line.Close()
		}
	}()
	address, is := listener.Addr().(*net.TCPAddr)
	if !is {
		t.Fatalf("the listener's address is a %T", listener.Addr())
	}
	return address.Port
}

func TestAFailedConnectionHasOneCause(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ url, says, silent string }{
		"nobody there":       {"postgres://u:hidden@127.0.0.1:1/x", "at 127.0.0.1:1: connect: connection refused; check DATABASE_URL", "dial"},
		"the wrong password": {fmt.Sprintf("postgres://u:hidden@127.0.0.1:%d/x", refusing(t)), "password authentication failed (SQLSTATE 28P01); check DATABASE_URL", "tls"},
		"no TLS":             {fmt.Sprintf("postgres://u:hidden@127.0.0.1:%d/x?sslmode=require", refusing(t)), "server refused TLS connection; check DATABASE_URL", "dial"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := database.MigratePostgres(t.Context(), c.url, silent)
			if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), c.silent) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; want %q", err, c.says)
			}
		})
	}
}

// TestCountersMoveWithTheirMigration: an event keeps its counters when they get a table of their own, and when they go
// back.
func TestCountersMoveWithTheirMigration(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	if err := errors.Join(m.Up(t.Context()), m.Down(t.Context(), applied(t, m)-1)); err != nil {
		t.Fatal(err)
	}
	exec(t, url, `INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, available, held, sold, pending_count,
			confirmed_count, cancelled_count, held_amount, sold_amount, created_at, updated_at)
		VALUES (gen_random_uuid(), 'Concert', now(), 10, 75.5, 'USD', 5, 2, 3, 1, 2, 4, 151, 226.5, now(), now())`)
	const counters = `total_tickets = 10 AND available = 5 AND held = 2 AND sold = 3 AND pending_count = 1 AND confirmed_count = 2
		AND cancelled_count = 4 AND held_amount = 151 AND sold_amount = 226.5`
	const mustHold = `SELECT 1 / count(*) FROM `
	if err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+`events e JOIN event_stock s ON s.event_id = e.id AND s.total_tickets = e.total_tickets WHERE s.`+
		strings.ReplaceAll(counters, "AND ", "AND s."))
	if err := m.Down(t.Context(), applied(t, m)-1); err != nil {
		t.Fatal(err)
	}
	exec(t, url, mustHold+`events WHERE `+counters)
}
