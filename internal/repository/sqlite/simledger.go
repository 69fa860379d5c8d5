package sqlite

import (
	"context"
	"maps"
	"slices"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
)

const (
	simColumns = `reference, booking_id, amount, currency, method, status, calls, charges, settles_at, refund_key,
		refunded_at, created_at, updated_at`
	selectSimCharge = `SELECT ` + simColumns + ` FROM sim_charges WHERE reference = ?`
	upsertSimCharge = `INSERT INTO sim_charges (` + simColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (reference) DO UPDATE SET booking_id = excluded.booking_id, amount = excluded.amount,
			currency = excluded.currency, method = excluded.method, status = excluded.status, calls = excluded.calls,
			charges = excluded.charges, settles_at = excluded.settles_at, refund_key = excluded.refund_key,
			refunded_at = excluded.refunded_at, created_at = excluded.created_at, updated_at = excluded.updated_at`
)

func readSimCharge(r *row) simulator.Record {
	return simulator.Record{Reference: r.text(), Booking: r.id(), Amount: readMoneyColumns(r),
		Method: models.PaymentMethod(r.text()), Status: r.text(), Calls: int(r.int()), Charges: int(r.int()),
		SettlesAt: r.time(), RefundKey: r.text(), RefundedAt: r.time(), CreatedAt: r.time(), UpdatedAt: r.time()}
}

// SimCharges lets decide change or add records, and writes those that differ afterwards.
func (s *Store) SimCharges(ctx context.Context, references []string, decide func(now time.Time, records map[string]*simulator.Record)) error {
	return s.write(ctx, "the simulated gateway's ledger", func(c *conn) error {
		before := make(map[string]simulator.Record, len(references))
		records := make(map[string]*simulator.Record, len(references))
		for _, reference := range references {
			record, err := maybe(context.Background(), c, selectSimCharge, args{reference}, readSimCharge)
			if err != nil {
				return err
			}
			if record != nil {
				before[reference], records[reference] = *record, record
			}
		}
		decide(s.now(), records)
		for _, reference := range slices.Sorted(maps.Keys(records)) {
			if old, known := before[reference]; known && old == *records[reference] {
				continue
			}
			if err := writeSimCharge(c, reference, records[reference]); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeSimCharge(c *conn, reference string, r *simulator.Record) error {
	return c.one(upsertSimCharge, reference, r.Booking[:], r.Amount.Minor, string(r.Amount.Currency), string(r.Method),
		r.Status, int64(r.Calls), int64(r.Charges), nullMicros(r.SettlesAt), r.RefundKey, nullMicros(r.RefundedAt),
		nullMicros(r.CreatedAt), nullMicros(r.UpdatedAt))
}
