package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

// deskWriter queues what a batch has changed. An event's amounts are all in its one currency.
type deskWriter struct {
	batch   *pgx.Batch
	state   *models.EventState
	changes *models.Changes
}

// queue adds the statements in the order of their references; the event comes last, because its row, once written anew,
// would have to be locked again by the checks of the others' foreign keys.
func (w *deskWriter) queue(id models.BatchID) {
	changed := w.changes.Bookings
	if created := w.changes.NewBookings; len(created) > 0 {
		w.insertBookings(created)
		for _, b := range created { // made and changed in one batch
			if b.Status != models.Pending {
				changed = append(changed, b)
			}
		}
	}
	if len(changed) > 0 {
		w.updateBookings(changed)
	}
	w.queueMoney()
	if len(w.changes.Publish) > 0 {
		w.batch.Queue(insertOutbox, uuid(id), uuid(w.state.Event.ID), uuids(w.changes.Publish), pgtype.Timestamptz{Time: w.state.Now, Valid: true})
	}
	w.queueEvent()
}

const insertBookings = `
	INSERT INTO bookings (event_id, currency, created_at, updated_at, status, id, user_id, quantity, unit_price,
		total_amount, payment_method, payment_deadline, idempotency_key, request_hash)
	SELECT $1, $2, $3, $3, 'PENDING', v.id, v.user_id, v.quantity, v.unit_price * $4::numeric,
		v.total_amount * $4::numeric, v.method, v.deadline, v.key, v.hash
	FROM unnest($5::uuid[], $6::uuid[], $7::integer[], $8::bigint[], $9::bigint[], $10::text[], $11::timestamptz[],
		$12::text[], $13::bytea[]) AS v (id, user_id, quantity, unit_price, total_amount, method, deadline, key, hash)`

// insertBookings writes bookings as they were made.
func (w *deskWriter) insertBookings(list []*models.Booking) {
	n := len(list)
	ids, users := make([]pgtype.UUID, n), make([]pgtype.UUID, n)
	quantities, prices, totals := make([]int32, n), make([]int64, n), make([]int64, n)
	methods, deadlines := make([]string, n), make([]time.Time, n)
	keys, hashes := make([]zeronull.Text, n), make([][]byte, n)
	for i, b := range list {
		ids[i], users[i] = uuid(b.ID), uuid(b.UserID)
		quantities[i], prices[i], totals[i] = int32(b.Quantity), b.UnitPrice.Minor, b.TotalAmount.Minor
		methods[i], deadlines[i] = string(b.PaymentMethod), b.PaymentDeadline
		keys[i], hashes[i] = zeronull.Text(b.IdempotencyKey), hashBytes(b)
	}
	w.batch.Queue(insertBookings, uuid(w.state.Event.ID), w.currency(), w.state.Now, w.factor(),
		ids, users, quantities, prices, totals, methods, deadlines, keys, hashes)
}

// hashBytes gives the request's hash, NULL where no key needs it.
func hashBytes(b *models.Booking) []byte {
	if b.IdempotencyKey == "" && b.RequestHash == (models.RequestHash{}) {
		return nil
	}
	return b.RequestHash[:]
}

// Rows to update are found by key as in the first round trip, and then by their place in the table, which nobody can
// change meanwhile: the event's row is locked, and what else is locked by row was locked there.
const updateBookings = `
	UPDATE bookings b SET status = v.status, cancel_reason = v.reason, confirmed_at = v.confirmed_at,
		cancelled_at = v.cancelled_at, updated_at = $2
	FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
		AS v (id, status, reason, confirmed_at, cancelled_at)
	CROSS JOIN LATERAL (SELECT ctid FROM bookings WHERE event_id = $1 AND id = v.id OFFSET 0) place
	WHERE b.ctid = place.ctid`

func (w *deskWriter) updateBookings(list []*models.Booking) {
	n := len(list)
	ids, statuses, reasons := make([]pgtype.UUID, n), make([]string, n), make([]zeronull.Text, n)
	confirmed, cancelled := make([]zeronull.Timestamptz, n), make([]zeronull.Timestamptz, n)
	for i, b := range list {
		ids[i], statuses[i], reasons[i] = uuid(b.ID), string(b.Status), zeronull.Text(b.CancelReason)
		confirmed[i], cancelled[i] = nullTime(b.ConfirmedAt), nullTime(b.CancelledAt)
	}
	w.batch.Queue(updateBookings, uuid(w.state.Event.ID), w.state.Now, ids, statuses, reasons, confirmed, cancelled)
}

