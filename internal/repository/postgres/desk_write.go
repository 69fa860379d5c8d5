package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/journal"
	"quantix/internal/models"
	"quantix/internal/sale"
)

// deskWriter queues what the calls of a transaction have changed, of those events whose amounts are in one currency.
type deskWriter struct {
	batch    *pgx.Batch
	currency models.Currency
	calls    []*deskCall
	now      time.Time

	presumed func(*deskWriter) // instead of updateStock, when the event was not read
}

// writers returns one for each currency; nearly always that is one in all.
func writers(batch *pgx.Batch, tx sharedTx) []*deskWriter {
	var list []*deskWriter
	byCurrency := map[models.Currency]*deskWriter{}
	for _, v := range tx.calls {
		if !v.held || v.state.Writes().Empty() {
			continue
		}
		currency := v.state.Event.TicketPrice.Currency
		w := byCurrency[currency]
		if w == nil {
			w = &deskWriter{batch: batch, currency: currency, now: v.state.Now}
			byCurrency[currency], list = w, append(list, w)
		}
		w.calls = append(w.calls, v)
	}
	return list
}

// queue adds the statements in the order of their references; the stock comes last, so that the row that all wait for
// is written when nothing can be refused any more. It reports whether all of them can be written.
func (w *deskWriter) queue() bool {
	changes := changesOf(w.calls)
	if changes.unread {
		return false
	}
	w.insertBookings()
	w.confirmPaid(changes.paid)
	w.updateBookings(changes.others)
	w.updateNewBookings()
	w.insertCharges(changes.newApart)
	w.updateCharges(changes.charges)
	w.updateChargeSums(changes.sums)
	w.insertRefunds()
	w.updateRefunds()
	w.updateRefundSums()
	w.writeLetters()
	w.insertEntries()
	w.writeCustomers()
	w.updateEvents()
	if w.presumed != nil {
		w.presumed(w)
	} else {
		w.updateStock()
	}
	return true
}

// gather joins what one kind of change is made of, over all calls.
func gather[T any](w *deskWriter, pick func(*sale.Writes) []T) []T {
	if len(w.calls) == 1 {
		return pick(w.calls[0].state.Writes())
	}
	var list []T
	for _, v := range w.calls {
		list = append(list, pick(v.state.Writes())...)
	}
	return list
}

const insertBookings = `
	INSERT INTO bookings (event_id, currency, created_at, updated_at, status, id, user_id, quantity, unit_price,
		total_amount, payment_method, payment_deadline, idempotency_key, request_hash)
	SELECT v.event_id, $1, $2, $2, 'PENDING', v.id, v.user_id, v.quantity, v.unit_price * $3::numeric,
		v.total_amount * $3::numeric, v.method, v.deadline, v.key, v.hash
	FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::timestamptz[],
		$12::text[], $13::bytea[]) AS v (event_id, id, user_id, quantity, unit_price, total_amount, method, deadline, key, hash)`

// insertBookings writes bookings as they were made.
func (w *deskWriter) insertBookings() {
	list := gather(w, func(c *sale.Writes) []*models.Booking { return c.NewBookings })
	if len(list) == 0 {
		return
	}
	w.batch.Queue(insertBookings, string(w.currency), w.now, factor(w.currency),
		columnOf(list, func(b *models.Booking) pgtype.UUID { return uuid(b.EventID) }),
		columnOf(list, func(b *models.Booking) pgtype.UUID { return uuid(b.ID) }),
		columnOf(list, func(b *models.Booking) pgtype.UUID { return uuid(b.UserID) }),
		columnOf(list, func(b *models.Booking) pgtype.Int8 { return number(b.Quantity) }),
		columnOf(list, func(b *models.Booking) pgtype.Int8 { return number(b.UnitPrice.Minor) }),
		columnOf(list, func(b *models.Booking) pgtype.Int8 { return number(b.TotalAmount.Minor) }),
		columnOf(list, func(b *models.Booking) pgtype.Text { return word(string(b.PaymentMethod)) }),
		columnOf(list, func(b *models.Booking) pgtype.Timestamptz { return moment(b.PaymentDeadline) }),
		columnOf(list, func(b *models.Booking) zeronull.Text { return zeronull.Text(b.IdempotencyKey) }),
		columnOf(list, hashBytes))
}

// hashBytes returns the request's hash, NULL where no key needs it.
func hashBytes(b *models.Booking) []byte {
	if b.IdempotencyKey == "" && b.RequestHash == (models.RequestHash{}) {
		return nil
	}
	return b.RequestHash[:]
}

// mustUpdateAll makes an update that must change as many rows as one of its parameters names. Rows are updated by the
// ctid read under the lock (see deskCall). If one has moved, because a charge was started in it meanwhile or somebody
// has changed it by hand and without the event's lock, 1/0 aborts the batch, which is then decided again: the change
// would be lost. Keys are compared by IS NOT DISTINCT FROM, which no index serves: otherwise the planner would look
// them up.
func mustUpdateAll(update, each string) string {
	return `WITH done AS (` + update + ` RETURNING 1) SELECT 1 / (count(*) = cardinality(` + each + `))::integer FROM done`
}

