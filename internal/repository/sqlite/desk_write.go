package sqlite

import (
	"fmt"

	"quantix/internal/journal"
	"quantix/internal/models"
	"quantix/internal/sale"
)

// writeChanges writes what a batch has changed, in the order of the references between the tables.
func writeChanges(c *conn, batch models.BatchID, state *sale.State) error {
	changes := state.Writes()
	if err := writeEvent(c, changes); err != nil {
		return fmt.Errorf("write the event: %w", err)
	}
	for _, b := range changes.NewBookings {
		if err := insertOneBooking(c, b); err != nil {
			return fmt.Errorf("write booking %s: %w", b.ID, err)
		}
	}
	for _, b := range changes.Bookings {
		err := c.one(updateBooking, string(b.Status), nullText(b.CancelReason), nullMicros(b.ConfirmedAt),
			nullMicros(b.CancelledAt), micros(b.UpdatedAt), b.ID[:], b.EventID[:])
		if err != nil {
			return fmt.Errorf("change booking %s: %w", b.ID, err)
		}
	}
	if err := writeMoney(c, changes); err != nil {
		return err
	}
	if err := writeCustomers(c, state); err != nil {
		return fmt.Errorf("write what users hold: %w", err)
	}
	return writeEntry(c, batch, state)
}

// writeEntry writes what the batch tells of its event, and has the relay read it if bookings are to be paid.
func writeEntry(c *conn, batch models.BatchID, state *sale.State) error {
	changes, e := state.Writes(), state.Event
	if len(changes.Facts) == 0 {
		return nil
	}
	facts := journal.Encode(e.TicketPrice.Currency, changes.Facts)
	if err := c.one(insertEntry, e.ID[:], e.Seq, micros(state.Now), facts); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	if !changes.Publishes() {
		return nil
	}
	return c.one(insertOutbox, batch[:], e.ID[:], e.Seq, nil, micros(state.Now))
}

const (
	updateCounters = `UPDATE events SET available = ?, held = ?, sold = ?, held_amount = ?, sold_amount = ?,
		pending_count = ?, confirmed_count = ?, cancelled_count = ?, counted_seq = ? WHERE id = ?`
	updateEvent = `UPDATE events SET available = ?, held = ?, sold = ?, held_amount = ?, sold_amount = ?,
		pending_count = ?, confirmed_count = ?, cancelled_count = ?, counted_seq = ?, name = ?, description = ?, date_time = ?,
		sales_end = ?, ticket_price = ?, currency = ?, total_tickets = ?, version = ?, cancelled_at = ?, deleted_at = ?,
		updated_at = ?, time_zone = ? WHERE id = ?`
)

func writeEvent(c *conn, changes *sale.Writes) error {
	e := changes.Event
	if e == nil {
		return nil
	}
	s := &e.Stock
	values := args{s.Available, s.Held, s.Sold, s.HeldAmount, s.SoldAmount, s.Pending, s.Confirmed, s.Cancelled,
		countedSeq(e)}
	if !changes.EventEdited {
		return c.one(updateCounters, append(values, e.ID[:])...)
	}
	return c.one(updateEvent, append(values, e.Name, e.Description, micros(e.DateTime), nullMicros(e.SalesEnd),
		e.TicketPrice.Minor, string(e.TicketPrice.Currency), s.Total, e.Version, nullMicros(e.CancelledAt),
		nullMicros(e.DeletedAt), micros(e.UpdatedAt), nullText(e.TimeZone), e.ID[:])...)
}

const (
	insertBooking = `INSERT INTO bookings (id, user_id, event_id, quantity, status, unit_price, total_amount, currency,
		payment_method, payment_deadline, cancel_reason, confirmed_at, cancelled_at, idempotency_key, request_hash,
		created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateBooking = `UPDATE bookings SET status = ?, cancel_reason = ?, confirmed_at = ?, cancelled_at = ?, updated_at = ?
		WHERE id = ? AND event_id = ?`
)

func insertOneBooking(c *conn, b *models.Booking) error {
	return c.one(insertBooking, b.ID[:], b.UserID[:], b.EventID[:], b.Quantity, string(b.Status), b.UnitPrice.Minor,
		b.TotalAmount.Minor, string(b.TotalAmount.Currency), string(b.PaymentMethod), micros(b.PaymentDeadline),
		nullText(b.CancelReason), nullMicros(b.ConfirmedAt), nullMicros(b.CancelledAt), nullText(b.IdempotencyKey),
		hashBytes(b), micros(b.CreatedAt), micros(b.UpdatedAt))
}

const (
	updateCharge = `UPDATE payments SET status = ?, attempts = ?, last_error = ?, provider_reference = ?,
		next_attempt_at = ?, updated_at = ? WHERE event_id = ? AND booking_id = ? AND n = ?`
	// A refund's letter is written again after every further try.
	upsertLetter = `INSERT INTO dead_letters (id, kind, event_id, booking_id, n, amount, currency, attempts, last_error,
		failed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, last_error = excluded.last_error,
			failed_at = excluded.failed_at`
	deleteLetter = `DELETE FROM dead_letters WHERE id = ?`
)

// writeMoney writes what has changed of charges, refunds and dead letters.
func writeMoney(c *conn, changes *sale.Writes) error {
	if err := insertCharges(c, changes); err != nil {
		return err
	}
	for _, p := range changes.Charges {
		err := c.one(updateCharge, string(p.Status), int64(p.Attempts), clean(p.LastError), clean(p.ProviderReference),
			nullMicros(p.NextAttemptAt), micros(p.UpdatedAt), p.Event[:], p.Booking[:], int64(p.N))
		if err != nil {
			return fmt.Errorf("change charge %d of booking %s: %w", p.N, p.Booking, err)
		}
	}
	if err := writeSums(c, changes); err != nil {
		return err
	}
	if err := writeRefunds(c, changes); err != nil {
		return err
	}
	for _, l := range changes.Letters {
		err := c.one(upsertLetter, l.ID[:], string(l.Kind), l.Event[:], l.Booking[:], int64(l.N), l.Amount.Minor,
			string(l.Amount.Currency), int64(l.Attempts), clean(l.LastError), micros(l.FailedAt))
		if err != nil {
			return fmt.Errorf("write dead letter %s: %w", l.ID, err)
		}
	}
	for _, id := range changes.ClosedLetters {
		if _, err := c.exec(deleteLetter, id[:]); err != nil {
			return fmt.Errorf("remove dead letter %s: %w", id, err)
		}
	}
	return nil
}
