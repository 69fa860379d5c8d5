package sqlite

import (
	"context"
	"fmt"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// Rows of customer_stock are kept by every program that knows of them. events.counted_seq is the journal's number up to
// which they were: one that knows nothing of them leaves it behind, and the rows then say nothing. They need no foreign
// keys. Each is of a user with a booking of the event, through which neither can be removed.

// selectCustomers counts the bookings of whoever has no row, once for each user of an event.
const selectCustomers = `SELECT unhex(k.value), coalesce(
		(SELECT live FROM customer_stock WHERE ?3 AND event_id = ?2 AND user_id = unhex(k.value) AND type_no = -1),
		(SELECT sum(quantity) FROM bookings
			WHERE user_id = unhex(k.value) AND +event_id = ?2 AND status IN ('PENDING', 'CONFIRMED')), 0)
	FROM json_each(?1) k`

// readCustomers reads what users hold of an event that was read.
func readCustomers(
	ctx context.Context, c *conn, event models.EventID, users []models.UserID, state *sale.State,
) error {
	state.Customers = make(map[models.UserID]*sale.Customer, len(users))
	if len(users) == 0 || state.Event == nil {
		return nil
	}
	return c.query(ctx, selectCustomers, args{idSet(users), event[:], state.Event.CountsUsers}, func(r *row) error {
		one := &sale.Customer{User: r.id(), Live: r.int(), Known: true}
		state.Customers[one.User] = one
		return nil
	})
}

const (
	dropCustomers  = `DELETE FROM customer_stock WHERE event_id = ?`
	upsertCustomer = `INSERT INTO customer_stock (event_id, user_id, type_no, live) VALUES (?, ?, -1, ?)
		ON CONFLICT (event_id, user_id, type_no) DO UPDATE SET live = excluded.live`
	changeCustomer = `UPDATE customer_stock SET live = live + ?3 WHERE event_id = ?1 AND user_id = ?2 AND type_no = -1`
)

// writeCustomers writes what has changed of what users hold: nothing, as long as the event does not count it.
func writeCustomers(c *conn, state *sale.State) error {
	changes, event := state.Writes(), state.Event
	if changes.Recount {
		if _, err := c.exec(dropCustomers, event.ID[:]); err != nil {
			return err
		}
	}
	for _, one := range changes.Customers {
		write := changeCustomer
		if one.Known {
			write = upsertCustomer
		}
		if _, err := c.exec(write, event.ID[:], one.User[:], one.Live); err != nil {
			return fmt.Errorf("user %s: %w", one.User, err)
		}
	}
	return nil
}

// countedSeq is what events.counted_seq becomes: NULL where nobody counts.
func countedSeq(e *models.Event) any {
	if !e.CountsUsers {
		return nil
	}
	return e.Seq
}
