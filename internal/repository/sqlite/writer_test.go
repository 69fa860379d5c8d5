package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// hold keeps the writer busy until the test lets go of it, so that whatever is sent meanwhile shares one transaction.
func hold(store *Store) (release func()) {
	begun, gate := make(chan struct{}), make(chan struct{})
	var held sync.WaitGroup
	held.Go(func() {
		_ = store.write(context.Background(), "hold", func(*conn) error {
			close(begun)
			<-gate
			return nil
		})
	})
	<-begun
	return func() {
		close(gate)
		held.Wait()
	}
}

// waiting returns how many pieces of work the writer has not taken yet.
func (s *Store) waiting() int { return len(s.writer.jobs) }

func until(t *testing.T, store *Store, waiting int) {
	t.Helper()
	for store.waiting() < waiting {
		if t.Context().Err() != nil {
			t.Fatal("the test ended before its work was sent")
		}
	}
}

func TestWorkInAGroupFailsAlone(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	user, events := newUser(t, store), []models.Event{newEvent(t, store, 10), newEvent(t, store, 10), newEvent(t, store, 10)}
	release := hold(store)
	var group sync.WaitGroup
	errs := make([]error, 3)
	for i, meddle := range []func(*sale.State){
		func(*sale.State) {},
		func(s *sale.State) { s.Event.Stock.Available = -1 }, // the CHECK refuses it
		func(*sale.State) { panic("something is broken") },
	} {
		group.Go(func() {
			errs[i] = store.AtDesk(t.Context(), events[i].ID, models.NewID[models.BatchID](), sale.Reads{Users: []models.UserID{user.ID}}, func(s *sale.State) {
				s.Decide(&sale.Reserve{Booking: models.NewID[models.BookingID](), User: user.ID, Quantity: 1, Method: simulator.OK})
				meddle(s)
			})
		})
	}
	until(t, store, 3)
	release()
	group.Wait()
	if errs[0] != nil {
		t.Errorf("the good batch gave %v", errs[0])
	}
	if !errors.Is(errs[1], repository.ErrRejected) {
		t.Errorf("the batch that oversells gave %v; want ErrRejected", errs[1])
	}
	if !errors.Is(errs[2], repository.ErrRejected) || !strings.Contains(errs[2].Error(), "something is broken") {
		t.Errorf("the batch that panics gave %v", errs[2])
	}
	for i, want := range []int64{1, 0, 0} {
		if event, err := store.Event(t.Context(), models.Everything, events[i].ID); err != nil || event.Stock.Held != want {
			t.Errorf("event %d holds %d tickets (%v); want %d", i, event.Stock.Held, err, want)
		}
		audit(t, store, events[i].ID)
	}
}

func TestAPanicOfLoneWorkLeavesNoTransactionOpen(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	event, user := newEvent(t, store, 10), newUser(t, store)
	err := store.AtDesk(t.Context(), event.ID, models.NewID[models.BatchID](), sale.Reads{}, func(*sale.State) { panic("broken") })
	if !errors.Is(err, repository.ErrRejected) {
		t.Errorf("its caller got %v", err)
	}
	reserve(t, store, event.ID, []models.UserID{user.ID}, 0, 1)
	audit(t, store, event.ID)
}

func TestACallerMayGiveUpWaiting(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	event := newEvent(t, store, 10)
	release := hold(store)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	decided := false
	go func() {
		done <- store.AtDesk(ctx, event.ID, models.NewID[models.BatchID](), sale.Reads{}, func(*sale.State) { decided = true })
	}()
	until(t, store, 1)
	cancel()
	if err := <-done; !errors.Is(err, repository.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("giving up gave %v; want ErrUnavailable", err)
	}
	release()
	newUser(t, store) // comes after what was given up
	if decided {
		t.Error("work was done that its caller had given up")
	}
}

