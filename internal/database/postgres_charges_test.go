package database_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"quantix/internal/database"
	"quantix/internal/testkit"
)

// ask returns the lines of an answer, each as text.
func ask(t *testing.T, url, sql string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, _ := conn.Query(t.Context(), sql)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return lines
}

// sameLines tells what is in one answer and not in the other.
func sameLines(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s: %s was not there before", what, line)
		}
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s: %s is there no more", what, line)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d, want %d", what, len(got), len(want))
	}
}

// backBefore goes back until a migration is in force no more.
func backBefore(t *testing.T, m *database.Migrator, version uint) {
	t.Helper()
	schema, err := m.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, migration := range schema.Migrations {
		if migration.Applied && migration.Version >= version {
			steps++
		}
	}
	if err := m.Down(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
}

// A pastCharge is a booking that an older program has left, with its charge.
type pastCharge struct {
	name    string
	booking string // its status
	charge  string // its status; "" for none
	change  string // of the charge's row: what is not as usual
	more    string // a statement about it, whose $ are the booking's keys and its charge's number
	want    string // where its charge stands after the migration
}

// What hangs on a charge.
const (
	aRefund = `INSERT INTO refunds (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at, created_at,
		updated_at) SELECT $, 'sim', 10, 'USD', 'pending', 1, now(), now(), now()`
	aRefundThatFailed = `INSERT INTO refunds (event_id, booking_id, n, gateway, amount, currency, status, attempts, next_attempt_at,
		created_at, updated_at) SELECT $, 'sim', 10, 'USD', 'failed', 1, now(), now(), now()`
	aLetter = `INSERT INTO dead_letters (event_id, booking_id, n, id, kind, amount, currency, attempts, failed_at)
		SELECT $, gen_random_uuid(), 'charge', 50, 'USD', 10, now()`
	aSecond = `INSERT INTO payments SELECT event_id, booking_id, 2, gateway, amount, currency, 'succeeded', 1, '', 'ch_2',
		NULL, created_at, updated_at FROM payments WHERE (event_id, booking_id, n) = (SELECT $)`
	toBeMadeAgain = `INSERT INTO republished SELECT event_id, booking_id, now() FROM (SELECT $) k (event_id, booking_id, n)`
)

var pastCharges = []pastCharge{
	{name: "no charge", booking: "PENDING", more: toBeMadeAgain},
	{name: "confirmed for nothing", booking: "CONFIRMED"},
	{name: "cancelled in time", booking: "CANCELLED"},
	{name: "started", booking: "PENDING", charge: "started", want: "started"},
	{name: "prepared", booking: "PENDING", charge: "started", change: "updated_at = created_at + interval '7 seconds', provider_reference = 'pi_1'", want: "started"},
	{name: "lapsed", booking: "PENDING", charge: "started", change: "next_attempt_at = '2000-01-01'", want: "started"},
	{name: "succeeded", booking: "CONFIRMED", charge: "succeeded", want: "succeeded"},
	{name: "succeeded, published again", booking: "CONFIRMED", charge: "succeeded", more: toBeMadeAgain, want: "succeeded"},
	{name: "a second try", booking: "PENDING", charge: "started", change: "attempts = 2", want: "apart"},
	{name: "a try that did not count", booking: "PENDING", charge: "started", change: "attempts = 0", want: "apart"},
	{name: "at the second try", booking: "CONFIRMED", charge: "succeeded", change: "attempts = 2", want: "apart"},
	{name: "an error", booking: "PENDING", charge: "started", change: "last_error = 'no answer'", want: "apart"},
	{name: "succeeded with an error", booking: "CONFIRMED", charge: "succeeded", change: "last_error = 'no answer'", want: "apart"},
	{name: "in doubt", booking: "PENDING", charge: "doubtful", want: "apart"},
	{name: "pending", booking: "PENDING", charge: "pending", want: "apart"},
	{name: "unknown", booking: "CANCELLED", charge: "unknown", more: aLetter, want: "apart"},
	{name: "declined", booking: "CANCELLED", charge: "declined", want: "apart"},
	{name: "failed", booking: "PENDING", charge: "failed", more: aLetter, want: "apart"},
	{name: "voided", booking: "CANCELLED", charge: "voided", want: "apart"},
	{name: "refunded", booking: "CANCELLED", charge: "succeeded", change: "refunded = 10", more: aRefund, want: "apart"},
	{name: "in part given back", booking: "CONFIRMED", charge: "succeeded", change: "refunded = 10", more: aRefund, want: "apart"},
	{name: "in part, says the sum alone", booking: "CONFIRMED", charge: "succeeded", change: "refunded = 10", want: "apart"},
	{name: "given back in vain", booking: "CONFIRMED", charge: "succeeded", more: aRefundThatFailed, want: "apart"},
	{name: "two charges", booking: "CONFIRMED", charge: "succeeded", more: aSecond, want: "apart"},
	{name: "started, and a second one", booking: "PENDING", charge: "started", more: aSecond, want: "apart"},
	{name: "with a letter", booking: "PENDING", charge: "started", more: aLetter, want: "apart"},
	{name: "succeeded with a letter", booking: "CONFIRMED", charge: "succeeded", more: aLetter, want: "apart"},
	{name: "another amount", booking: "CONFIRMED", charge: "succeeded", change: "amount = 49.99", want: "apart"},
	{name: "another currency", booking: "CONFIRMED", charge: "succeeded", change: "currency = 'EUR'", want: "apart"},
	{name: "started for another amount", booking: "PENDING", charge: "started", change: "amount = 51", want: "apart"},
	{name: "expired with a started charge", booking: "CANCELLED", charge: "started", want: "apart"},
	{name: "paid too late", booking: "CANCELLED", charge: "succeeded", want: "apart"},
	{name: "paid and not confirmed", booking: "PENDING", charge: "succeeded", want: "apart"},
	{name: "confirmed and not paid", booking: "CONFIRMED", charge: "started", want: "apart"},
	{name: "changed since", booking: "CONFIRMED", charge: "succeeded", change: "updated_at = updated_at + interval '1 second'", want: "apart"},
	{name: "never due again", booking: "CONFIRMED", charge: "succeeded", change: "next_attempt_at = NULL", want: "apart"},
	{name: "the second one alone", booking: "CONFIRMED", charge: "succeeded", change: "n = 2", want: "apart"},
}

// TestChargesMoveWithTheirMigration: charges of before that went as all should go into their bookings' rows, all others
// stay where they were; and back again, nothing is lost of any.
func TestChargesMoveWithTheirMigration(t *testing.T) {
	t.Parallel()
	url := testkit.Database(t, nil)
	m := migrator(t, url)
	up := func() {
		if err := m.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	up()
	backBefore(t, m, 10)
	exec(t, url, pastRows())
	const dump = `SELECT '%[1]s ' || to_jsonb(r)::text FROM %[1]s r`
	var all []string
	for _, table := range []string{"bookings", "payments", "refunds", "dead_letters", "republished", "users", "events", "event_stock"} {
		all = append(all, fmt.Sprintf(dump, table))
	}
	everything := strings.Join(all, " UNION ALL ")
	before, schema, charges := ask(t, url, everything), ask(t, url, schemaOf), ask(t, url, chargesOf("payments"))
	const fresh = ` - ARRAY['charge', 'gateway', 'provider_reference', 'charged_at', 'prepared_at', 'next_attempt_at']`
	bookings := ask(t, url, `SELECT to_jsonb(b)::text FROM bookings b`)
	for range 2 { // the second time with what the first one has put back
		up()
		checkCharges(t, url)
		sameLines(t, "all charges", ask(t, url, chargesOf("charges")), charges)
		sameLines(t, "the bookings", ask(t, url, `SELECT (to_jsonb(b)`+fresh+`)::text FROM bookings b`), bookings)
		backBefore(t, m, 10)
		sameLines(t, "back again, all rows", ask(t, url, everything), before)
		sameLines(t, "back again, the schema", ask(t, url, schemaOf), schema)
	}
}

// pastRows are the statements that make all past charges, of one event and one user.
func pastRows() string {
	text := []string{`
		INSERT INTO users (id, name, email, created_at, updated_at) VALUES (gen_random_uuid(), 'Ann', 'ann@example.org', now(), now());
		INSERT INTO events (id, name, date_time, total_tickets, ticket_price, currency, created_at, updated_at)
			VALUES (gen_random_uuid(), 'Concert', now(), 1000, 25, 'USD', now(), now());
		INSERT INTO event_stock (event_id, total_tickets, available, journal_seq) SELECT id, 1000, 1000, 1 FROM events`}
	for _, c := range pastCharges {
		price := 25
		if c.charge == "" {
			price = 0
		}
		id := "md5('" + c.name + "')::uuid"
		text = append(text, fmt.Sprintf(`INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency,
				payment_method, payment_deadline, cancel_reason, cancelled_at, confirmed_at, idempotency_key, request_hash, created_at, updated_at)
			SELECT %[1]s, u.id, e.id, 2, s, %[3]d, 2 * %[3]d, 'USD', 'sim_ok', '2030-01-01', CASE s WHEN 'CANCELLED' THEN 'expired' END,
				CASE s WHEN 'CANCELLED' THEN '2026-01-01 12:16Z'::timestamptz END, CASE s WHEN 'CONFIRMED' THEN '2026-01-01 12:01:02.345678Z'::timestamptz END,
				'%[4]s', '\x0102', '2026-01-01 12:00Z', '2026-01-01 12:02Z' FROM users u, events e, (VALUES ('%[2]s')) v (s)`, id, c.booking, price, c.name))
		if c.charge != "" {
			text = append(text, fmt.Sprintf(`INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts,
					provider_reference, next_attempt_at, created_at, updated_at)
				SELECT event_id, id, 1, 'sim', 50, 'USD', '%[2]s', 1, 'ch_1', '2026-01-01 12:01:31Z', '2026-01-01 12:01:01.234567Z',
					coalesce(confirmed_at, '2026-01-01 12:01:01.234567Z') FROM bookings WHERE id = %[1]s`, id, c.charge))
		}
		if c.change != "" {
			text = append(text, "UPDATE payments SET "+c.change+" WHERE booking_id = "+id)
		}
		text = append(text, strings.ReplaceAll(c.more, "$", "(SELECT id FROM events), "+id+", 1"))
	}
	return strings.Join(text, ";\n")
}

// checkCharges looks where each past charge stands.
func checkCharges(t *testing.T, url string) {
	t.Helper()
	got := ask(t, url, `SELECT idempotency_key || ': ' || coalesce(charge, '') || (SELECT count(*) FROM payments WHERE booking_id = b.id)
		FROM bookings b ORDER BY 1`)
	var want []string
	for _, c := range pastCharges {
		rows := 0
		if c.want == "apart" {
			rows = 1
		}
		if c.more == aSecond {
			rows = 2
		}
		want = append(want, fmt.Sprint(c.name, ": ", c.want, rows))
	}
	slices.SortFunc(want, cmp.Compare)
	sameLines(t, "where charges stand", got, want)
}

// chargesOf is the question for all charges of a table or view.
func chargesOf(from string) string {
	return `SELECT (to_jsonb(c) || jsonb_build_object('refunded', refunded::numeric(20,3)))::text FROM ` + from + ` c`
}

// schemaOf is the question for all that a migration may have changed, but for the order of columns.
const schemaOf = `
	SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
		WHERE connamespace = 'public'::regnamespace
	UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
	UNION ALL SELECT concat_ws(' ', 'column', table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale,
		is_nullable, column_default) FROM information_schema.columns WHERE table_schema = 'public'
	UNION ALL SELECT concat_ws(' ', 'relation', relname, relkind, (SELECT array_agg(o ORDER BY o) FROM unnest(reloptions) o))
		FROM pg_class WHERE relnamespace = 'public'::regnamespace
	UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
	UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`