// attempts are the columns that charges and refunds share.
type attempts struct {
	events     column[pgtype.UUID]
	bookings   column[pgtype.UUID]
	numbers    column[pgtype.Int8]
	statuses   column[pgtype.Text]
	counts     column[pgtype.Int8]
	errors     column[pgtype.Text]
	references column[pgtype.Text]
	next       column[zeronull.Timestamptz]
}

func (a *attempts) add(key models.ChargeKey, status string, count int, lastError, reference string, next time.Time) {
	a.events, a.bookings, a.numbers = append(a.events, uuid(key.Event)), append(a.bookings, uuid(key.Booking)),
		append(a.numbers, number(int64(key.N)))
	a.statuses, a.counts = append(a.statuses, word(status)), append(a.counts, number(int64(count)))
	a.errors, a.references = append(a.errors, word(clean(lastError))), append(a.references, word(clean(reference)))
	a.next = append(a.next, nullTime(next))
}

func (a *attempts) addCharge(c *models.Charge) {
	a.add(c.ChargeKey, string(c.Status), c.Attempts, c.LastError, c.ProviderReference, c.NextAttemptAt)
}

func (a *attempts) addRefund(r *models.Refund) {
	a.add(r.ChargeKey, string(r.Status), r.Attempts, r.LastError, r.ProviderReference, r.NextAttemptAt)
}

// columns are in the order of attemptColumns, from $2 on.
func (a *attempts) columns() []any {
	return []any{a.events, a.bookings, a.numbers, a.statuses, a.counts, a.errors, a.references, a.next}
}

const (
	attemptArrays = `$2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::timestamptz[]`
	attemptNames  = `event_id, booking_id, n, status, attempts, last_error, provider_reference, next_attempt_at`
	setAttempts   = ` t SET status = v.status, attempts = v.attempts, last_error = v.last_error,
		provider_reference = v.provider_reference, next_attempt_at = v.next_attempt_at, updated_at = $1
		FROM unnest(` + attemptArrays + `, $10::tid[]) AS v (` + attemptNames + `, place)
		WHERE t.ctid = v.place AND (t.event_id, t.booking_id, t.n) IS NOT DISTINCT FROM (v.event_id, v.booking_id, v.n)`
)

var (
	updateCharges = mustUpdateAll(`UPDATE payments`+setAttempts, "$10::tid[]")
	updateRefunds = mustUpdateAll(`UPDATE refunds`+setAttempts, "$10::tid[]")
)

func (w *deskWriter) updateCharges(list []chargeAt) {
	var a attempts
	var places column[pgtype.TID]
	for _, c := range list {
		a.addCharge(c.Charge)
		places = append(places, c.place)
	}
	w.updateAttempts(updateCharges, &a, places)
}

func (w *deskWriter) updateRefunds() {
	var a attempts
	var places column[pgtype.TID]
	for _, v := range w.calls {
		for _, r := range v.state.Writes().Refunds {
			a.addRefund(r)
			places = append(places, v.refunds[r.Key()])
		}
	}
	w.updateAttempts(updateRefunds, &a, places)
}

func (w *deskWriter) updateAttempts(statement string, a *attempts, places column[pgtype.TID]) {
	if len(places) > 0 {
		w.batch.Queue(statement, append(append([]any{w.now}, a.columns()...), places)...)
	}
}

const (
	// A refund's letter is written again after every further try.
	upsertLetters = `
		INSERT INTO dead_letters (currency, failed_at, event_id, id, kind, booking_id, n, amount, attempts, last_error)
		SELECT $1, $2, v.event_id, v.id, v.kind, v.booking_id, v.n, v.amount * $3::numeric, v.attempts, v.last_error
		FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::uuid[], $8::integer[], $9::bigint[], $10::integer[], $11::text[])
			AS v (event_id, id, kind, booking_id, n, amount, attempts, last_error)
		ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, last_error = excluded.last_error,
			failed_at = excluded.failed_at`
	deleteLetters = `DELETE FROM dead_letters WHERE id = ANY($1)`
)

func (w *deskWriter) writeLetters() {
	if list := lastOfEach(gather(w, func(c *sale.Writes) []models.DeadLetter { return c.Letters })); len(list) > 0 {
		w.upsertLetters(list)
	}
	if list := gather(w, func(c *sale.Writes) []models.LetterID { return c.ClosedLetters }); len(list) > 0 {
		w.batch.Queue(deleteLetters, uuids(list))
	}
}

func (w *deskWriter) upsertLetters(list []models.DeadLetter) {
	n := len(list)
	events, ids, kinds, bookings := make([]pgtype.UUID, n), make([]pgtype.UUID, n), make([]string, n),
		make([]pgtype.UUID, n)
	numbers, amounts, counts, errors := make([]int32, n), make([]int64, n), make([]int32, n), make([]string, n)
	for i, l := range list {
		events[i], ids[i], kinds[i], bookings[i], numbers[i] = uuid(l.Event), uuid(l.ID), string(l.Kind), uuid(l.Booking),
			int32(l.N)
		amounts[i], counts[i], errors[i] = l.Amount.Minor, int32(l.Attempts), clean(l.LastError)
	}
	w.batch.Queue(upsertLetters, string(w.currency), w.now, factor(w.currency),
		events, ids, kinds, bookings, numbers, amounts, counts, errors)
}

