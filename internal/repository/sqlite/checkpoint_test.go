package sqlite

import (
	"testing"

	"quantix/internal/models"
)

// While bookings never pause, the log is copied and starts anew; otherwise it would grow until the disk is full.
func TestTheLogStartsAnewWhileBookingsGoOn(t *testing.T) {
	t.Parallel()
	store, _ := newStore(t, Options{})
	event, user := newEvent(t, store, 1_000_000), newUser(t, store)
	err := store.write(t.Context(), "shorten the log", func(*conn) error {
		store.writer.checkpoints.limits = logLimits{wake: 50, finish: 150, rest: 100}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	longest := int64(0)
	for range 5_000 {
		reserve(t, store, event.ID, []models.UserID{user.ID}, 0, 4)
		length := logLength(t, store)
		if length < longest {
			audit(t, store, event.ID)
			return
		}
		longest = length
	}
	t.Fatalf("the log has grown to %d pages and never started anew", longest)
}

func logLength(t *testing.T, store *Store) (length int64) {
	t.Helper()
	err := store.writer.do(t.Context(), func(*conn) error { return nil }) // the look after the last commit is over
	if err == nil {
		err = store.readers.do(t.Context(), func(c *conn) error {
			length, _, err = c.checkpoint(copyNothing)
			return err
		})
	}
	if err != nil {
		t.Fatalf("looking at the log: %v", err)
	}
	return length
}
