package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"quantix/internal/models"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// violates reports whether the database has refused something by one of its rules.
func violates(err error, state, constraint string) bool {
	pgErr, is := errors.AsType[*pgconn.PgError](err)
	return is && pgErr.Code == state && pgErr.ConstraintName == constraint
}

// start starts the first charges of bookings.
func (b *bundle) start(t *testing.T, lease time.Duration, refs ...models.BookingRef) {
	t.Helper()
	starts, err := b.StartCharges(t.Context(), "simulated", refs, lease)
	if err != nil || len(starts) != len(refs) {
		t.Fatalf("started %d of %d charges: %v", len(starts), len(refs), err)
	}
}

// succeeds is the command that settles a booking's first charge.
func succeeds(ref models.BookingRef) *sale.Settle {
	return &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeSucceeded}}
}

// chargedShop is an event with a booking whose charge is started, one of 3 tickets that is paid, and one that is
// PENDING and without a charge.
func (b *bundle) chargedShop(t *testing.T) models.Event {
	t.Helper()
	event, user := b.event(t, 10), b.user(t)
	var refs []models.BookingRef
	for _, v := range b.must(t, event.ID, reserve(user.ID, 2), reserve(user.ID, 3), reserve(user.ID, 1)) {
		refs = append(refs, v.Booking.Ref())
	}
	b.start(t, time.Minute, refs[:2]...)
	b.must(t, event.ID, succeeds(refs[1]))
	return event
}

// TestAChargeInTheRowCannotBeForced: what a booking's row says of its charge goes together, or the database refuses it.
func TestAChargeInTheRowCannotBeForced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.chargedShop(t)
	conn := b.connect(t)
	const charge, charged = "bookings_charge_check", "bookings_charged_check"
	for sql, constraint := range map[string]string{
		"charge = NULL WHERE charge = 'succeeded'":                                                                    charge,
		"charge = NULL WHERE charge = 'started'":                                                                      charge,
		"charge = 'succeeded' WHERE charge = 'started'":                                                               charge,
		"charge = 'started' WHERE charge = 'succeeded'":                                                               charge,
		"charge = 'apart' WHERE charge = 'started'":                                                                   charge,
		"charge = 'apart' WHERE charge = 'succeeded'":                                                                 charge,
		"charge = 'declined' WHERE charge = 'started'":                                                                charge,
		"charge = 'pending' WHERE charge = 'started'":                                                                 charge,
		"charge = 'doubtful' WHERE charge = 'started'":                                                                charge,
		"charge = 'started' WHERE charge IS NULL":                                                                     charge,
		"charge = 'free' WHERE charge IS NULL":                                                                        charge,
		"charged_at = NULL WHERE charge = 'succeeded'":                                                                charge,
		"charged_at = now() WHERE charge IS NULL":                                                                     charge,
		"status = 'CONFIRMED', confirmed_at = now() WHERE charge = 'started'":                                         charge,
		"status = 'CANCELLED', cancelled_at = now(), cancel_reason = 'user' WHERE charge = 'started'":                 charge,
		"status = 'CANCELLED', cancelled_at = now(), cancel_reason = 'user' WHERE charge = 'succeeded'":               charge,
		"status = 'PENDING', confirmed_at = NULL WHERE charge = 'succeeded'":                                          charge,
		"unit_price = 0, total_amount = 0 WHERE charge = 'started'":                                                   charge,
		"unit_price = 0, total_amount = 0 WHERE charge = 'succeeded'":                                                 charge,
		"gateway = NULL WHERE charge = 'started'":                                                                     charged,
		"provider_reference = NULL WHERE charge = 'succeeded'":                                                        charged,
		"next_attempt_at = NULL WHERE charge = 'started'":                                                             charged,
		"gateway = 'simulated' WHERE charge IS NULL":                                                                  charged,
		"provider_reference = '' WHERE charge IS NULL":                                                                charged,
		"next_attempt_at = now() WHERE charge IS NULL":                                                                charged,
		"prepared_at = now() WHERE charge IS NULL":                                                                    charged,
		"charge = 'apart', prepared_at = now() WHERE charge IS NULL":                                                  charged,
		"charge = 'started', charged_at = now(), gateway = 'simulated', next_attempt_at = now() WHERE charge IS NULL": charged,
	} {
		if _, err := conn.Exec(t.Context(), "UPDATE bookings SET "+sql); !violates(err, "23514", constraint) {
			t.Errorf("%s: %v, want a violation of %s", sql, err, constraint)
		}
	}
	b.audit(t, event.ID)
}