// lastOfEach keeps the last of several letters with one id: ON CONFLICT takes none twice.
func lastOfEach(list []models.DeadLetter) []models.DeadLetter {
	place := make(map[models.LetterID]int, len(list))
	var kept []models.DeadLetter
	for _, l := range list {
		if i, known := place[l.ID]; known {
			kept[i] = l
			continue
		}
		place[l.ID] = len(kept)
		kept = append(kept, l)
	}
	return kept
}

// insertEntries writes the entries, and for those that made bookings the pointers by which the relay finds them.
const insertEntries = `
	WITH v AS (
		SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bytea[]) AS v (batch, event_id, seq, facts)
	), entries AS (
		INSERT INTO journal (event_id, seq, at, facts) SELECT event_id, seq, $1, facts FROM v
	)
	INSERT INTO outbox (id, event_id, seq, created_at) SELECT batch, event_id, seq, $1 FROM v WHERE batch IS NOT NULL`

// insertEntries writes what the calls tell of their events, each as one entry.
func (w *deskWriter) insertEntries() {
	var batches, events column[pgtype.UUID]
	var seqs []int64
	var facts [][]byte
	for _, v := range w.calls {
		writes := v.state.Writes()
		if len(writes.Facts) == 0 {
			continue
		}
		batch := uuid(v.batch)
		batch.Valid = writes.Publishes()
		batches, events = append(batches, batch), append(events, uuid(v.event))
		seqs, facts = append(seqs, v.state.Event.Seq), append(facts, journal.Encode(w.currency, writes.Facts))
	}
	if len(events) > 0 {
		w.batch.Queue(insertEntries, w.now, batches, events, seqs, facts)
	}
}

// updateEvent writes what organisers change. They are few: each is a statement.
const updateEvent = `
	UPDATE events SET name = $2, description = $3, date_time = $4, sales_end = $5, ticket_price = $6::bigint * $7::numeric,
		currency = $8, total_tickets = $9, version = $10, cancelled_at = $11, deleted_at = $12, updated_at = $13, time_zone = $14
	WHERE id = $1`

func (w *deskWriter) updateEvents() {
	for _, v := range w.calls {
		if e := v.state.Writes().Event; e != nil && v.state.Writes().EventEdited {
			w.batch.Queue(updateEvent, uuid(e.ID), e.Name, e.Description, e.DateTime, nullTime(e.SalesEnd), e.TicketPrice.Minor,
				factor(w.currency), string(w.currency), e.Stock.Total, e.Version, nullTime(e.CancelledAt), nullTime(e.DeletedAt),
				e.UpdatedAt,
				zeronull.Text(e.TimeZone))
		}
	}
}

var updateStock = mustUpdateAll(`
	UPDATE event_stock s SET total_tickets = v.total, available = v.available, held = v.held, sold = v.sold,
		held_amount = v.held_amount * $1::numeric, sold_amount = v.sold_amount * $1::numeric,
		pending_count = v.pending, confirmed_count = v.confirmed, cancelled_count = v.cancelled,
		counted_seq = v.counted, journal_seq = v.seq
	FROM unnest($2::uuid[], $3::tid[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
			$10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
		AS v (event_id, place, total, available, held, sold, held_amount, sold_amount, pending, confirmed, cancelled, seq, counted)
	WHERE s.ctid = v.place AND s.event_id IS NOT DISTINCT FROM v.event_id`, "$3::tid[]")

func (w *deskWriter) updateStock() {
	var events column[pgtype.UUID]
	var places column[pgtype.TID]
	var totals, available, held, sold, heldAmounts, soldAmounts, pending, confirmed, cancelled, seqs []int64
	var counted column[zeronull.Int8]
	for _, v := range w.calls {
		e := v.state.Writes().Event
		if e == nil {
			continue
		}
		s := &e.Stock
		events, places = append(events, uuid(e.ID)), append(places, v.stock)
		totals, available = append(totals, s.Total), append(available, s.Available)
		held, sold = append(held, s.Held), append(sold, s.Sold)
		heldAmounts, soldAmounts = append(heldAmounts, s.HeldAmount), append(soldAmounts, s.SoldAmount)
		pending, confirmed, cancelled = append(pending, s.Pending), append(confirmed, s.Confirmed),
			append(cancelled, s.Cancelled)
		seqs, counted = append(seqs, e.Seq), append(counted, countedSeq(e))
	}
	if len(events) > 0 {
		w.batch.Queue(updateStock, factor(w.currency), events, places, totals, available, held, sold, heldAmounts,
			soldAmounts, pending, confirmed, cancelled, seqs, counted)
	}
}
