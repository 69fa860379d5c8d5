package torture

import (
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"quantix/internal/testkit"
)

// counted is what every event has, by its counters, charges and refunds.
const counted = `SELECT e.id::text, concat_ws(' ', e.currency, 1, s.journal_seq, s.total_tickets, s.available, s.held, s.sold,
		s.pending_count, s.confirmed_count, s.cancelled_count, trim_scale(s.held_amount), trim_scale(s.sold_amount),
		trim_scale(coalesce((SELECT sum(amount) FROM charges WHERE event_id = e.id AND status = 'succeeded'), 0)),
		trim_scale(coalesce((SELECT sum(amount) FROM refunds WHERE event_id = e.id AND status <> 'failed' AND currency = e.currency), 0)),
		trim_scale(coalesce((SELECT sum(amount) FROM refunds WHERE event_id = e.id AND status = 'pending' AND currency = e.currency), 0)))
	FROM events e JOIN event_stock s ON s.event_id = e.id`

// rebuilt is how many events a script that knows only the API rebuilds from the feed to something else than they have.
func (in *installation) rebuilt() (differ int64) {
	in.t.Helper()
	rows, err := in.db.Query(in.t.Context(), counted)
	if err != nil {
		in.t.Fatal(err)
	}
	want := map[string]string{}
	var id, has string
	if _, err := pgx.ForEachRow(rows, []any{&id, &has}, func() error { want[id] = has; return nil }); err != nil {
		in.t.Fatal(err)
	}
	lines, faults := testkit.Rebuild(in.t, "http://"+in.address)
	if faults != "" {
		in.t.Errorf("the feed cannot be right: %s", faults)
	}
	for _, line := range lines {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			in.t.Fatal(err)
		}
		got := fmt.Sprint(e["currency"])
		for _, name := range []string{
			"first_seq", "last_seq", "total_tickets", "available", "held", "sold", "pending", "confirmed", "cancelled",
			"held_amount", "sold_amount", "charged", "refunded", "owed",
		} {
			if n, is := e[name].(float64); is {
				got += fmt.Sprintf(" %.0f", n)
			} else {
				got += fmt.Sprint(" ", e[name])
			}
		}
		id := fmt.Sprint(e["event_id"])
		if got != want[id] {
			in.t.Logf("event %s has %s; the feed comes to %s", id, want[id], got)
			differ++
		}
		delete(want, id)
	}
	return differ + int64(len(want))
}