// TestTamperingWithAChargeInTheRowIsFound does to the rows what no CHECK can see, one respect after another.
func TestTamperingWithAChargeInTheRowIsFound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.chargedShop(t)
	const (
		empty = `gateway = NULL, provider_reference = NULL, charged_at = NULL, next_attempt_at = NULL`
		full  = `gateway = 'simulated', provider_reference = '', charged_at = now(), next_attempt_at = now()`
	)
	unpaid := []string{"charged_minus_refunded", "journal_charged", "unpaid_confirmed"}
	twice := []string{"charged_minus_refunded", "journal_charged", "overpaid_bookings"}
	for _, tampering := range []struct {
		do, undo string
		want     []string
	}{
		{
			"UPDATE bookings SET charge = NULL, " + empty + " WHERE charge = 'succeeded'",
			"UPDATE bookings SET charge = 'succeeded', " + full + " WHERE status = 'CONFIRMED'", unpaid,
		},
		{
			"UPDATE bookings SET charge = 'apart', " + empty + " WHERE charge = 'succeeded'",
			"UPDATE bookings SET charge = 'succeeded', " + full + " WHERE status = 'CONFIRMED'", unpaid,
		},
		{paymentOf(1, "succeeded") + "charge = 'succeeded'", "DELETE FROM payments", twice},
		{paymentOf(2, "succeeded") + "charge = 'succeeded'", "DELETE FROM payments", twice},
		{
			paymentOf(1, "succeeded") + "charge = 'started'", "DELETE FROM payments",
			[]string{"charged_minus_refunded", "journal_charged", "unended_charges"},
		},
		{
			"UPDATE bookings SET quantity = 4, total_amount = unit_price * 4 WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET quantity = 3, total_amount = unit_price * 3 WHERE status = 'CONFIRMED'",
			[]string{"available", "journal_charged", "sold", "sold_amount"},
		},
		{
			"UPDATE bookings SET unit_price = 1, total_amount = quantity WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET unit_price = 75.5, total_amount = 75.5 * quantity WHERE status = 'CONFIRMED'",
			[]string{"journal_charged", "sold_amount"},
		},
		{
			"UPDATE bookings SET status = 'PENDING', charge = 'started', confirmed_at = NULL WHERE status = 'CONFIRMED'",
			"UPDATE bookings SET status = 'CONFIRMED', charge = 'succeeded', confirmed_at = now() WHERE quantity = 3",
			[]string{"confirmed", "held", "held_amount", "journal_charged", "pending", "sold", "sold_amount"},
		},
		{
			"UPDATE bookings SET status = 'CONFIRMED', charge = 'succeeded', confirmed_at = now() WHERE charge = 'started'",
			"UPDATE bookings SET status = 'PENDING', charge = 'started', confirmed_at = NULL WHERE quantity = 2",
			[]string{"confirmed", "held", "held_amount", "journal_charged", "pending", "sold", "sold_amount"},
		},
	} {
		b.exec(t, tampering.do)
		if found := b.differences(t, event.ID); !slices.Equal(found, tampering.want) {
			t.Errorf("after %s the audit finds %v, want %v", tampering.do, found, tampering.want)
		}
		b.exec(t, tampering.undo)
		if found := b.differences(t, event.ID); len(found) > 0 {
			t.Fatalf("after %s it finds %v", tampering.undo, found)
		}
	}
}

// paymentOf puts a charge into payments for the bookings that a condition names.
func paymentOf(n int, status string) string {
	return fmt.Sprintf(`INSERT INTO payments (event_id, booking_id, n, gateway, amount, currency, status, attempts,
			next_attempt_at, created_at, updated_at)
		SELECT event_id, id, %d, 'simulated', total_amount, currency, '%s', 1, now(), now(), now()
		FROM bookings WHERE `, n, status)
}

