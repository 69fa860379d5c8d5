package sqlite

import (
	"fmt"

	"quantix/internal/sale"
)

const (
	insertSecondCharge = `INSERT INTO payments (event_id, booking_id, n, gateway, amount, refunded, currency, status, attempts,
		last_error, provider_reference, next_attempt_at, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	updateChargeSum = `UPDATE payments SET amount = ?, refunded = ?, currency = ? WHERE event_id = ? AND booking_id = ? AND n = ?`
	updateRefund    = `UPDATE refunds SET amount = ?, status = ?, attempts = ?, last_error = ?, provider_reference = ?,
		next_attempt_at = ?, updated_at = ? WHERE event_id = ? AND booking_id = ? AND n = ? AND part = ?`
	insertRefund = `INSERT INTO refunds (event_id, booking_id, n, part, gateway, charge_reference, reason, amount, currency,
		status, attempts, last_error, provider_reference, next_attempt_at, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// insertCharges writes charges that nobody asked for.
func insertCharges(c *conn, changes *sale.Writes) error {
	for _, p := range changes.NewCharges {
		err := c.one(insertSecondCharge, p.Event[:], p.Booking[:], int64(p.N), p.Gateway, p.Amount.Minor, p.Refunded,
			string(p.Amount.Currency), string(p.Status), int64(p.Attempts), clean(p.LastError), clean(p.ProviderReference),
			nullMicros(p.NextAttemptAt), micros(p.CreatedAt), micros(p.UpdatedAt))
		if err != nil {
			return fmt.Errorf("write charge %d of booking %s: %w", p.N, p.Booking, err)
		}
	}
	return nil
}

func writeSums(c *conn, changes *sale.Writes) error {
	for _, p := range changes.ChargeSums {
		err := c.one(updateChargeSum, p.Amount.Minor, p.Refunded, string(p.Amount.Currency), p.Event[:], p.Booking[:],
			int64(p.N))
		if err != nil {
			return fmt.Errorf("change the sums of charge %d of booking %s: %w", p.N, p.Booking, err)
		}
	}
	return nil
}

// writeRefunds writes every changed refund's amount, too, so that there is nothing besides for those whose amount has
// changed: they are among the changed ones.
func writeRefunds(c *conn, changes *sale.Writes) error {
	for _, r := range changes.NewRefunds {
		err := c.one(insertRefund, r.Event[:], r.Booking[:], int64(r.N), int64(r.Part), r.Gateway, clean(r.ChargeReference),
			nullText(r.Reason), r.Amount.Minor, string(r.Amount.Currency), string(r.Status), int64(r.Attempts),
			clean(r.LastError),
			clean(r.ProviderReference), nullMicros(r.NextAttemptAt), micros(r.CreatedAt), micros(r.UpdatedAt))
		if err != nil {
			return fmt.Errorf("write the refund of charge %d of booking %s: %w", r.N, r.Booking, err)
		}
	}
	for _, r := range changes.Refunds {
		err := c.one(updateRefund, r.Amount.Minor, string(r.Status), int64(r.Attempts), clean(r.LastError),
			clean(r.ProviderReference), nullMicros(r.NextAttemptAt), micros(r.UpdatedAt), r.Event[:], r.Booking[:], int64(r.N),
			int64(r.Part))
		if err != nil {
			return fmt.Errorf("change the refund of charge %d of booking %s: %w", r.N, r.Booking, err)
		}
	}
	return nil
}
