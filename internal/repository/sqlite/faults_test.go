package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// booking is what one desk asks for while the disk fails, and what it was told.
type booking struct {
	event models.EventID
	id    models.BookingID
	err   error
}

// book has bookings made, by as many desks, in one transaction of the writer when they are several. A lone one begins
// at once, so that what the disk does is all its own.
func book(t *testing.T, store *Store, user models.UserID, bookings []*booking, arm func()) {
	t.Helper()
	release := func() {}
	if len(bookings) > 1 {
		release = hold(store)
	} else {
		arm()
	}
	var group sync.WaitGroup
	for i, b := range bookings {
		group.Go(func() {
			command := &sale.Reserve{Booking: b.id, User: user, Quantity: 1, Method: simulator.OK}
			b.err = store.AtDesk(t.Context(), b.event, models.NewID[models.BatchID](), sale.ReadsOf([]sale.Command{command}, false, false),
				func(s *sale.State) {
					s.Rules.PaymentDeadline = 900e9
					s.Decide(command)
				})
		})
		if len(bookings) > 1 {
			until(t, store, i+1)
		}
	}
	if len(bookings) > 1 {
		arm()
	}
	release()
	group.Wait()
}

// TestDiskFaults has every single read, write and flush of a transaction fail in turn, alone and with others in the
// same transaction, once and for longer. What was said to be done is there; what was said to be unchanged is not, and
// does not come back with a crash; and no fault of the disk is anybody's own. It has the disk to itself.
func TestDiskFaults(t *testing.T) {
	for _, work := range []diskWork{diskRead, diskWrite, diskSync} {
		for _, desks := range []int{1, 4} {
			for _, lasting := range []bool{false, true}[:min(desks, 2)] {
				t.Run(fmt.Sprintf("%s of %d desks, lasting %t", work, desks, lasting), func(t *testing.T) {
					for n := 0; failOnce(t, work, n, desks, lasting) && !t.Failed(); n++ {
					}
				})
			}
		}
	}
}

// failOnce has the n-th piece of work fail, and reports whether there was so much of it.
func failOnce(t *testing.T, work diskWork, n, desks int, lasting bool) (came bool) {
	dir := t.TempDir()
	copyTemplate(t, dir)
	store, _ := openStore(t, dir, Options{})
	user := newUser(t, store).ID
	var bookings []*booking
	for range desks {
		bookings = append(bookings, &booking{event: newWideEvent(t, store).ID, id: models.NewID[models.BookingID]()})
	}
	forget(t, store)
	var heal func() bool
	book(t, store, user, bookings, func() { heal = disk.failAt(work, n, lasting) })
	came = heal()
	crashed, _ := openStore(t, copied(t, dir), Options{})
	for i, b := range bookings {
		now, then := isThere(t, store, b.id), isThere(t, crashed, b.id)
		switch {
		case errors.Is(b.err, repository.ErrCommitUnknown):
		case b.err == nil && (!now || !then):
			t.Errorf("%s %d, desk %d: said to be done; there: %t, after a crash: %t", work, n, i, now, then)
		case b.err != nil && (now || then):
			t.Errorf("%s %d, desk %d: said to be unchanged (%v); there: %t, after a crash: %t", work, n, i, b.err, now, then)
		case b.err != nil && !errors.Is(b.err, repository.ErrUnavailable):
			t.Errorf("%s %d, desk %d: %v, want ErrUnavailable", work, n, i, b.err)
		}
	}
	again := []*booking{{event: bookings[0].event, id: models.NewID[models.BookingID]()}}
	if book(t, store, user, again, func() {}); again[0].err != nil {
		t.Errorf("%s %d: when the disk works again: %v", work, n, again[0].err)
	}
	for _, b := range bookings {
		audit(t, store, b.event)
	}
	isSound(t, store)
	return came
}

// TestFaultsOfOurs: a value that cannot be bound is not "the store does not answer".
func TestFaultsOfOurs(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	err := store.write(t.Context(), "write what is no value", func(c *conn) error {
		_, err := c.exec("SELECT ?", struct{}{})
		return err
	})
	if !errors.Is(err, repository.ErrRejected) || errors.Is(err, repository.ErrUnavailable) {
		t.Errorf("a value that cannot be bound: %v, want ErrRejected", err)
	}
	user := newUser(t, store)
	user.Email = "another@example.com"
	if _, err := store.CreateUser(t.Context(), user); !errors.Is(err, repository.ErrRejected) || models.ErrEmailTaken.Is(err) {
		t.Errorf("a user's id twice: %v, want ErrRejected", err)
	}
}

// newWideEvent makes an event that has pages of its own, so that each desk has something to read.
func newWideEvent(t *testing.T, store *Store) models.Event {
	t.Helper()
	event, err := models.NewEvent(models.EventDraft{
		Name: "Concert", Description: strings.Repeat("Loud. ", 1600), DateTime: time.Now().AddDate(1, 0, 0), TotalTickets: 10,
		TicketPrice: models.Money{Minor: 7550, Currency: "USD"},
	})
	if err == nil {
		event, err = store.CreateEvent(t.Context(), event)
	}
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// forget empties the writer's memory of the file, so that it has to read it.
func forget(t *testing.T, store *Store) {
	t.Helper()
	err := store.write(t.Context(), "forget", func(c *conn) error {
		_, err := c.exec("PRAGMA shrink_memory")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// copied returns a copy of a database as it is on the disk now: what a crash would leave.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"quantix.db", "quantix.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func isThere(t *testing.T, store *Store, id models.BookingID) bool {
	t.Helper()
	_, err := store.Booking(context.Background(), models.Everything, id)
	if err != nil && !models.ErrBookingNotFound.Is(err) {
		t.Fatal(err)
	}
	return err == nil
}
