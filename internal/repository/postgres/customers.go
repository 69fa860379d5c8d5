package postgres

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// Rows of customer_stock are read and written under their event's lock, by every program that knows of them.
// event_stock.counted_seq is the journal's number up to which they were kept: one that knows nothing of them leaves it
// behind, and the rows then say nothing. They need no foreign keys. Each is of a user with a booking of the event,
// through which neither can be removed.

// selectCustomers counts the bookings of whoever has no row, once for each user of an event. OFFSET 0 keeps the planner
// from going through all bookings of the event instead.
const selectCustomers = `
	SELECT k.event_id, k.user_id, coalesce(CASE WHEN s.kept THEN c.live END, (
			SELECT sum(b.quantity) FROM (SELECT event_id, status, quantity FROM bookings WHERE user_id = k.user_id OFFSET 0) b
			WHERE b.event_id = k.event_id AND b.status IN ('PENDING', 'CONFIRMED')), 0)
	FROM unnest($1::uuid[], $2::uuid[]) AS k (event_id, user_id)
		CROSS JOIN LATERAL (SELECT counted_seq = journal_seq AS kept FROM event_stock WHERE event_id = k.event_id OFFSET 0) s
		LEFT JOIN LATERAL (SELECT live FROM customer_stock
			WHERE event_id = k.event_id AND user_id = k.user_id AND type_no = -1 OFFSET 0) c ON true`

// queueCustomers adds what the users of those calls hold that ask for it.
func (r *deskReader) queueCustomers(batch *pgx.Batch) {
	var events, users column[pgtype.UUID]
	for _, v := range r.calls {
		if !v.need.Customers {
			continue
		}
		for _, id := range ordered(v.need.Users) {
			events, users = append(events, uuid(v.event)), append(users, uuid(id))
		}
	}
	if len(users) > 0 {
		batch.Queue(selectCustomers, events, users).Query(r.readCustomers)
	}
}

func (r *deskReader) readCustomers(rows pgx.Rows) error {
	for rows.Next() {
		var event models.EventID
		c := &sale.Customer{Known: true}
		if err := rows.Scan((*[16]byte)(&event), (*[16]byte)(&c.User), &c.Live); err != nil {
			return err
		}
		r.of(event).state.Customers[c.User] = c
	}
	return rows.Err()
}

const (
	dropCustomers   = `DELETE FROM customer_stock WHERE event_id = ANY($1::uuid[])`
	upsertCustomers = `
		INSERT INTO customer_stock (event_id, user_id, type_no, live)
		SELECT event_id, user_id, -1, live FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS v (event_id, user_id, live)
		ON CONFLICT (event_id, user_id, type_no) DO UPDATE SET live = excluded.live`
	changeCustomers = `
		UPDATE customer_stock c SET live = c.live + v.change
		FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS v (event_id, user_id, change)
			CROSS JOIN LATERAL (SELECT ctid FROM customer_stock
				WHERE event_id = v.event_id AND user_id = v.user_id AND type_no = -1 OFFSET 0) place
		WHERE c.ctid = place.ctid`
)

// writeCustomers writes what has changed of what users hold: nothing, as long as no event counts it.
func (w *deskWriter) writeCustomers() {
	var recounted column[pgtype.UUID]
	var known, others customerRows
	for _, v := range w.calls {
		writes := v.state.Writes()
		if writes.Recount {
			recounted = append(recounted, uuid(v.event))
		}
		for _, c := range writes.Customers {
			if c.Known {
				known.add(v.event, c)
			} else {
				others.add(v.event, c)
			}
		}
	}
	if len(recounted) > 0 {
		w.batch.Queue(dropCustomers, recounted)
	}
	known.queue(w.batch, upsertCustomers)
	others.queue(w.batch, changeCustomers)
}

// customerRows are the columns of one statement.
type customerRows struct {
	events, users column[pgtype.UUID]
	tickets       column[pgtype.Int8]
}

func (r *customerRows) add(event models.EventID, c *sale.Customer) {
	r.events, r.users, r.tickets = append(r.events, uuid(event)), append(r.users, uuid(c.User)),
		append(r.tickets, number(c.Live))
}

func (r *customerRows) queue(batch *pgx.Batch, statement string) {
	if len(r.events) > 0 {
		batch.Queue(statement, r.events, r.users, r.tickets)
	}
}

// countedSeq is what event_stock.counted_seq becomes: NULL where nobody counts.
func countedSeq(e *models.Event) zeronull.Int8 {
	if !e.CountsUsers {
		return 0
	}
	return zeronull.Int8(e.Seq)
}
