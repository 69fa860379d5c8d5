package sqlite

import (
	"context"
	"fmt"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// AtDesk decides a batch on one event in a transaction of the writer, which is the lock of every event at once. It may
// share its commit with the batches of other events.
func (s *Store) AtDesk(
	ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State),
) error {
	return s.write(ctx, "a batch at an event's desk", func(c *conn) error {
		state, err := readState(c, event, need)
		if err != nil {
			return err
		}
		state.Now = s.now()
		decide(state)
		changes := state.Writes()
		if changes.Empty() {
			return nil
		}
		if state.Event == nil {
			return fmt.Errorf("%w: there are changes but no event", repository.ErrRejected)
		}
		return writeChanges(c, batch, state)
	})
}

// Many rows are looked up by one statement: handing over the list costs less than a statement for each. CROSS JOIN
// keeps SQLite from turning the order of the two tables round.
const (
	selectAnyEvent = `SELECT ` + wholeEvent + ` FROM events WHERE id = ?`
	selectUsersOf  = `SELECT u.id FROM json_each(?) k CROSS JOIN users u ON u.id = unhex(k.value) WHERE u.deleted_at IS NULL`
	// Of several bookings under one key, of different events, this event's comes last and is the one that counts.
	selectKeys = `SELECT ` + bookingColumns + ` FROM json_each(?1) k
		CROSS JOIN bookings b ON b.user_id = unhex(k.value ->> 0) AND b.idempotency_key = k.value ->> 1
		ORDER BY b.event_id = ?2, b.id`
	selectStates = `SELECT ` + bookingColumns + ` FROM json_each(?1) k
		CROSS JOIN bookings b ON b.id = unhex(k.value) WHERE b.event_id = ?2`
	selectChargesOf = `SELECT ` + chargeColumns + ` FROM json_each(?1) k
		CROSS JOIN payments p ON p.event_id = ?2 AND p.booking_id = unhex(k.value)`
	selectRefundsOf = `SELECT ` + refundColumns + ` FROM json_each(?1) k
		CROSS JOIN refunds r ON r.event_id = ?2 AND r.booking_id = unhex(k.value)`
)

// readState reads the event and what is needed, and no more.
func readState(c *conn, event models.EventID, need sale.Reads) (*sale.State, error) {
	ctx := context.Background()
	state := &sale.State{
		Users: make(map[models.UserID]bool, len(need.Users)), Keys: map[models.ReplayKey]*models.Booking{},
		Bookings: make(map[models.BookingID]*models.Booking, len(need.Bookings)),
		Charges:  make(map[models.ChargeKey]*models.Charge, len(need.Money)), Refunds: map[models.RefundKey]*models.Refund{},
	}
	var err error
	if state.Event, err = maybe(ctx, c, selectAnyEvent, args{event[:]}, readEvent); err != nil {
		return nil, fmt.Errorf("read the event: %w", err)
	}
	for _, seen := range need.Seen { // to read them costs little here
		need.Bookings, need.Money = append(need.Bookings, seen.Booking.ID), append(need.Money, seen.Booking.ID)
	}
	if err := readUsers(ctx, c, need.Users, state); err != nil {
		return nil, fmt.Errorf("read the users: %w", err)
	}
	if need.Customers {
		if err := readCustomers(ctx, c, event, need.Users, state); err != nil {
			return nil, fmt.Errorf("read what users hold: %w", err)
		}
	}
	if err := readKeys(ctx, c, event, need.Keys, state); err != nil {
		return nil, fmt.Errorf("look up the keys: %w", err)
	}
	if err := readBookings(ctx, c, event, need.Bookings, state); err != nil {
		return nil, fmt.Errorf("read the bookings: %w", err)
	}
	if err := readMoney(ctx, c, event, need.Money, state); err != nil {
		return nil, fmt.Errorf("read the charges and refunds: %w", err)
	}
	return state, nil
}

func readUsers(ctx context.Context, c *conn, users []models.UserID, state *sale.State) error {
	if len(users) == 0 {
		return nil
	}
	return c.query(ctx, selectUsersOf, args{idSet(users)}, func(r *row) error {
		state.Users[r.id()] = true
		return nil
	})
}

func readKeys(ctx context.Context, c *conn, event models.EventID, keys []models.ReplayKey, state *sale.State) error {
	if len(keys) == 0 {
		return nil
	}
	set, err := keySet(keys)
	if err != nil {
		return err
	}
	return c.query(ctx, selectKeys, args{set, event[:]}, func(r *row) error {
		b := readBooking(r)
		state.Keys[models.ReplayKey{User: b.UserID, Key: b.IdempotencyKey}] = &b
		return nil
	})
}

func readBookings(ctx context.Context, c *conn, event models.EventID, ids []models.BookingID, state *sale.State) error {
	if len(ids) == 0 {
		return nil
	}
	return c.query(ctx, selectStates, args{idSet(ids), event[:]}, func(r *row) error {
		b := readBooking(r)
		state.Bookings[b.ID] = &b
		return nil
	})
}

func readMoney(ctx context.Context, c *conn, event models.EventID, ids []models.BookingID, state *sale.State) error {
	if len(ids) == 0 {
		return nil
	}
	values := args{idSet(ids), event[:]}
	err := c.query(ctx, selectChargesOf, values, func(r *row) error {
		charge := readCharge(r)
		state.Charges[charge.ChargeKey] = &charge
		return nil
	})
	if err != nil {
		return err
	}
	return c.query(ctx, selectRefundsOf, values, func(r *row) error {
		refund := readRefund(r)
		state.Refunds[refund.Key()] = &refund
		return nil
	})
}