// differences names what the audit of an event finds.
func (b *bundle) differences(t *testing.T, event models.EventID) (names []string) {
	t.Helper()
	facts, err := b.AuditFacts(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range sale.Audit(facts).Differences {
		names = append(names, d.What)
	}
	slices.Sort(names)
	return names
}

// bookingsOf is the SQL that makes bookings past the program, as a foreign key would have to look at them.
const bookingsOf = `INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method,
		payment_deadline, created_at, updated_at)
	SELECT gen_random_uuid(), u::uuid, e::uuid, 1, 'PENDING', 1, 1, 'USD', 'sim_ok', now(), now(), now() FROM (VALUES `

// nobody is an id that no row has.
const nobody = "00000000-0000-7000-8000-000000000000"

const (
	userWall, eventWall = "bookings_user_id_fkey", "bookings_event_id_fkey"
	brokenReference     = "23503"
)

// makes is the statement that makes a booking for each pair of a user and an event.
func makes(pairs ...[2]string) string {
	var values []string
	for _, pair := range pairs {
		values = append(values, fmt.Sprintf("('%s', '%s')", pair[0], pair[1]))
	}
	return bookingsOf + strings.Join(values, ", ") + ") v (u, e)"
}

// TestNoBookingWithoutUserAndEvent: whoever writes bookings, by whatever statement, names a user and an event.
func TestNoBookingWithoutUserAndEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10).ID.String(), b.user(t).ID.String()
	conn := b.connect(t)
	good, noUser, noEvent := [2]string{user, event}, [2]string{nobody, event}, [2]string{user, nobody}
	const into = ` ON CONFLICT (id) DO UPDATE SET quantity = excluded.quantity`
	for sql, constraint := range map[string]string{
		makes(noUser):        userWall,
		makes(noEvent):       eventWall,
		makes(noUser) + into: userWall,
		makes(noEvent) + " ON CONFLICT DO NOTHING":                                   eventWall,
		makes(good, good, noUser, good):                                              userWall,
		makes(good, noEvent, good):                                                   eventWall,
		makes([2]string{nobody, nobody}):                                             userWall,
		"WITH made AS (" + makes(noUser) + " RETURNING 1) SELECT count(*) FROM made": userWall,
		"MERGE INTO bookings b USING (SELECT gen_random_uuid() AS id) n ON b.id = n.id WHEN NOT MATCHED THEN " +
			"INSERT (id, user_id, event_id, quantity, status, unit_price, total_amount, currency, payment_method, payment_deadline, " +
			"created_at, updated_at) VALUES (n.id, '" + nobody + "', '" + event + "', 1, 'PENDING', 1, 1, 'USD', 'sim_ok', now(), now(), now())": userWall,
	} {
		if _, err := conn.Exec(t.Context(), sql); !violates(err, brokenReference, constraint) {
			t.Errorf("%s: %v, want a violation of %s", sql, err, constraint)
		}
	}
	for _, rows := range [][][2]string{{noUser}, {noEvent}, {good, noUser}, {good, noEvent, good}} {
		constraint := eventWall
		if slices.Contains(rows, noUser) {
			constraint = userWall
		}
		if err := copyBookings(t, conn, rows...); !violates(err, brokenReference, constraint) {
			t.Errorf("COPY of %v: %v, want a violation of %s", rows, err, constraint)
		}
	}
	if n := b.count(t, "bookings"); n != 0 {
		t.Errorf("%d bookings were made", n)
	}
	if err := copyBookings(t, conn, good, good); err != nil {
		t.Errorf("COPY of what is right: %v", err)
	}
	b.exec(t, makes(good, good, good))
	b.exec(t, makes(good)+" WHERE false")
	if n := b.count(t, "bookings"); n != 5 {
		t.Errorf("%d bookings were made, want 5", n)
	}
}

// copyBookings makes a booking for each pair of a user and an event, by COPY.
func copyBookings(t *testing.T, conn *pgx.Conn, pairs ...[2]string) error {
	t.Helper()
	var rows []string
	for _, pair := range pairs {
		rows = append(rows, strings.Join([]string{
			models.NewID[models.BookingID]().String(), pair[0], pair[1], "1", "PENDING", "1", "1", "USD", "sim_ok",
			"2026-01-01", "2026-01-01", "2026-01-01",
		}, "\t")+"\n")
	}
	_, err := conn.PgConn().CopyFrom(t.Context(), strings.NewReader(strings.Join(rows, "")), `COPY bookings (id, user_id, event_id,
		quantity, status, unit_price, total_amount, currency, payment_method, payment_deadline, created_at, updated_at) FROM STDIN`)
	return err
}

