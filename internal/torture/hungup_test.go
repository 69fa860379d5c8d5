package torture

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
	"quantix/internal/sale"
	"quantix/internal/testkit"
)

// TestHungUp_while_the_events_row_was_locked: buyers whose bookings wait in the database for the event's row hang up,
// and are not booked when it comes free. They come one by one and a hundred together, so that some wait in a party of
// events, some alone, and some behind them.
func TestHungUp_while_the_events_row_was_locked(t *testing.T) {
	t.Parallel()
	h := newHall(t, nil)
	event, user := h.Event(1000).ID, h.User().ID
	tx := lockEvent(t, h, event)
	ctx, hangUp := context.WithCancel(t.Context())
	var group sync.WaitGroup
	ask := func() {
		group.Go(func() {
			c := &sale.Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 1, Method: simulator.OK}
			if _, err := h.Office.Reserve(ctx, event, c); !errors.Is(err, models.ErrBusy) {
				t.Errorf("who hung up was told %v", err)
			}
		})
	}
	ask()
	await(t, "a booking waits for the row", func() bool {
		return h.count("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0
	})
	for range 100 {
		ask()
	}
	await(t, "all wait", func() bool { return h.Office.Waiting() == 101 })
	hangUp()
	group.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := h.BookFor(user, event, 2, simulator.OK)
	if stock := h.Stock(event); stock.Held != 2 || h.State(kept) != "PENDING" {
		t.Errorf("%d tickets are held; want the 2 of the buyer who stayed", stock.Held)
	}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testkit.Eventually(t, time.Minute, func() error {
		if !holds() {
			return errors.New("not yet: " + what)
		}
		return nil
	})
}

// lockEvent has another transaction hold an event's row.
func lockEvent(t *testing.T, h *hall, event models.EventID) pgx.Tx {
	t.Helper()
	other, err := pgx.Connect(t.Context(), h.db.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close(context.Background()) })
	tx, err := other.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT FROM events WHERE id = $1 FOR UPDATE", event.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	return tx
}
