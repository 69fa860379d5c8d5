package postgres

import (
	"slices"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// changes are what has changed of bookings and their charges, sorted by where it is written.
type changes struct {
	paid     []bookingChange  // PENDING bookings whose charge has succeeded, as all should
	others   []bookingChange  // all other bookings that were there before
	newApart []*models.Charge // for payments, where they were not
	charges  []chargeAt       // changed in payments
	sums     []*models.Charge // whose amount or refunded sum has changed in payments
	unread   bool             // others has a booking whose row was not read
}

// A bookingChange is what a booking's row is to be, with the charge that stands in it.
type bookingChange struct {
	*models.Booking
	seen   seenBooking
	charge *models.Charge // nil: none in the row
	where  zeronull.Text  // the column charge
}

// A chargeAt is a charge and where its row was seen in payments.
type chargeAt struct {
	*models.Charge
	place pgtype.TID
}

// changesOf sorts what the calls have changed.
func changesOf(calls []*deskCall) changes {
	var all changes
	for _, v := range calls {
		all.add(v)
	}
	return all
}

func (all *changes) add(v *deskCall) {
	w := v.state.Writes()
	moves := movesOf(w)
	bookings := slices.Clone(w.Bookings)
	changed := make(map[*models.Booking]bool, len(bookings))
	for _, b := range bookings {
		changed[b] = true
	}
	for _, c := range w.Charges {
		b := v.state.Bookings[c.Booking]
		switch {
		case v.bookings[c.Booking].inRow != c:
			all.charges = append(all.charges, chargeAt{c, v.charges[c.ChargeKey]})
		case !changed[b]:
			changed[b], bookings = true, append(bookings, b)
		}
	}
	for id := range moves {
		if b := v.state.Bookings[id]; b != nil && v.bookings[id].inRow != nil && !changed[b] {
			bookings = append(bookings, b)
		}
	}
	// the order of their keys, in which everybody who changes several of them locks them
	slices.SortFunc(bookings, func(a, b *models.Booking) int { return a.ID.Compare(b.ID) })
	for _, b := range bookings {
		all.addBooking(b, v.bookings[b.ID], moves[b.ID])
	}
	for _, c := range w.ChargeSums {
		if _, is := v.charges[c.ChargeKey]; is {
			all.sums = append(all.sums, c)
		}
	}
	all.newApart = append(all.newApart, w.NewCharges...)
}

// addBooking adds a booking that was there before. Its charge leaves the row when it is to move, or goes another way
// than a row can tell of.
func (all *changes) addBooking(b *models.Booking, seen seenBooking, moves bool) {
	change := bookingChange{Booking: b, seen: seen, charge: seen.inRow, where: seen.charge}
	switch c := seen.inRow; {
	case c == nil:
	case moves || !fitsRow(b, c):
		change.charge, change.where = nil, apart
		all.newApart = append(all.newApart, c)
	default:
		change.where = zeronull.Text(c.Status)
	}
	if change.where == inRowSucceeded && seen.charge == inRowStarted && seen.status == models.StatusPending {
		all.paid = append(all.paid, change)
		return
	}
	all.others, all.unread = append(all.others, change), all.unread || !seen.place.Valid
}

// movesOf names the bookings whose first charge has to be in payments, because something hangs on it, or beside it; nil
// for none, as nearly always.
func movesOf(w *sale.Writes) map[models.BookingID]bool {
	n := len(w.NewCharges) + len(w.ChargeSums) + len(w.NewRefunds) + len(w.Letters)
	if n == 0 {
		return nil
	}
	moves := make(map[models.BookingID]bool, n)
	for _, c := range w.NewCharges {
		moves[c.Booking] = true
	}
	for _, c := range w.ChargeSums {
		moves[c.Booking] = true
	}
	for _, r := range w.NewRefunds {
		moves[r.Booking] = true
	}
	for _, l := range w.Letters {
		moves[l.Booking] = true
	}
	return moves
}

// fitsRow reports whether a booking's row can tell all of its first charge: it is under way, for a booking that waits
// for it, or it has paid for its tickets.
func fitsRow(b *models.Booking, c *models.Charge) bool {
	if c.Attempts != 1 || c.LastError != "" || c.Refunded != 0 || c.Amount != b.TotalAmount || c.NextAttemptAt.IsZero() {
		return false
	}
	switch c.Status {
	case models.ChargeStarted:
		return b.Status == models.StatusPending
	case models.ChargeSucceeded:
		return b.Status == models.StatusConfirmed && c.UpdatedAt.Equal(b.ConfirmedAt)
	}
	return false
}

// What confirmPaid writes it looks up by its key, which also makes room on the row's page: most of it was not read. The
// statuses are told by what they are not (see startCharges).
var (
	confirmPaid = mustUpdateAll(`
		UPDATE bookings b SET status = 'CONFIRMED', charge = 'succeeded', confirmed_at = $1, updated_at = $1,
			provider_reference = v.reference
		FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS v (event_id, id, reference)
			CROSS JOIN LATERAL (SELECT ctid FROM bookings WHERE event_id = v.event_id AND id = v.id OFFSET 0) place
		WHERE b.ctid = place.ctid AND b.charge = 'started' AND b.status NOT IN ('CONFIRMED', 'CANCELLED')`, "$3::uuid[]")
	updateBookings = mustUpdateAll(`
		UPDATE bookings b SET status = v.status, cancel_reason = v.reason, confirmed_at = v.confirmed_at,
			cancelled_at = v.cancelled_at, updated_at = v.updated_at, charge = v.charge, gateway = v.gateway,
			provider_reference = v.reference, charged_at = v.charged_at, prepared_at = v.prepared_at, next_attempt_at = v.next
		FROM unnest($1::tid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[],
				$9::timestamptz[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[])
			AS v (place, id, old_status, old_charge, status, reason, confirmed_at, cancelled_at, updated_at, charge, gateway, reference,
				charged_at, prepared_at, next)
		WHERE b.ctid = v.place AND b.id IS NOT DISTINCT FROM v.id
			AND b.status IS NOT DISTINCT FROM v.old_status AND b.charge IS NOT DISTINCT FROM v.old_charge`, "$1::tid[]")
)

// confirmPaid writes what nearly all bookings come to. Who pays what, and to whom, is in the row already.
func (w *deskWriter) confirmPaid(list []bookingChange) {
	if len(list) == 0 {
		return
	}
	w.batch.Queue(confirmPaid, w.now,
		columnOf(list, func(b bookingChange) pgtype.UUID { return uuid(b.EventID) }),
		columnOf(list, func(b bookingChange) pgtype.UUID { return uuid(b.ID) }),
		columnOf(list, func(b bookingChange) pgtype.Text { return word(clean(b.charge.ProviderReference)) }))
}

func (w *deskWriter) updateBookings(list []bookingChange) {
	if len(list) == 0 {
		return
	}
	n := len(list)
	gateways, references := make(column[zeronull.Text], n), make(column[pgtype.Text], n)
	charged, prepared, next := make(column[zeronull.Timestamptz], n), make(column[zeronull.Timestamptz], n),
		make(column[zeronull.Timestamptz], n)
	for i, b := range list {
		c := b.charge
		if c == nil {
			continue
		}
		gateways[i], references[i] = zeronull.Text(c.Gateway), word(clean(c.ProviderReference))
		charged[i], next[i] = nullTime(c.CreatedAt), nullTime(c.NextAttemptAt)
		if c.Status == models.ChargeStarted && !c.UpdatedAt.Equal(c.CreatedAt) {
			prepared[i] = nullTime(c.UpdatedAt)
		}
	}
	w.batch.Queue(updateBookings,
		columnOf(list, func(b bookingChange) pgtype.TID { return b.seen.place }),
		columnOf(list, func(b bookingChange) pgtype.UUID { return uuid(b.ID) }),
		columnOf(list, func(b bookingChange) pgtype.Text { return word(string(b.seen.status)) }),
		columnOf(list, func(b bookingChange) zeronull.Text { return b.seen.charge }),
		columnOf(list, func(b bookingChange) pgtype.Text { return word(string(b.Status)) }),
		columnOf(list, func(b bookingChange) zeronull.Text { return zeronull.Text(b.CancelReason) }),
		columnOf(list, func(b bookingChange) zeronull.Timestamptz { return nullTime(b.ConfirmedAt) }),
		columnOf(list, func(b bookingChange) zeronull.Timestamptz { return nullTime(b.CancelledAt) }),
		columnOf(list, func(b bookingChange) pgtype.Timestamptz { return moment(b.UpdatedAt) }),
		columnOf(list, func(b bookingChange) zeronull.Text { return b.where }),
		gateways, references, charged, prepared, next)
}

// Only bookings that were made by this very transaction have to be looked for by their keys.
const updateNewBookings = `
	UPDATE bookings b SET status = v.status, cancel_reason = v.reason, confirmed_at = v.confirmed_at,
		cancelled_at = v.cancelled_at, updated_at = $1
	FROM unnest($2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
		AS v (event_id, id, status, reason, confirmed_at, cancelled_at)
	CROSS JOIN LATERAL (SELECT ctid FROM bookings WHERE event_id = v.event_id AND id = v.id OFFSET 0) place
	WHERE b.ctid = place.ctid`

// updateNewBookings writes what became of bookings in the batch that made them.
func (w *deskWriter) updateNewBookings() {
	list := gather(w, func(c *sale.Writes) (changed []*models.Booking) {
		for _, b := range c.NewBookings {
			if b.Status != models.StatusPending {
				changed = append(changed, b)
			}
		}
		return changed
	})
	if len(list) == 0 {
		return
	}
	w.batch.Queue(updateNewBookings, w.now,
		columnOf(list, func(b *models.Booking) pgtype.UUID { return uuid(b.EventID) }),
		columnOf(list, func(b *models.Booking) pgtype.UUID { return uuid(b.ID) }),
		columnOf(list, func(b *models.Booking) pgtype.Text { return word(string(b.Status)) }),
		columnOf(list, func(b *models.Booking) zeronull.Text { return zeronull.Text(b.CancelReason) }),
		columnOf(list, func(b *models.Booking) zeronull.Timestamptz { return nullTime(b.ConfirmedAt) }),
		columnOf(list, func(b *models.Booking) zeronull.Timestamptz { return nullTime(b.CancelledAt) }))
}
