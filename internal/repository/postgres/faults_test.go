package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// TestCountersCannotBeForced attacks the counters past the program: the constraints stand behind it.
func TestCountersCannotBeForced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	b.must(t, event.ID, reserve(user.ID, 2))
	conn := b.connect(t)
	for sql, constraint := range map[string]string{
		"UPDATE event_stock SET available = -1":                                "event_stock_available_check",
		"UPDATE event_stock SET available = total_tickets + 1":                 "event_stock_available_check",
		"UPDATE event_stock SET available = available + 1":                     "event_stock_sum_check",
		"UPDATE event_stock SET held = total_tickets + 1":                      "event_stock_sum_check",
		"UPDATE event_stock SET held = -1, available = 10, sold = 1":           "event_stock_taken_check",
		"UPDATE event_stock SET sold = -2, available = 10":                     "event_stock_taken_check",
		"UPDATE events SET total_tickets = 1":                                  "event_stock_event_fkey",
		"UPDATE event_stock SET held_amount = -0.01":                           "event_stock_amounts_check",
		"UPDATE event_stock SET pending_count = -1":                            "event_stock_counts_check",
		"UPDATE event_stock SET total_tickets = 1":                             "event_stock_available_check",
		"UPDATE event_stock SET total_tickets = 12, available = 10":            "event_stock_event_fkey",
		"UPDATE events SET ticket_price = -1":                                  "events_ticket_price_check",
		"UPDATE bookings SET quantity = 0, total_amount = 0":                   "bookings_quantity_check",
		"UPDATE bookings SET quantity = -5, total_amount = unit_price * -5":    "bookings_quantity_check",
		"UPDATE bookings SET quantity = 1":                                     "bookings_amounts_check",
		"UPDATE bookings SET status = 'FREE'":                                  "bookings_status_check",
		"UPDATE bookings SET status = 'CONFIRMED'":                             "bookings_status_check",
		"UPDATE bookings SET status = 'CANCELLED', cancelled_at = now()":       "bookings_status_check",
		"UPDATE bookings SET cancel_reason = 'user'":                           "bookings_status_check",
		"UPDATE bookings SET user_id = '00000000-0000-0000-0000-000000000000'": "bookings_user_id_fkey",
		"DELETE FROM events":                                                   "bookings_event_id_fkey|journal_event_fkey|event_stock_event_fkey",
		"DELETE FROM users":                                                    "bookings_user_id_fkey",
	} {
		_, err := conn.Exec(t.Context(), sql)
		pgErr, ok := errors.AsType[*pgconn.PgError](err)
		if !ok || !strings.Contains(constraint, pgErr.ConstraintName) || pgErr.ConstraintName == "" {
			t.Errorf("%s: %v, want a violation of %s", sql, err, constraint)
		}
	}
	b.audit(t, event.ID)
}

// TestLockWaitIsBounded: who holds an event's row stops the bookings of that event only, and those for no longer than
// the lock timeout, which the database keeps.
func TestLockWaitIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, impatient)
	held, other, user := b.event(t, 10), b.event(t, 10), b.user(t)
	holder := b.connect(t)
	tx, err := holder.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM events WHERE id = $1 FOR UPDATE", held.ID.String()); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = b.decide(t.Context(), held.ID, reserve(user.ID, 1))
	took := time.Since(begun)
	if pgErr, is := errors.AsType[*pgconn.PgError](err); !errors.Is(err, repository.ErrUnavailable) || !is || pgErr.Code != "55P03" {
		t.Errorf("a booking of the held event: %v, want ErrUnavailable by the lock timeout", err)
	}
	if took < 250*time.Millisecond {
		t.Errorf("it waited %s, want the lock timeout of 300 ms", took)
	}
	b.must(t, other.ID, reserve(user.ID, 1))
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.must(t, held.ID, reserve(user.ID, 1))
	b.audit(t, held.ID)
}

// failing puts a trigger on bookings that raises an SQLSTATE, at once or at COMMIT.
const failing = `
	CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s; RETURN NEW; END $$;
	DROP TRIGGER IF EXISTS fail ON bookings;
	CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON bookings DEFERRABLE INITIALLY %s FOR EACH ROW EXECUTE FUNCTION fail()`