// queueMoney adds what has changed of charges, refunds and dead letters.
func (w *deskWriter) queueMoney() {
	if list := w.changes.Charges; len(list) > 0 {
		w.updateCharges(list)
	}
	if list := w.changes.NewRefunds; len(list) > 0 {
		w.insertRefunds(list)
	}
	if list := w.changes.Refunds; len(list) > 0 {
		w.updateRefunds(list)
	}
	if list := w.changes.Letters; len(list) > 0 {
		w.upsertLetters(list)
	}
	if list := w.changes.ClosedLetters; len(list) > 0 {
		w.batch.Queue(deleteLetters, uuids(list))
	}
}

// attempts are the columns that charges and refunds share.
type attempts struct {
	bookings   []pgtype.UUID
	numbers    []int32
	statuses   []string
	counts     []int32
	errors     []string
	references []string
	next       []zeronull.Timestamptz
}

func (a *attempts) add(key models.ChargeKey, status string, count int, lastError, reference string, next time.Time) {
	a.bookings, a.numbers = append(a.bookings, uuid(key.Booking)), append(a.numbers, int32(key.N))
	a.statuses, a.counts = append(a.statuses, status), append(a.counts, int32(count))
	a.errors, a.references = append(a.errors, clean(lastError)), append(a.references, clean(reference))
	a.next = append(a.next, nullTime(next))
}

const (
	attemptColumns = `unnest($3::uuid[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::timestamptz[])
		AS v (booking_id, n, status, attempts, last_error, provider_reference, next_attempt_at)`
	setAttempts = ` SET status = v.status, attempts = v.attempts, last_error = v.last_error,
		provider_reference = v.provider_reference, next_attempt_at = v.next_attempt_at, updated_at = $2
		FROM ` + attemptColumns + `
		CROSS JOIN LATERAL (SELECT ctid FROM `
	atPlace = ` WHERE event_id = $1 AND booking_id = v.booking_id AND n = v.n OFFSET 0) place
		WHERE t.ctid = place.ctid`
	updateCharges = `UPDATE payments t` + setAttempts + `payments` + atPlace
	updateRefunds = `UPDATE refunds t` + setAttempts + `refunds` + atPlace
)

func (w *deskWriter) updateAttempts(statement string, a *attempts) {
	w.batch.Queue(statement, uuid(w.state.Event.ID), w.state.Now, a.bookings, a.numbers, a.statuses, a.counts, a.errors,
		a.references, a.next)
}

func (w *deskWriter) updateCharges(list []*models.Charge) {
	var a attempts
	for _, c := range list {
		a.add(c.ChargeKey, string(c.Status), c.Attempts, c.LastError, c.ProviderReference, c.NextAttemptAt)
	}
	w.updateAttempts(updateCharges, &a)
}

func (w *deskWriter) updateRefunds(list []*models.Refund) {
	var a attempts
	for _, r := range list {
		a.add(r.ChargeKey, string(r.Status), r.Attempts, r.LastError, r.ProviderReference, r.NextAttemptAt)
	}
	w.updateAttempts(updateRefunds, &a)
}

const insertRefunds = `
	INSERT INTO refunds (event_id, created_at, updated_at, currency, booking_id, n, status, attempts, last_error,
		provider_reference, next_attempt_at, gateway, charge_reference, amount)
	SELECT $1, $2, $2, $10, v.booking_id, v.n, v.status, v.attempts, v.last_error, v.provider_reference,
		v.next_attempt_at, v.gateway, v.charge_reference, v.amount * $11::numeric
	FROM unnest($3::uuid[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::text[], $9::timestamptz[],
			$12::text[], $13::text[], $14::bigint[])
		AS v (booking_id, n, status, attempts, last_error, provider_reference, next_attempt_at, gateway, charge_reference, amount)`

