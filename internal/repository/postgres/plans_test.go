package postgres_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/repository/postgres"
)

var tableScan = regexp.MustCompile(`Seq Scan on (events|event_stock|customer_stock|users|bookings|payments|refunds|journal|access_log)`)

// TestPlansOnEmptyTables matters because the desk's plans are made once: what is planned before the first booking is
// what a whole on-sale runs with.
func TestPlansOnEmptyTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, fill := range []string{"", smallTables} { // and what the first ANALYZE sees
		b.exec(t, fill)
		for _, s := range postgres.HotStatements {
			if s.Short {
				checkPlan(t, b.pool, s)
			}
		}
	}
}

// TestPlansOnFullTables has what a year of selling leaves, seen by pools of both kinds.
func TestPlansOnFullTables(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, fillTables)
	plain := setup(t, func(c *pgxpool.Config, _ *postgres.Options) {
		c.ConnConfig.Database = b.connect(t).Config().Database
		for name := range c.ConnConfig.RuntimeParams {
			if strings.HasPrefix(name, "enable_") || name == "plan_cache_mode" || name == "random_page_cost" {
				delete(c.ConnConfig.RuntimeParams, name)
			}
		}
	})
	for _, s := range postgres.HotStatements {
		if s.Short {
			checkPlan(t, b.pool, s)
		} else {
			checkPlan(t, plain.pool, s)
		}
	}
}

// checkPlan looks at the plan that serves any parameters, as the desk's pool keeps it.
func checkPlan(t *testing.T, pool *pgxpool.Pool, s postgres.Statement) {
	t.Helper()
	plan, err := explain(t.Context(), pool, s)
	if err != nil {
		t.Errorf("%s: %v", s.Name, err)
		return
	}
	if found := tableScan.FindString(plan); found != "" {
		t.Errorf("%s reads a whole table (%s):\n%s", s.Name, found, plan)
	}
	if strings.Contains(plan, "Join Filter") {
		t.Errorf("%s compares everything with everything:\n%s", s.Name, plan)
	}
	for _, names := range s.Indexes {
		if !regexp.MustCompile(`(using|on) ` + names).MatchString(plan) {
			t.Errorf("%s does not use %s:\n%s", s.Name, names, plan)
		}
	}
}

func explain(ctx context.Context, pool *pgxpool.Pool, s postgres.Statement) (string, error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, fmt.Sprintf("SET plan_cache_mode = force_generic_plan; PREPARE %s AS %s", s.Name, s.SQL)); err != nil {
		return "", err
	}
	defer func() { _, _ = conn.Exec(ctx, "DEALLOCATE "+s.Name) }()
	var count int
	err = conn.QueryRow(ctx, `SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = lower($1)`, s.Name).Scan(&count)
	if err != nil {
		return "", err
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", count), ", ")
	rows, err := conn.Query(ctx, fmt.Sprintf("EXPLAIN (COSTS OFF) EXECUTE %s(%s)", s.Name, nulls))
	if err != nil {
		return "", err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(lines, "\n"), err
}

// smallTables is fillTables for the first hundred bookings.
var smallTables = strings.NewReplacer("1, 2000", "1, 3", "% 2000", "% 3", "1, 1000", "1, 20", "% 1000", "% 20", "1, 10000", "1, 100").Replace(fillTables)

// fillTables makes 2,000 events of 20 organizers, 1,000 users, 10,000 bookings of every status, with their charges,
// some of them in the bookings' rows, and refunds.
const fillTables = `
	INSERT INTO organizers (id, name, created_at, updated_at)
		SELECT gen_random_uuid(), 'organizer ' || i, now(), now() FROM generate_series(1, 20) i;
	INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at, organizer_id)
		SELECT gen_random_uuid(), 'event ' || i, now() + i * interval '1 day', 1000000, 75.5, 'USD', now(), now(), o.id
		FROM generate_series(1, 2000) i JOIN (SELECT id, row_number() OVER () AS n FROM organizers) o ON o.n = i % 20 + 1;
	INSERT INTO event_stock (event_id, total_tickets, available, journal_seq)
		SELECT id, total_tickets, total_tickets, 1 FROM events ON CONFLICT DO NOTHING;
	INSERT INTO users (id, name, email, created_at, updated_at)
		SELECT gen_random_uuid(), 'user ' || i, i || '@example.com', now(), now() FROM generate_series(1, 1000) i;
	INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
			payment_deadline, cancel_reason, confirmed_at, cancelled_at, idempotency_key, request_hash, created_at, updated_at,
			charge, gateway, provider_reference, charged_at, next_attempt_at)
		SELECT gen_random_uuid(), u.id, e.id, 2, s.status, 75.5, 151, 'USD', 'sim_ok', now() + interval '15 minutes',
			CASE s.status WHEN 'CANCELLED' THEN 'user' END, CASE s.status WHEN 'CONFIRMED' THEN now() END,
			CASE s.status WHEN 'CANCELLED' THEN now() END, 'key ' || i, '\x00', now(), now(),
			c.charge, c.gateway, c.reference, c.at, c.at
		FROM generate_series(1, 10000) i
		JOIN (SELECT id, row_number() OVER () AS n FROM events) e ON e.n = i % 2000 + 1
		JOIN (SELECT id, row_number() OVER () AS n FROM users) u ON u.n = i % 1000 + 1
		JOIN (VALUES (0, 'PENDING'), (1, 'CONFIRMED'), (2, 'CONFIRMED'), (3, 'CANCELLED')) s (n, status) ON s.n = i % 4
		JOIN (VALUES (0, 'started', 'sim', '', now()), (1, 'succeeded', 'sim', 'ch_1', now()), (2, 'apart', NULL, NULL, NULL),
			(3, 'apart', NULL, NULL, NULL), (4, 'apart', NULL, NULL, NULL), (5, 'apart', NULL, NULL, NULL),
			(6, 'succeeded', 'sim', 'ch_6', now()), (7, 'apart', NULL, NULL, NULL)) c (n, charge, gateway, reference, at) ON c.n = i % 8;
	INSERT INTO customer_stock (event_id, user_id, type_no, live)
		SELECT event_id, user_id, -1, sum(quantity) FROM bookings GROUP BY event_id, user_id;
	INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at, created_at, updated_at)
		SELECT event_id, id, 1, 'sim', 151, 'USD', CASE status WHEN 'PENDING' THEN 'started' ELSE 'succeeded' END, 1, now(), now(), now()
		FROM bookings WHERE charge = 'apart';
	INSERT INTO refunds (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at, created_at, updated_at)
		SELECT event_id, id, 1, 'sim', 151, 'USD', CASE get_byte(uuid_send(id), 0) % 5 WHEN 0 THEN 'pending' ELSE 'succeeded' END, 0, now(), now(), now()
		FROM bookings WHERE status = 'CANCELLED';
	INSERT INTO access_log (id, at, actor, action, user_id, ip, request_id)
		SELECT gen_random_uuid(), now(), 'key 1', 'read_user', id, '', '' FROM users, generate_series(1, 20);
	INSERT INTO journal (event_id, seq, at, tx, facts)
		SELECT e.id, n, now(), (e.i * 5 + n)::text::xid8, '\x015553440500' FROM generate_series(1, 20) n, (SELECT id, row_number() OVER () AS i FROM events) e;
	ANALYZE`