// TestErrorsOfTheDatabase raises what a database may say, in the middle of a batch and at its COMMIT; every time
// nothing is left behind, and the connection goes on.
func TestErrorsOfTheDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	for state, want := range map[string]error{
		"40001": repository.ErrConflict, "40P01": repository.ErrConflict, "22012": repository.ErrConflict, "0A000": repository.ErrRejected,
		"55P03": repository.ErrUnavailable, "57014": repository.ErrUnavailable, "53100": repository.ErrUnavailable,
		"53200": repository.ErrUnavailable, "25006": repository.ErrUnavailable, "57P03": repository.ErrUnavailable,
		"22003": repository.ErrRejected, "23514": repository.ErrRejected, "XX000": repository.ErrRejected,
	} {
		for _, when := range []string{"IMMEDIATE", "DEFERRED"} {
			b.exec(t, fmt.Sprintf(failing, "RAISE EXCEPTION 'on purpose' USING ERRCODE = '"+state+"'", when))
			_, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1))
			if !errors.Is(err, want) || errors.Is(err, repository.ErrCommitUnknown) {
				t.Errorf("%s %s: %v, want %v", state, when, err, want)
			}
		}
	}
	b.exec(t, "DROP TRIGGER fail ON bookings")
	b.must(t, event.ID, reserve(user.ID, 3))
	if after, err := b.Event(t.Context(), models.Everything, event.ID); err != nil || after.Stock.Held != 3 {
		t.Errorf("held %d (%v), want the 3 of the last booking alone", after.Stock.Held, err)
	}
}

// TestBackendEndsAtCommit: a server that goes away at COMMIT has not said whether it took place.
func TestBackendEndsAtCommit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	b.exec(t, fmt.Sprintf(failing, "PERFORM pg_terminate_backend(pg_backend_pid())", "DEFERRED"))
	if _, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1)); !errors.Is(err, repository.ErrCommitUnknown) {
		t.Errorf("ended at COMMIT: %v, want ErrCommitUnknown", err)
	}
	b.exec(t, fmt.Sprintf(failing, "PERFORM pg_terminate_backend(pg_backend_pid())", "IMMEDIATE"))
	if _, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1)); !errors.Is(err, repository.ErrUnavailable) {
		t.Errorf("ended before COMMIT: %v, want ErrUnavailable", err)
	}
	b.exec(t, "DROP TRIGGER fail ON bookings")
	b.must(t, event.ID, reserve(user.ID, 1))
	b.audit(t, event.ID)
}

// TestLostReply loses the line at COMMIT: with the server's reply on it, and with the request.
func TestLostReply(t *testing.T) {
	t.Parallel()
	server := testkit.Postgres(t)
	proxy := testkit.NewProxy(t, net.JoinHostPort(server.Host(), strconv.Itoa(server.Port())))
	b := setup(t, func(c *pgxpool.Config, _ *postgres.Options) {
		host, port, _ := net.SplitHostPort(proxy.Addr())
		number, _ := strconv.ParseUint(port, 10, 16)
		c.ConnConfig.Host, c.ConnConfig.Port, c.MaxConns = host, uint16(number), 1
	})
	event, user := b.event(t, 10), b.user(t)
	b.must(t, event.ID, reserve(user.ID, 1)) // prepares the statements
	for _, test := range []struct {
		name   string
		cut    func(string) <-chan struct{}
		stored bool
	}{
		{"reply", proxy.LoseReplyTo, true},
		{"request", proxy.CutBefore, false},
	} {
		command := reserve(user.ID, 1)
		command.Method = simulator.Lost // what the second round trip is known by
		sprung := test.cut(string(simulator.Lost))
		if _, err := b.decide(t.Context(), event.ID, command); !errors.Is(err, repository.ErrCommitUnknown) {
			t.Errorf("lost %s: %v, want ErrCommitUnknown", test.name, err)
		}
		<-sprung
		testkit.Eventually(t, patience, func() error { // the pool may hold one dead connection more
			_, err := b.decide(t.Context(), event.ID, &sale.Expire{Booking: command.Booking})
			return err
		})
		if _, err := b.Booking(t.Context(), models.Everything, command.Booking); (err == nil) != test.stored {
			t.Errorf("lost %s: reading the booking gives %v, want stored %t", test.name, err, test.stored)
		}
		b.must(t, event.ID, reserve(user.ID, 1))
	}
	b.audit(t, event.ID)
}

// TestCallerLeaves: before COMMIT is sent a caller that leaves stops the batch; from then on it is finished.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	ctx, leave := context.WithCancel(t.Context())
	early := reserve(user.ID, 1)
	err := b.AtDesk(ctx, event.ID, models.NewID[models.BatchID](), sale.ReadsOf([]sale.Command{early}, false, false), func(s *sale.State) {
		s.Decide(early)
		leave()
	})
	if !errors.Is(err, repository.ErrUnavailable) {
		t.Errorf("left before COMMIT: %v, want ErrUnavailable", err)
	}
	b.exec(t, fmt.Sprintf(failing, "PERFORM pg_advisory_xact_lock(1)", "DEFERRED"))
	gate := b.connect(t)
	if _, err := gate.Exec(t.Context(), "SELECT pg_advisory_lock(1)"); err != nil {
		t.Fatal(err)
	}
	ctx, leave = context.WithCancel(t.Context())
	late, done := reserve(user.ID, 1), make(chan error)
	go func() { _, err := b.decide(ctx, event.ID, late); done <- err }()
	testkit.Eventually(t, patience, func() error { return b.waits(t, "advisory") })
	leave()
	if _, err := gate.Exec(t.Context(), "SELECT pg_advisory_unlock(1)"); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("left during COMMIT: %v, want it finished", err)
	}
	if after, err := b.Event(t.Context(), models.Everything, event.ID); err != nil || after.Stock.Held != 1 {
		t.Errorf("held %d (%v), want 1", after.Stock.Held, err)
	}
}

