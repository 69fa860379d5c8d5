package postgres_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository/postgres"
	"quantix/internal/sale"
)

// counter counts what goes over the line: a batch is one round trip, whatever it holds.
type counter struct{ trips, statements atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.trips.Add(1)
	c.statements.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	c.trips.Add(1)
	c.statements.Add(int64(data.Batch.Len()))
	return ctx
}

func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// TestRoundTrips: a batch costs two round trips, or one when its event is remembered, and a fixed number of statements,
// however many commands it holds.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	var count counter
	b := setup(t, func(c *pgxpool.Config, _ *postgres.Options) { c.ConnConfig.Tracer = &count })
	event, user := b.event(t, 10_000), b.user(t)
	keyed := func(n int) (list []sale.Command) {
		for i := range n {
			r := reserve(user.ID, 1)
			r.Key, r.Hash = string(rune('a'+i%26))+r.Booking.String(), models.RequestHash{1}
			list = append(list, r)
		}
		return list
	}
	plain := func(n int) (list []sale.Command) {
		for range n {
			list = append(list, reserve(user.ID, 1))
		}
		return list
	}
	for _, test := range []struct {
		name              string
		commands          func() []sale.Command
		usual, remembered int64 // statements
	}{
		{"one booking", func() []sale.Command { return plain(1) }, 5 + 4, 3 + 4},
		{"200 bookings", func() []sale.Command { return plain(200) }, 5 + 4, 3 + 4},
		{"one with a key", func() []sale.Command { return keyed(1) }, 6 + 4, 4 + 4},
		{"200 with keys", func() []sale.Command { return keyed(200) }, 6 + 4, 4 + 4},
	} {
		postgres.Forget(b.Store)
		for i, want := range [][2]int64{{2, test.usual}, {2, test.usual}, {1, test.remembered}, {1, test.remembered}} {
			count.trips.Store(0)
			count.statements.Store(0)
			b.must(t, event.ID, test.commands()...)
			if got := [2]int64{count.trips.Load(), count.statements.Load()}; got != want {
				t.Errorf("%s, batch %d: %d round trips and statements; want %d", test.name, i+1, got, want)
			}
		}
	}
}

// TestRefusalsWriteNothing: a batch in which everything is refused does not touch the event's stock.
func TestRefusalsWriteNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 1), b.user(t)
	version := func() (version string) {
		if err := b.connect(t).QueryRow(t.Context(), "SELECT ctid::text FROM event_stock").Scan(&version); err != nil {
			t.Fatal(err)
		}
		return version
	}
	before := version()
	verdicts, err := b.decide(t.Context(), event.ID, reserve(user.ID, 2), reserve(models.NewID[models.UserID](), 1))
	if err != nil || verdicts[0].Err == nil || verdicts[1].Err == nil {
		t.Fatalf("both are to be refused: %+v, %v", verdicts, err)
	}
	if after := version(); after != before {
		t.Errorf("the event's stock was written anew: %s, then %s", before, after)
	}
}
