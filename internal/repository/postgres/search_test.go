package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"quantix/internal/repository/postgres"
)

// TestSearchPlan: a search for what few events mention reads those few.
func TestSearchPlan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, `INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
		SELECT gen_random_uuid(), 'event ' || i, now() + i * interval '1 day', 1000000, 75.5, 'USD', now(), now()
		FROM generate_series(1, 20000) i; ANALYZE events`)
	values := strings.NewReplacer("$1", "'-infinity'", "$2", "'00000000-0000-0000-0000-000000000000'", "$3", "'-infinity'",
		"$4", "'infinity'", "$5", "50", "$6", "''",
		"$7", "NULL", "$8", "'%event 1234%'")
	rows, err := b.connect(t).Query(t.Context(), "EXPLAIN (COSTS OFF) "+values.Replace(postgres.SearchAll))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, "Bitmap Index Scan on events_text_idx") {
		t.Errorf("%v\n%s", err, plan)
	}
}