func (b *bundle) count(t *testing.T, table string) (n int) {
	t.Helper()
	if err := b.connect(t).QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// withoutOtherWalls leaves the wall before bookings by itself: an event's stock and journal have their own, and so have
// a user's subjects.
const withoutOtherWalls = `ALTER TABLE event_stock DROP CONSTRAINT event_stock_event_fkey;
	ALTER TABLE journal DROP CONSTRAINT journal_event_fkey;
	ALTER TABLE subjects DROP CONSTRAINT subjects_user_id_fkey`

// TestWhatBookingsReferToStays: users and events that have bookings can neither be removed nor renamed, nor can a
// booking be given to others.
func TestWhatBookingsReferToStays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	idle, free := b.user(t), b.event(t, 10)
	b.must(t, event.ID, reserve(user.ID, 2))
	conn := b.connect(t)
	b.exec(t, withoutOtherWalls)
	for sql, constraint := range map[string]string{
		"DELETE FROM users":  userWall,
		"DELETE FROM events": eventWall,
		"DELETE FROM users WHERE id = '" + user.ID.String() + "'":                userWall,
		"DELETE FROM events WHERE id = '" + event.ID.String() + "'":              eventWall,
		"UPDATE users SET id = gen_random_uuid()":                                userWall,
		"UPDATE events SET id = gen_random_uuid()":                               eventWall,
		"UPDATE bookings SET user_id = '" + nobody + "'":                         userWall,
		"UPDATE bookings SET event_id = '" + nobody + "'":                        eventWall,
		"UPDATE bookings SET user_id = '" + idle.ID.String() + "'":               userWall,
		"UPDATE bookings SET event_id = '" + free.ID.String() + "'":              eventWall,
		"WITH gone AS (DELETE FROM users RETURNING 1) SELECT count(*) FROM gone": userWall,
	} {
		if _, err := conn.Exec(t.Context(), sql); !violates(err, brokenReference, constraint) {
			t.Errorf("%s: %v, want a violation of %s", sql, err, constraint)
		}
	}
	for _, sql := range []string{"TRUNCATE users", "TRUNCATE events CASCADE", "TRUNCATE users, events, refunds CASCADE"} {
		if _, err := conn.Exec(t.Context(), sql); !violates(err, "0A000", "") {
			t.Errorf("%s: %v, want it refused", sql, err)
		}
	}
	for _, sql := range []string{
		"UPDATE users SET id = id, name = 'Jane'", "UPDATE events SET id = id",
		"UPDATE bookings SET user_id = user_id, event_id = event_id",
		"DELETE FROM users WHERE id = '" + idle.ID.String() + "'", "DELETE FROM events WHERE id = '" + free.ID.String() + "'",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if users, events := b.count(t, "users"), b.count(t, "events"); users != 1 || events != 1 {
		t.Errorf("%d users and %d events are left, want one of each", users, events)
	}
	b.exec(t, "TRUNCATE events, users, bookings CASCADE")
	b.exec(t, "TRUNCATE users")
	if users, bookings := b.count(t, "users"), b.count(t, "bookings"); users != 0 || bookings != 0 {
		t.Errorf("%d users and %d bookings are left of what was emptied together", users, bookings)
	}
}

// TestRemovalInOneSnapshotIsRefused: in such a transaction the wall could not see what was committed since it began.
func TestRemovalInOneSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user(t).ID.String()
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		for _, sql := range []string{
			"DELETE FROM users WHERE id = '" + user + "'", "UPDATE users SET id = gen_random_uuid() WHERE id = '" + user + "'",
		} {
			tx := b.begin(t, level)
			if _, err := tx.Exec(t.Context(), sql); !violates(err, "0A000", "") {
				t.Errorf("%s in %s: %v, want it refused", sql, level, err)
			}
			_ = tx.Rollback(t.Context())
		}
		tx := b.begin(t, level)
		if _, err := tx.Exec(t.Context(), "UPDATE users SET id = id, name = 'Jane'"); err != nil {
			t.Errorf("renaming in %s: %v", level, err)
		}
		_ = tx.Rollback(t.Context())
	}
	b.exec(t, "DELETE FROM users WHERE id = $1", user)
	event := b.event(t, 10).ID.String()
	for _, table := range []string{"users", "events"} {
		tx := b.begin(t, "REPEATABLE READ")
		if _, err := tx.Exec(t.Context(), "SELECT FROM bookings"); err != nil {
			t.Fatal(err)
		}
		b.exec(t, makes([2]string{b.user(t).ID.String(), event}))
		if _, err := tx.Exec(t.Context(), "TRUNCATE "+table+" CASCADE"); !violates(err, "0A000", "") {
			t.Errorf("emptying %s in one snapshot: %v, want it refused", table, err)
		}
		_ = tx.Rollback(t.Context())
		b.exec(t, "DELETE FROM bookings")
	}
}