// waits tells by nil that a session of this database waits for a lock of a kind.
func (b *bundle) waits(t *testing.T, kind string) error {
	var count int
	err := b.connect(t).QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`, kind).Scan(&count)
	if err == nil && count == 0 {
		err = errors.New("nobody waits")
	}
	return err
}

// TestUserDeletedWhileBooking: of a deletion and a booking at the same moment exactly one wins.
func TestUserDeletedWhileBooking(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(t, 1000)
	booked := 0
	for range 50 {
		user := b.user(t)
		start, deleted := make(chan struct{}), make(chan error)
		go func() {
			<-start
			deleted <- b.DeleteUser(t.Context(), models.Everything, user.ID, nil, 0)
		}()
		close(start)
		verdicts, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1))
		if err != nil {
			t.Fatal(err)
		}
		wantDelete, refused := error(models.ErrUserHasBookings), verdicts[0].Err
		if refused != nil {
			wantDelete = nil
		}
		if err := <-deleted; !errors.Is(err, wantDelete) || refused != nil && !errors.Is(refused, models.ErrUserNotFound) {
			t.Errorf("the booking: %v; the deletion: %v", refused, err)
		}
		if refused == nil {
			booked++
		}
	}
	t.Logf("the booking won %d times of 50", booked)
	b.audit(t, event.ID)
}

// TestDeletionWaitsForBooking lines the two up: the booking is decided and not committed, and the deletion must not
// look for live bookings before it is.
func TestDeletionWaitsForBooking(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.deletesWhileBooking(t, b.event(t, 10), b.user(t))
}

// TestDeletionMistrustsClocks is the same after a booking that was made by a clock an hour ahead, and is over: what
// comes after the look has a lower id.
func TestDeletionMistrustsClocks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	ahead := reserve(user.ID, 1)
	ahead.Booking = models.MadeAt[models.BookingID](time.Now().Add(time.Hour))
	b.must(t, event.ID, ahead)
	b.must(t, event.ID, &sale.Cancel{Booking: ahead.Booking})
	b.deletesWhileBooking(t, event, user)
}

// deletesWhileBooking begins to delete a user while a booking of the same is decided and not committed.
func (b *bundle) deletesWhileBooking(t *testing.T, event models.Event, user models.User) {
	t.Helper()
	entered, stay, booked, deleted := make(chan struct{}), make(chan struct{}), make(chan error, 1), make(chan error, 1)
	book := reserve(user.ID, 1)
	postgres.Forget(b.Store)
	go func() {
		needs := sale.ReadsOf([]sale.Command{book}, false, false)
		booked <- b.AtDesk(t.Context(), event.ID, models.NewID[models.BatchID](), needs, func(s *sale.State) {
			s.Rules = rules
			s.Decide(book)
			close(entered)
			<-stay
		})
	}()
	<-entered
	go func() { deleted <- b.DeleteUser(t.Context(), models.Everything, user.ID, nil, 0) }()
	testkit.Eventually(t, patience, func() error {
		if len(deleted) > 0 {
			return nil // it did not wait
		}
		return b.waits(t, "transactionid")
	})
	close(stay)
	if err := <-booked; err != nil {
		t.Errorf("the booking: %v", err)
	}
	if err := <-deleted; !errors.Is(err, models.ErrUserHasBookings) {
		t.Errorf("the deletion: %v, want user_has_bookings", err)
	}
	b.audit(t, event.ID)
}

// TestBookingWaitsForDeletion lines the two up: the deletion has its lock and has not committed.
func TestBookingWaitsForDeletion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	tx, err := b.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{"SELECT FROM users FOR UPDATE", "UPDATE users SET deleted_at = now()"} {
		if _, err := tx.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan *models.Error, 1)
	go func() {
		verdicts, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1))
		if err != nil {
			t.Error(err)
		}
		done <- verdicts[0].Err
	}()
	testkit.Eventually(t, patience, func() error {
		if len(done) > 0 {
			return nil // it did not wait
		}
		return b.waits(t, "transactionid")
	})
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if refused := <-done; !errors.Is(refused, models.ErrUserNotFound) {
		t.Errorf("the booking after the deletion: %v, want user_not_found", refused)
	}
}
