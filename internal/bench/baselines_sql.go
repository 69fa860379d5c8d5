package bench

import "fmt"

// The SQL of the baselines, all in this file. It is what a careful program without our engine would do, over the same
// tables, indexes and constraints: the interactive transaction that locks the event's row. Scripts are pgbench's:
// `:name` is a variable, \gset keeps a result. Ids that a script must guess are numbered: baselineID in Go, numberedID
// in SQL.

// baselineMark names the rows that baselines make; a database that holds other events is not a scratch database.
const baselineMark = "quantix baseline"

const (
	eventFamily = "10000000-0000-7000-8000-"
	userFamily  = "20000000-0000-7000-8000-"
)

// baselineID is the id of the n-th event or user.
func baselineID(family string, n int) string { return fmt.Sprintf("%s%012x", family, n) }

// numberedID is baselineID as an SQL expression over a pgbench variable.
func numberedID(family, variable string) string {
	return "('" + family + "' || lpad(to_hex(:" + variable + "::bigint), 12, '0'))::uuid"
}

const (
	sqlForeignEvents = `SELECT count(*) FROM events WHERE name <> $1`

	sqlDurable = `SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'
  AND current_setting('synchronous_commit') <> 'off'`

	sqlWALPosition = `SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint`

	// Children of these tables (payments, refunds, ...) are emptied with them: the database is scratch.
	sqlEmpty = `TRUNCATE events, event_stock, users, bookings, outbox CASCADE`

	sqlInsertUsers = `
INSERT INTO users (id, name, email, created_at, updated_at)
SELECT ('` + userFamily + `' || lpad(to_hex(n), 12, '0'))::uuid, $1, 'baseline-' || n || '@example.test', now(), now()
FROM generate_series(1, $2::bigint) AS n`

	sqlInsertEvents = `
INSERT INTO events (id, name, description, date_time, total_tickets, ticket_price, currency, version, created_at, updated_at)
SELECT ('` + eventFamily + `' || lpad(to_hex(n), 12, '0'))::uuid, $1, '', now() + interval '30 days', 100000000, 25.000, 'USD',
  1, now(), now()
FROM generate_series(1, $2::bigint) AS n`

	sqlInsertStock = `INSERT INTO event_stock (event_id, total_tickets, available, journal_seq) SELECT id, total_tickets, total_tickets, 1 FROM events`
)

// bookingColumns are those that COPY writes, in the order of copyRow.
var bookingColumns = []string{
	"id", "user_id", "event_id", "quantity", "status", "unit_price", "total_amount", "currency", "payment_method",
	"payment_deadline", "idempotency_key", "request_hash", "created_at", "updated_at",
}

// scriptInsertBooking is one booking's row. Its id is random rather than ordered by time: on tables as small as these
// the difference is noise.
const scriptInsertBooking = `
INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method, payment_deadline, created_at, updated_at)
  VALUES (gen_random_uuid(), %[2]s, %[1]s, 1, 'PENDING', 25.000, 25.000, 'USD', 'sim_ok', now() + interval '15 minutes', now(), now())`

// scriptForUpdate is the interactive transaction, a statement a round trip.
const scriptForUpdate = `BEGIN;
SELECT s.available, e.ticket_price, e.currency, e.date_time, e.sales_end FROM events e JOIN event_stock s ON s.event_id = e.id
  WHERE e.id = %[1]s AND e.deleted_at IS NULL FOR UPDATE OF s;
UPDATE event_stock SET available = available - 1, held = held + 1, held_amount = held_amount + 25.000, pending_count = pending_count + 1 WHERE event_id = %[1]s;
` + scriptInsertBooking + ` RETURNING id AS booking \gset
INSERT INTO outbox (id, event_id, seq, booking_ids, created_at) VALUES (gen_random_uuid(), %[1]s, 0, ARRAY[:booking::uuid], now());
COMMIT;
`

// scriptNumbers draws the event and the user of one transaction.
const scriptNumbers = "\\set event random(1, %d)\n\\set buyer random(1, %d)\n"

// bookingScript is scriptForUpdate over that many events.
func bookingScript(events, users int) string {
	return fmt.Sprintf(scriptNumbers, events, users) +
		fmt.Sprintf(scriptForUpdate, numberedID(eventFamily, "event"), numberedID(userFamily, "buyer"))
}

// insertScript writes the booking's row and nothing else, in a transaction of its own.
func insertScript(events, users int) string {
	return fmt.Sprintf(scriptNumbers, events, users) +
		fmt.Sprintf(scriptInsertBooking, numberedID(eventFamily, "event"), numberedID(userFamily, "buyer")) + ";\n"
}