// begin begins a transaction on a connection of its own.
func (b *bundle) begin(t *testing.T, level string) pgx.Tx {
	t.Helper()
	tx, err := b.connect(t).BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.TxIsoLevel(strings.ToLower(level))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

// TestTheWallWaits lines up those who make a booking and those who remove what it refers to: whoever comes second waits
// for the first, and is refused if that one has stayed.
func TestTheWallWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, withoutOtherWalls)
	const remove, rename = "DELETE FROM %s WHERE id = '%s'", "UPDATE %s SET id = gen_random_uuid() WHERE id = '%s'"
	for table, wall := range map[string]string{"users": userWall, "events": eventWall} {
		for i := range 8 {
			user, event := b.user(t).ID.String(), b.event(t, 10).ID.String()
			statement, id, commit := remove, user, i&1 != 0
			if i&2 != 0 {
				statement = rename
			}
			if table == "events" {
				id = event
			}
			first, second := makes([2]string{user, event}), fmt.Sprintf(statement, table, id)
			if i&4 != 0 {
				first, second = second, first
			}
			err := b.second(t, first, second, commit)
			if commit && !violates(err, brokenReference, wall) || !commit && err != nil {
				t.Errorf("after %s (stays: %t) %s gave %v", first, commit, second, err)
			}
		}
	}
}

// second returns what becomes of a statement that waits for what another one has done, and not yet committed.
func (b *bundle) second(t *testing.T, first, second string, commit bool) error {
	t.Helper()
	tx, done := b.begin(t, "READ COMMITTED"), make(chan error, 1)
	if _, err := tx.Exec(t.Context(), first); err != nil {
		t.Fatalf("%s: %v", first, err)
	}
	conn := b.connect(t)
	go func() {
		_, err := conn.Exec(t.Context(), second)
		done <- err
	}()
	testkit.Eventually(t, patience, func() error {
		if len(done) > 0 {
			t.Errorf("%s did not wait for %s", second, first)
			return nil
		}
		return b.waits(t, "transactionid")
	})
	end := tx.Rollback
	if commit {
		end = tx.Commit
	}
	if err := end(t.Context()); err != nil {
		t.Fatal(err)
	}
	return <-done
}

// TestTheWallSeesItsOwn: what a transaction itself has done counts, and what was done since its one snapshot too.
func TestTheWallSeesItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(t, 10).ID.String()
	user := b.user(t).ID.String()
	tx := b.begin(t, "READ COMMITTED")
	if _, err := tx.Exec(t.Context(), makes([2]string{user, event})); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "DELETE FROM users WHERE id = $1", user); !violates(err, brokenReference, userWall) {
		t.Errorf("removing who has just got a booking: %v, want it refused", err)
	}
	_ = tx.Rollback(t.Context())
	for _, level := range []string{"REPEATABLE READ", "SERIALIZABLE"} {
		gone := b.user(t).ID.String()
		tx := b.begin(t, level)
		if _, err := tx.Exec(t.Context(), "SELECT FROM users"); err != nil {
			t.Fatal(err)
		}
		b.exec(t, "DELETE FROM users WHERE id = $1", gone)
		if _, err := tx.Exec(t.Context(), makes([2]string{gone, event})); !violates(err, "40001", "") {
			t.Errorf("%s: a booking of a user who is removed: %v, want it refused", level, err)
		}
		_ = tx.Rollback(t.Context())
	}
}

// TestTheWallCannotBeLedAstray: tables of the same names that a session puts before the real ones are no way around it,
// and a session that finds no table by its bare name is still served.
func TestTheWallCannotBeLedAstray(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user, idle := b.event(t, 10).ID.String(), b.user(t).ID.String(), b.user(t).ID.String()
	b.exec(t, withoutOtherWalls)
	b.exec(t, makes([2]string{user, event}))
	astray := b.connect(t)
	if _, err := astray.Exec(t.Context(), `CREATE TEMP TABLE users AS SELECT '`+nobody+`'::uuid AS id;
		CREATE TEMP TABLE events AS SELECT '`+nobody+`'::uuid AS id;
		CREATE TEMP TABLE bookings (user_id uuid, event_id uuid)`); err != nil {
		t.Fatal(err)
	}
	into := strings.NewReplacer("INTO bookings", "INTO public.bookings")
	for sql, constraint := range map[string]string{
		into.Replace(makes([2]string{nobody, event})): userWall,
		into.Replace(makes([2]string{user, nobody})):  eventWall,
		"DELETE FROM public.users":                    userWall,
		"DELETE FROM public.events":                   eventWall,
	} {
		if _, err := astray.Exec(t.Context(), sql); !violates(err, brokenReference, constraint) {
			t.Errorf("%s: %v, want a violation of %s", sql, err, constraint)
		}
	}
	if _, err := astray.Exec(t.Context(), "TRUNCATE public.users"); !violates(err, "0A000", "") {
		t.Errorf("emptying users: %v, want it refused", err)
	}
	blind := b.connect(t)
	for _, sql := range []string{
		"SET search_path = ''", into.Replace(makes([2]string{user, event})),
		"DELETE FROM public.users WHERE id = '" + idle + "'",
	} {
		if _, err := blind.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
}
