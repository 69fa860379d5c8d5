package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"quantix/internal/payments/simulator"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
)

const (
	lockSimCharges = `SELECT reference, booking_id, amount::text, currency, method, status, calls, charges, settles_at,
			refund_key, refunded_at, created_at, updated_at
		FROM sim_charges WHERE reference = ANY($1) ORDER BY reference FOR UPDATE`
	simColumns = `booking_id, amount, currency, method, status, calls, charges, settles_at, refund_key, refunded_at,
		created_at, updated_at`
	// The rows that the parameters of simRows stand for. A list that is read by its index costs less than one that is
	// unnested, which is a scan of its own; and a list of kinds is short.
	simValues = `r.reference, ($2::uuid[])[r.n] AS booking_id, ($3::bigint[])[r.n] * ($5::text[])[r.kind]::numeric AS amount,
			($6::text[])[r.kind] AS currency, ($7::text[])[r.kind] AS method, ($8::text[])[r.kind] AS status,
			($9::integer[])[r.kind] AS calls, ($10::integer[])[r.kind] AS charges,
			($11::timestamptz[])[r.kind] AS settles_at, ($12::text[])[r.kind] AS refund_key,
			($13::timestamptz[])[r.kind] AS refunded_at, ($14::timestamptz[])[r.kind] AS created_at,
			($15::timestamptz[])[r.kind] AS updated_at
		FROM (SELECT reference, kind, n::integer FROM unnest($1::text[], $4::integer[]) WITH ORDINALITY
			AS list (reference, kind, n)) r`
	insertSimCharges = `INSERT INTO sim_charges (reference, ` + simColumns + `) SELECT ` + simValues
	updateSimCharges = `
		UPDATE sim_charges s SET (` + simColumns + `) = ROW (v.booking_id, v.amount, v.currency, v.method, v.status, v.calls,
			v.charges, v.settles_at, v.refund_key, v.refunded_at, v.created_at, v.updated_at)
		FROM (SELECT ` + simValues + `) v WHERE s.reference = v.reference`
)

// SimCharges locks the records that there are, lets decide change them or add others, and writes those that differ.
//
// A record that is not there cannot be locked, and no place is kept for it: of two who add it at the same time the
// first wins, the other waits at its key for the winner's commit and is then undone as a whole (ErrConflict, by the
// name of the key). So a charge is written once, finished, at the cost of one plain INSERT. Nobody waits in a circle:
// rows are locked before any is added, both in the order of references, and changed last, when there is nothing left to
// wait for.
func (s *Store) SimCharges(
	ctx context.Context, references []string, decide func(now time.Time, records map[string]*simulator.Record),
) error {
	const what = "the simulated gateway's ledger"
	conn, err := s.acquire(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer conn.Release()
	defer s.rollback(ctx, conn)
	now, records, err := s.readSimCharges(ctx, conn, distinct(references))
	if err != nil {
		return wrap(what, err)
	}
	before := make(map[string]simulator.Record, len(records))
	for reference, c := range records {
		before[reference] = *c
	}
	decide(now, records)
	batch := &pgx.Batch{}
	queueSimCharges(batch, before, records)
	if batch.Len() == 0 {
		return nil
	}
	return s.commit(ctx, conn, batch, what)
}

func (s *Store) readSimCharges(
	ctx context.Context, conn *pgxpool.Conn, references []string,
) (now time.Time, records map[string]*simulator.Record, err error) {
	records = make(map[string]*simulator.Record, len(references))
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
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

func scanSimCharge(row pgx.Row, c *simulator.Record) error {
	var sum amount
	var currency string
	err := row.Scan(&c.Reference, (*[16]byte)(&c.Booking), &sum, &currency, (*string)(&c.Method), &c.Status, &c.Calls,
		&c.Charges, intoTime(&c.SettlesAt), &c.RefundKey, intoTime(&c.RefundedAt), intoTime(&c.CreatedAt),
		intoTime(&c.UpdatedAt))
	if err != nil {
		return err
	}
	utc(&c.SettlesAt, &c.RefundedAt, &c.CreatedAt, &c.UpdatedAt)
	return money(&c.Amount, sum, currency)
}

// queueSimCharges adds the statements for records that were added or changed, and none if there are no such.
func queueSimCharges(batch *pgx.Batch, before map[string]simulator.Record, after map[string]*simulator.Record) {
	var added, changed simRows
	for _, reference := range slices.Sorted(maps.Keys(after)) {
		old, known := before[reference]
		switch c := after[reference]; {
		case !known:
			added.add(reference, c)
		case old != *c:
			changed.add(reference, c)
		}
	}
	if len(added.references) > 0 {
		batch.Queue(insertSimCharges, added.parameters()...)
	}
	if len(changed.references) > 0 {
		batch.Queue(updateSimCharges, changed.parameters()...)
	}
}

// simRows are records to be written. Most of a batch differ in who pays how much and in nothing else, so all the rest
// is sent once for each kind.
type simRows struct {
	references []string
	bookings   []pgtype.UUID
	amounts    []int64
	kinds      []int32 // counted from 1
	known      map[simulator.Record]int32
	list       []simulator.Record
}

func (r *simRows) add(reference string, c *simulator.Record) {
	r.references, r.bookings = append(r.references, reference), append(r.bookings, uuid(c.Booking))
	r.amounts, r.kinds = append(r.amounts, c.Amount.Minor), append(r.kinds, r.kindOf(*c))
}

// kindOf returns the number of a record's kind: the record without what is its own.
func (r *simRows) kindOf(c simulator.Record) int32 {
	c.Reference, c.Booking, c.Amount.Minor = "", models.BookingID{}, 0
	kind := r.known[c]
	if kind == 0 {
		if r.known == nil {
			r.known = map[simulator.Record]int32{}
		}
		r.list = append(r.list, c)
		kind = int32(len(r.list))
		r.known[c] = kind
	}
	return kind
}

// parameters returns what simValues reads.
func (r *simRows) parameters() []any {
	n := len(r.list)
	factors, currencies, methods := make([]string, n), make([]string, n), make([]string, n)
	statuses, refundKeys := make([]string, n), make([]string, n)
	calls, charges := make([]int32, n), make([]int32, n)
	settles, refunded := make([]zeronull.Timestamptz, n), make([]zeronull.Timestamptz, n)
	created, updated := make([]zeronull.Timestamptz, n), make([]zeronull.Timestamptz, n)
	for i, c := range r.list {
		factors[i], currencies[i], methods[i] = factor(c.Amount.Currency), string(c.Amount.Currency), string(c.Method)
		statuses[i], refundKeys[i], calls[i], charges[i] = c.Status, c.RefundKey, int32(c.Calls), int32(c.Charges)
		settles[i], refunded[i] = nullTime(c.SettlesAt), nullTime(c.RefundedAt)
		created[i], updated[i] = nullTime(c.CreatedAt), nullTime(c.UpdatedAt)
	}
	return []any{r.references, r.bookings, r.amounts, r.kinds, factors, currencies, methods, statuses, calls, charges,
		settles, refundKeys, refunded, created, updated}
}