func (w *deskWriter) insertRefunds(list []*models.Refund) {
	var a attempts
	var gateways, charges []string
	var amounts []int64
	for _, r := range list {
		a.add(r.ChargeKey, string(r.Status), r.Attempts, r.LastError, r.ProviderReference, r.NextAttemptAt)
		gateways, charges = append(gateways, r.Gateway), append(charges, r.ChargeReference)
		amounts = append(amounts, r.Amount.Minor)
	}
	w.batch.Queue(insertRefunds, uuid(w.state.Event.ID), w.state.Now, a.bookings, a.numbers, a.statuses, a.counts, a.errors,
		a.references, a.next, w.currency(), w.factor(), gateways, charges, amounts)
}

const (
	// A refund's letter is written again after every further try.
	upsertLetters = `
		INSERT INTO dead_letters (event_id, currency, failed_at, id, kind, booking_id, n, amount, attempts, last_error)
		SELECT $1, $2, $3, v.id, v.kind, v.booking_id, v.n, v.amount * $4::numeric, v.attempts, v.last_error
		FROM unnest($5::uuid[], $6::text[], $7::uuid[], $8::integer[], $9::bigint[], $10::integer[], $11::text[])
			AS v (id, kind, booking_id, n, amount, attempts, last_error)
		ON CONFLICT (id) DO UPDATE SET attempts = excluded.attempts, last_error = excluded.last_error,
			failed_at = excluded.failed_at`
	deleteLetters = `DELETE FROM dead_letters WHERE id = ANY($1)`
)

func (w *deskWriter) upsertLetters(all []models.DeadLetter) {
	list := lastOfEach(all)
	n := len(list)
	ids, kinds, bookings := make([]pgtype.UUID, n), make([]string, n), make([]pgtype.UUID, n)
	numbers, amounts, counts, errors := make([]int32, n), make([]int64, n), make([]int32, n), make([]string, n)
	for i, l := range list {
		ids[i], kinds[i], bookings[i], numbers[i] = uuid(l.ID), string(l.Kind), uuid(l.Booking), int32(l.N)
		amounts[i], counts[i], errors[i] = l.Amount.Minor, int32(l.Attempts), clean(l.LastError)
	}
	w.batch.Queue(upsertLetters, uuid(w.state.Event.ID), w.currency(), w.state.Now, w.factor(),
		ids, kinds, bookings, numbers, amounts, counts, errors)
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

const (
	// Of an event's row, a booking touches these alone: no index has them.
	updateCounters = `
		UPDATE events SET available = $2, held = $3, sold = $4, held_amount = $5::bigint * $7::numeric,
			sold_amount = $6::bigint * $7::numeric, pending_count = $8, confirmed_count = $9, cancelled_count = $10
		WHERE id = $1`
	updateEvent = `
		UPDATE events SET name = $2, description = $3, date_time = $4, sales_end = $5,
			ticket_price = $6::bigint * $7::numeric, currency = $8, total_tickets = $9, available = $10, version = $11,
			cancelled_at = $12, deleted_at = $13, updated_at = $14, held = $15, sold = $16,
			held_amount = $17::bigint * $7::numeric, sold_amount = $18::bigint * $7::numeric,
			pending_count = $19, confirmed_count = $20, cancelled_count = $21
		WHERE id = $1`
)

func (w *deskWriter) queueEvent() {
	e := w.changes.Event
	switch {
	case e == nil:
	case w.changes.EventEdited:
		s := &e.Stock
		w.batch.Queue(updateEvent, uuid(e.ID), e.Name, e.Description, e.DateTime, nullTime(e.SalesEnd), e.TicketPrice.Minor,
			w.factor(), w.currency(), s.Total, s.Available, e.Version, nullTime(e.CancelledAt), nullTime(e.DeletedAt),
			e.UpdatedAt, s.Held, s.Sold, s.HeldAmount, s.SoldAmount, s.Pending, s.Confirmed, s.Cancelled)
	default:
		s := &e.Stock
		w.batch.Queue(updateCounters, uuid(e.ID), s.Available, s.Held, s.Sold, s.HeldAmount, s.SoldAmount, w.factor(),
			s.Pending, s.Confirmed, s.Cancelled)
	}
}

func (w *deskWriter) currency() string { return string(w.state.Event.TicketPrice.Currency) }

func (w *deskWriter) factor() string { return factor(w.state.Event.TicketPrice.Currency) }
