package testkit

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// template is a migrated database that others are copied from.
type template struct {
	once sync.Once
	name string
	err  error
}

var databaseCount atomic.Int64

// Database returns the URL of a fresh database in the shared PostgreSQL. The
// first call for a migrate function migrates a template, later ones copy it
// (some 40 ms); nil leaves the database empty. It is dropped after the test.
//
// Templates are told apart by the function's code: pass a named function, or a
// literal whose captured variables do not change the schema.
func Database(tb testing.TB, migrate func(url string) error) string {
	tb.Helper()
	return Postgres(tb).Database(tb, migrate)
}

// Database is the function Database for a server of one's own.
func (s *PostgresServer) Database(tb testing.TB, migrate func(url string) error) string {
	tb.Helper()
	source, err := s.template(migrate)
	if err != nil {
		tb.Fatal(err)
	}
	name := databaseName(tb.Name())
	if err := s.createFrom(source, name); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.drop(tb, name) })
	return s.URL(name)
}

// template returns the name of the database to copy for a migrate function.
func (s *PostgresServer) template(migrate func(string) error) (string, error) {
	if migrate == nil {
		return "template1", nil
	}
	key := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer()).Name()
	s.mu.Lock()
	t := s.templates[key]
	if t == nil {
		t = &template{name: fmt.Sprintf("template_%d", databaseCount.Add(1))}
		s.templates[key] = t
	}
	s.mu.Unlock()
	t.once.Do(func() {
		if t.err = s.createFrom("template1", t.name); t.err == nil {
			t.err = migrate(s.URL(t.name))
		}
	})
	if t.err != nil {
		return "", fmt.Errorf("migrate the template of %s: %w", key, t.err)
	}
	return t.name, nil
}

// createFrom copies a database file by file, which is twice as fast as writing
// the copy to the log, and safe: nothing is lost if a test's database is.
func (s *PostgresServer) createFrom(source, name string) error {
	err := s.exec(fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY FILE_COPY",
		pgx.Identifier{name}.Sanitize(), pgx.Identifier{source}.Sanitize()))
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	return nil
}

// drop removes a database, sessions that the test left open included. A server
// that the test has stopped or killed takes its databases with it.
func (s *PostgresServer) drop(tb testing.TB, name string) {
	if s.tb != nil && s.daemon.down() {
		return
	}
	if err := s.exec(fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", pgx.Identifier{name}.Sanitize())); err != nil {
		tb.Errorf("drop database %s: %v", name, err)
	}
}

// exec runs one statement in the maintenance database.
func (s *PostgresServer) exec(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	defer closeQuietly(conn)
	_, err = conn.Exec(ctx, sql)
	return err
}

// closeQuietly ends a session; a failure to say goodbye changes nothing.
func closeQuietly(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// databaseName makes a name that shows whose database it is; 63 bytes is
// PostgreSQL's limit.
func databaseName(test string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '_'
	}, test)
	name := fmt.Sprintf("t%d_%s", databaseCount.Add(1), clean)
	return name[:min(len(name), 63)]
}