// TestDeletionLooksAgainBehindTheWriter: a booking is made between a deletion's look at all of its user's bookings and
// its turn to write, also where the newest that it saw was made by a clock an hour ahead.
func TestDeletionLooksAgainBehindTheWriter(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, time.Hour} {
		store, _ := newStore(t, Options{})
		event, user := newEvent(t, store, 10), newUser(t, store)
		over := &sale.Reserve{Booking: models.MadeAt[models.BookingID](time.Now().Add(ahead)), User: user.ID, Quantity: 1, Method: simulator.OK}
		decide(t, store, event.ID, over)
		if v := decide(t, store, event.ID, &sale.Cancel{Booking: over.Booking}); v[0].Err != nil {
			t.Fatal(v[0].Err)
		}
		release := hold(store)
		booked, deleted := make(chan error, 1), make(chan error, 1)
		go func() { booked <- reserveOrFail(store, event.ID, []models.UserID{user.ID}, 1) }()
		until(t, store, 1)
		go func() { deleted <- store.DeleteUser(t.Context(), models.Everything, user.ID, nil, 0) }()
		until(t, store, 2)
		release()
		if err := <-booked; err != nil {
			t.Errorf("the booking: %v", err)
		}
		if err := <-deleted; !errors.Is(err, models.ErrUserHasBookings) {
			t.Errorf("the deletion: %v, want user_has_bookings", err)
		}
		audit(t, store, event.ID)
	}
}

func TestAClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	if err := store.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	_, writing := store.CreateUser(t.Context(), models.User{})
	for what, err := range map[string]error{"reading": store.Ping(t.Context()), "writing": writing, "closing again": store.Close()} {
		if what == "closing again" {
			if err != nil {
				t.Errorf("%s gave %v", what, err)
			}
		} else if !errors.Is(err, repository.ErrUnavailable) {
			t.Errorf("%s gave %v; want ErrUnavailable", what, err)
		}
	}
}

// A full disk refuses what no longer fits, keeps nothing of it, and hinders nothing once there is room again.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	event, user := newEvent(t, store, 1_000_000), newUser(t, store)
	users := []models.UserID{user.ID}
	pages := setPageLimit(t, store, 0)
	setPageLimit(t, store, pages+20)
	booked := int64(0)
	for ; ; booked += 100 {
		err := reserveOrFail(store, event.ID, users, 100)
		if errors.Is(err, repository.ErrUnavailable) {
			break
		}
		if err != nil || booked > 100_000 {
			t.Fatalf("a booking on a full disk gave %v; want ErrUnavailable", err)
		}
	}
	if event, err := store.Event(t.Context(), models.Everything, event.ID); err != nil || event.Stock.Held != booked {
		t.Errorf("%d tickets are held (%v) after %d were booked", event.Stock.Held, err, booked)
	}
	audit(t, store, event.ID)
	setPageLimit(t, store, 1<<30)
	if err := reserveOrFail(store, event.ID, users, 100); err != nil {
		t.Errorf("with room again, a booking gave %v", err)
	}
	audit(t, store, event.ID)
	isSound(t, store)
}

// setPageLimit bounds the database's size and returns how many pages it has.
func setPageLimit(t *testing.T, store *Store, limit int64) (pages int64) {
	t.Helper()
	err := store.write(t.Context(), "bound the database", func(c *conn) (err error) {
		if limit > 0 {
			if _, err := c.exec(fmt.Sprintf("PRAGMA max_page_count = %d", limit)); err != nil {
				return err
			}
		}
		pages, err = c.number(context.Background(), "PRAGMA page_count")
		return err
	})
	if err != nil {
		t.Fatalf("bounding the database: %v", err)
	}
	return pages
}

func reserveOrFail(store *Store, event models.EventID, users []models.UserID, size int) error {
	commands := make([]sale.Command, size)
	for i := range commands {
		commands[i] = &sale.Reserve{Booking: models.NewID[models.BookingID](), User: users[i%len(users)], Quantity: 1, Method: simulator.OK}
	}
	return store.AtDesk(context.Background(), event, models.NewID[models.BatchID](), sale.ReadsOf(commands, false, false), func(s *sale.State) {
		for _, c := range commands {
			s.Decide(c)
		}
	})
}

// audit holds an event to its promises.
func audit(t *testing.T, store *Store, event models.EventID) {
	t.Helper()
	facts, err := store.AuditFacts(context.Background(), event)
	if err != nil {
		t.Fatalf("the audit: %v", err)
	}
	if report := sale.Audit(facts); !report.OK {
		t.Errorf("the audit finds %+v", report.Differences)
	}
}

// isSound holds the database's file to SQLite's own check.
func isSound(t *testing.T, store *Store) {
	t.Helper()
	err := store.readers.do(context.Background(), func(c *conn) error {
		for _, check := range []string{"PRAGMA integrity_check", "PRAGMA foreign_key_check"} {
			err := c.query(context.Background(), check, nil, func(r *row) error {
				if found := r.text(); found != "ok" {
					t.Errorf("%s says %s", check, found)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatalf("checking the file: %v", err)
	}
}
