package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
)

const (
	simColumns = `reference, booking_id, amount::text, currency, method, status, calls, charges, settles_at, refund_key,
		refunded_at, created_at, updated_at`
	// A record that is not there cannot be locked: an empty one (status '') stands for it until the end of the
	// transaction, and whoever comes with the same reference waits there.
	reserveSimCharges = `
		INSERT INTO sim_charges (reference, booking_id, amount, currency, method, status, calls, charges)
		SELECT r, '00000000-0000-0000-0000-000000000000', 0, '', '', '', 0, 0 FROM unnest($1::text[]) r ORDER BY r
		ON CONFLICT DO NOTHING`
	lockSimCharges = `SELECT ` + simColumns + ` FROM sim_charges
		WHERE reference = ANY($1) AND status <> '' ORDER BY reference FOR UPDATE`
	updateSimCharges = `
		UPDATE sim_charges s SET booking_id = v.booking_id, amount = v.amount * v.factor::numeric, currency = v.currency,
			method = v.method, status = v.status, calls = v.calls, charges = v.charges, settles_at = v.settles_at,
			refund_key = v.refund_key, refunded_at = v.refunded_at, created_at = v.created_at, updated_at = v.updated_at
		FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::integer[],
				$9::integer[], $10::timestamptz[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[])
			AS v (reference, booking_id, amount, factor, currency, method, status, calls, charges, settles_at, refund_key,
				refunded_at, created_at, updated_at)
		WHERE s.reference = v.reference`
	dropSimReserves = `DELETE FROM sim_charges WHERE reference = ANY($1) AND status = ''`
)

// SimCharges locks the records of the references in sorted order, lets decide change or add records, and writes all
// that the map then holds.
func (s *Store) SimCharges(ctx context.Context, references []string, decide func(now time.Time, records map[string]*models.SimCharge)) error {
	const what = "the simulated gateway's ledger"
	references = distinct(references)
	slices.Sort(references)
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer conn.Release()
	defer s.rollback(ctx, conn)
	now, records, err := s.readSimCharges(ctx, conn, references)
	if err != nil {
		return wrap(what, err)
	}
	before := copies(records)
	decide(now, records)
	if unchanged(before, records) {
		return nil
	}
	return s.writeSimCharges(ctx, conn, references, records, what)
}

func (s *Store) readSimCharges(ctx context.Context, conn *pgxpool.Conn, references []string) (now time.Time, records map[string]*models.SimCharge, err error) {
	records = make(map[string]*models.SimCharge, len(references))
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	batch.Queue(reserveSimCharges, references)
	batch.Queue(lockSimCharges, references).Query(func(rows pgx.Rows) error {
		list, err := collect(rows, nil, scanSimCharge)
		for i := range list {
			records[list[i].Reference] = &list[i]
		}
		return err
	})
	batch.Queue(selectClock).QueryRow(func(row pgx.Row) error { return row.Scan(&now) })
	err = conn.SendBatch(ctx, batch).Close()
	if s.options.Clock != nil {
		now = s.options.Clock()
	}
	return instant(now), records, err
}

func scanSimCharge(row pgx.Row, c *models.SimCharge) error {
	var sum amount
	var currency string
	err := row.Scan(&c.Reference, (*[16]byte)(&c.Booking), &sum, &currency, (*string)(&c.Method), &c.Status, &c.Calls,
		&c.Charges, intoTime(&c.SettlesAt), &c.RefundKey, intoTime(&c.RefundedAt), intoTime(&c.CreatedAt), intoTime(&c.UpdatedAt))
	if err != nil {
		return err
	}
	utc(&c.SettlesAt, &c.RefundedAt, &c.CreatedAt, &c.UpdatedAt)
	return money(&c.Amount, sum, currency)
}

func copies(records map[string]*models.SimCharge) map[string]models.SimCharge {
	list := make(map[string]models.SimCharge, len(records))
	for reference, c := range records {
		list[reference] = *c
	}
	return list
}

func unchanged(before map[string]models.SimCharge, after map[string]*models.SimCharge) bool {
	for reference, c := range after {
		if old, known := before[reference]; !known || old != *c {
			return false
		}
	}
	return true
}

func (s *Store) writeSimCharges(ctx context.Context, conn *pgxpool.Conn, references []string, records map[string]*models.SimCharge, what string) error {
	n := len(records)
	names, bookings, amounts := make([]string, 0, n), make([]pgtype.UUID, 0, n), make([]int64, 0, n)
	factors, currencies := make([]string, 0, n), make([]string, 0, n)
	methods, statuses, refundKeys := make([]string, 0, n), make([]string, 0, n), make([]string, 0, n)
	calls, charges := make([]int32, 0, n), make([]int32, 0, n)
	settles, refunded, created, updated := make([]zeronull.Timestamptz, 0, n), make([]zeronull.Timestamptz, 0, n),
		make([]zeronull.Timestamptz, 0, n), make([]zeronull.Timestamptz, 0, n)
	for reference, c := range records {
		names, bookings, amounts = append(names, reference), append(bookings, uuid(c.Booking)), append(amounts, c.Amount.Minor)
		factors, currencies = append(factors, factor(c.Amount.Currency)), append(currencies, string(c.Amount.Currency))
		methods, statuses = append(methods, string(c.Method)), append(statuses, c.Status)
		calls, charges = append(calls, int32(c.Calls)), append(charges, int32(c.Charges))
		refundKeys, settles = append(refundKeys, c.RefundKey), append(settles, nullTime(c.SettlesAt))
		refunded, created = append(refunded, nullTime(c.RefundedAt)), append(created, nullTime(c.CreatedAt))
		updated = append(updated, nullTime(c.UpdatedAt))
	}
	batch := &pgx.Batch{}
	batch.Queue(updateSimCharges, names, bookings, amounts, factors, currencies, methods, statuses, calls, charges, settles,
		refundKeys, refunded, created, updated)
	if n < len(references) {
		batch.Queue(dropSimReserves, references)
	}
	return s.commit(ctx, conn, batch, what)
}
