package postgres

import (
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/sale"
)

const insertRefunds = `
	INSERT INTO refunds (created_at, updated_at, currency, ` + attemptNames + `, part, reason, gateway, charge_reference, amount)
	SELECT $1, $1, $10, v.event_id, v.booking_id, v.n, v.status, v.attempts, v.last_error, v.provider_reference,
		v.next_attempt_at, v.part, v.reason, v.gateway, v.charge_reference, v.amount * $11::numeric
	FROM unnest(` + attemptArrays + `, $12::bigint[], $13::text[], $14::text[], $15::text[], $16::bigint[])
		AS v (` + attemptNames + `, part, reason, gateway, charge_reference, amount)`

func (w *deskWriter) insertRefunds() {
	list := gather(w, func(c *sale.Writes) []*models.Refund { return c.NewRefunds })
	if len(list) == 0 {
		return
	}
	for _, list := range byCurrency(list, func(r *models.Refund) models.Money { return r.Amount }) {
		w.insertRefundsOf(list[0].Amount.Currency, list)
	}
}

func (w *deskWriter) insertRefundsOf(currency models.Currency, list []*models.Refund) {
	var a attempts
	for _, r := range list {
		a.addRefund(r)
	}
	w.batch.Queue(insertRefunds, append(append([]any{w.now}, a.columns()...), string(currency), factor(currency),
		columnOf(list, func(r *models.Refund) pgtype.Int8 { return number(int64(r.Part)) }),
		columnOf(list, func(r *models.Refund) zeronull.Text { return zeronull.Text(r.Reason) }),
		columnOf(list, func(r *models.Refund) pgtype.Text { return word(r.Gateway) }),
		columnOf(list, func(r *models.Refund) pgtype.Text { return word(clean(r.ChargeReference)) }),
		columnOf(list, func(r *models.Refund) pgtype.Int8 { return number(r.Amount.Minor) }))...)
}

// byCurrency splits a list by the currency of its money. All is of the event's, but for what a gateway took or gave
// back in another one.
func byCurrency[T any](list []T, money func(T) models.Money) (groups [][]T) {
	place := map[models.Currency]int{}
	for _, item := range list {
		currency := money(item).Currency
		i, known := place[currency]
		if !known {
			i, place[currency] = len(groups), len(groups)
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], item)
	}
	return groups
}

const insertCharges = `
	INSERT INTO payments (created_at, updated_at, currency, ` + attemptNames + `, gateway, amount, refunded)
	SELECT v.created_at, v.updated_at, $1, v.event_id, v.booking_id, v.n, v.status, v.attempts, v.last_error, v.provider_reference,
		v.next_attempt_at, v.gateway, v.amount * $10::numeric, v.refunded * $10::numeric
	FROM unnest(` + attemptArrays + `, $11::text[], $12::bigint[], $13::bigint[], $14::timestamptz[], $15::timestamptz[])
		AS v (` + attemptNames + `, gateway, amount, refunded, created_at, updated_at)`

// insertCharges writes charges that nobody asked for, and those that stand in their booking's row no more.
func (w *deskWriter) insertCharges(list []*models.Charge) {
	for _, list := range byCurrency(list, func(c *models.Charge) models.Money { return c.Amount }) {
		w.insertChargesOf(list[0].Amount.Currency, list)
	}
}

func (w *deskWriter) insertChargesOf(currency models.Currency, list []*models.Charge) {
	var a attempts
	for _, c := range list {
		a.addCharge(c)
	}
	w.batch.Queue(insertCharges, append(append([]any{string(currency)}, a.columns()...), factor(currency),
		columnOf(list, func(c *models.Charge) pgtype.Text { return word(c.Gateway) }),
		columnOf(list, func(c *models.Charge) pgtype.Int8 { return number(c.Amount.Minor) }),
		columnOf(list, func(c *models.Charge) pgtype.Int8 { return number(c.Refunded) }),
		columnOf(list, func(c *models.Charge) pgtype.Timestamptz { return moment(c.CreatedAt) }),
		columnOf(list, func(c *models.Charge) pgtype.Timestamptz { return moment(c.UpdatedAt) }))...)
}

// Sums change seldom, and the statements that settle a payment go without them. Rows may have been written by the
// statements before, and so are found by their keys.
const (
	updateChargeSums = `
		UPDATE payments t SET amount = v.amount * $1::numeric, refunded = v.refunded * $1::numeric, currency = $7
		FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[]) AS v (event_id, booking_id, n, amount, refunded)
		CROSS JOIN LATERAL (SELECT ctid FROM payments
			WHERE event_id = v.event_id AND booking_id = v.booking_id AND n = v.n OFFSET 0) place
		WHERE t.ctid = place.ctid`
	updateRefundSums = `
		UPDATE refunds t SET amount = v.amount * $1::numeric
		FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::bigint[], $6::bigint[]) AS v (event_id, booking_id, n, part, amount)
		CROSS JOIN LATERAL (SELECT ctid FROM refunds
			WHERE event_id = v.event_id AND booking_id = v.booking_id AND n = v.n AND part = v.part OFFSET 0) place
		WHERE t.ctid = place.ctid`
)

func (w *deskWriter) updateChargeSums(list []*models.Charge) {
	for _, list := range byCurrency(list, func(c *models.Charge) models.Money { return c.Amount }) {
		w.updateChargeSumsOf(list[0].Amount.Currency, list)
	}
}

func (w *deskWriter) updateChargeSumsOf(currency models.Currency, list []*models.Charge) {
	w.batch.Queue(updateChargeSums, factor(currency),
		columnOf(list, func(c *models.Charge) pgtype.UUID { return uuid(c.Event) }),
		columnOf(list, func(c *models.Charge) pgtype.UUID { return uuid(c.Booking) }),
		columnOf(list, func(c *models.Charge) pgtype.Int8 { return number(int64(c.N)) }),
		columnOf(list, func(c *models.Charge) pgtype.Int8 { return number(c.Amount.Minor) }),
		columnOf(list, func(c *models.Charge) pgtype.Int8 { return number(c.Refunded) }),
		string(currency))
}

func (w *deskWriter) updateRefundSums() {
	list := gather(w, func(c *sale.Writes) []*models.Refund { return c.RefundSums })
	if len(list) == 0 {
		return
	}
	w.batch.Queue(updateRefundSums, factor(w.currency),
		columnOf(list, func(r *models.Refund) pgtype.UUID { return uuid(r.Event) }),
		columnOf(list, func(r *models.Refund) pgtype.UUID { return uuid(r.Booking) }),
		columnOf(list, func(r *models.Refund) pgtype.Int8 { return number(int64(r.N)) }),
		columnOf(list, func(r *models.Refund) pgtype.Int8 { return number(int64(r.Part)) }),
		columnOf(list, func(r *models.Refund) pgtype.Int8 { return number(r.Amount.Minor) }))
}
