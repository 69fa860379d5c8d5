package postgres_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"quantix/internal/repository/postgres"
)

// TestAuditPlan: an audit must take time in proportion to the bookings also when the tables have outgrown what their
// statistics say, as they do in the first minute of an on-sale.
func TestAuditPlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	conn := b.connect(t)
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), postgres.BeginAudit); err != nil {
		t.Fatal(err)
	}
	var jit, timeout string
	err = tx.QueryRow(t.Context(), `SELECT current_setting('jit'), current_setting('statement_timeout')`).Scan(&jit, &timeout)
	if err != nil || jit != "off" || timeout != "10min" {
		t.Errorf("jit %s, statement_timeout %s, %v: compiling takes a hundred times as long as an audit", jit, timeout, err)
	}
	sql := strings.ReplaceAll(postgres.AuditEvent, "$1", "'00000000-0000-7000-8000-000000000001'::uuid")
	rows, err := tx.Query(t.Context(), "EXPLAIN (COSTS OFF) "+sql)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	plan := strings.Join(lines, "\n")
	if err != nil || strings.Contains(plan, "Nested Loop") {
		t.Errorf("%v\n%s", err, plan)
	}
	for _, table := range []string{"bookings", "payments", "refunds"} {
		if n := len(regexp.MustCompile(` on `+table+`\b`).FindAllString(plan, -1)); n != 1 {
			t.Errorf("%s are read %d times; once is what an audit costs\n%s", table, n, plan)
		}
	}
}
