package torture

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

// repetitions is how often two processes meet on one booking.
const repetitions = 1000

// hall is a shop on PostgreSQL, with a connection beside it.
type hall struct {
	*shop.Shop
	t     *testing.T
	db    *pgx.Conn
	clock *testkit.Clock // nil: the database's own
}

func newHall(t *testing.T, clock *testkit.Clock) *hall {
	t.Helper()
	var now func() time.Time
	if clock != nil {
		now = clock.Now
	}
	url := shop.Postgres(t)
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(context.Background()) })
	return &hall{Shop: shop.On(t, shop.OpenPostgres(t, url, now)), t: t, db: db, clock: clock}
}

func (h *hall) count(query string) (n int64) {
	h.t.Helper()
	if err := h.db.QueryRow(h.t.Context(), query).Scan(&n); err != nil {
		h.t.Fatalf("%s: %v", query, err)
	}
	return n
}

func (h *hall) zero(what, query string) {
	h.t.Helper()
	if n := h.count(query); n != 0 {
		h.t.Errorf("%s: %d", what, n)
	}
}

// payments of another process.
func (h *hall) payments(gateway payments.Gateway, o services.PaymentOptions) *services.Payments {
	return services.NewPayments(h.Store, shop.OpenOffice(h.t, h.Store), gateway, o)
}

// startCharges commits a charge for each booking, as a worker does before it asks the gateway.
func (h *hall) startCharges(refs []models.BookingRef) {
	h.t.Helper()
	if got, err := h.Store.StartCharges(h.t.Context(), "simulated", refs, time.Hour); err != nil || len(got) != len(refs) {
		h.t.Fatalf("started %d charges of %d: %v", len(got), len(refs), err)
	}
}

// both does two things at the same instant.
func both(one, other func()) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for _, do := range []func(){one, other} {
		group.Go(func() {
			<-start
			do()
		})
	}
	close(start)
	group.Wait()
}

// neitherNor counts what no booking may be: confirmed and refunded, or charged and neither.
const neitherNor = `SELECT count(*) FROM charges p JOIN bookings b ON b.id = p.booking_id
	LEFT JOIN refunds r ON r.booking_id = p.booking_id WHERE p.status = 'succeeded' AND (b.status = 'CONFIRMED') = (r.booking_id IS NOT NULL)`

// Case 13: the payment succeeds in one process at the very instant at which another one expires the booking, while a
// third buyer waits for the ticket. It ends in a ticket or in a refund, and no ticket is sold twice.
func TestCase13_success_at_the_instant_of_expiry(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(shop.Opening)
	h := newHall(t, clock)
	event, user := h.Event(repetitions).ID, h.User().ID
	refs := h.BookMany(event, repetitions, simulator.OK)
	h.startCharges(refs)
	clock.Advance(shop.Deadline)
	worker, sweeper := shop.OpenOffice(t, h.Store), shop.OpenOffice(t, h.Store)
	for i, ref := range refs {
		both(func() { settle(t, worker.Tell, ref, models.OutcomeSucceeded) }, func() {
			if _, err := sweeper.Tell(t.Context(), event, &sale.Expire{Booking: ref.Booking}); err != nil {
				t.Error(err)
			}
			if i%2 == 0 { // who takes the ticket if it was free for a moment
				_, _ = sweeper.Ask(t.Context(), event, &sale.Reserve{Booking: models.NewID[models.BookingID](), User: user, Quantity: 1, Method: simulator.OK})
			}
		})
	}
	h.zero("charged, and CONFIRMED and refunded or neither", neitherNor)
	confirmed, refunded := h.count(`SELECT count(*) FROM bookings WHERE status = 'CONFIRMED'`), h.count(`SELECT count(*) FROM refunds`)
	if stock := h.Stock(event); confirmed+refunded != repetitions || stock.Sold != confirmed || stock.Held != refunded {
		t.Errorf("%d confirmed, %d refunded, stock %+v", confirmed, refunded, stock)
	}
	t.Logf("%d confirmed, %d refunded because the ticket was sold again", confirmed, refunded)
}

// settle records a gateway's word on a booking's first charge.
func settle(t *testing.T, tell func(context.Context, models.EventID, sale.Command) (sale.Verdict, error), ref models.BookingRef, outcome models.Outcome) {
	if _, err := tell(t.Context(), ref.Event, &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: outcome}}); err != nil {
		t.Error(err)
	}
}

// Case 16: a user's cancellation meets the confirmation of another process. One end, one stock movement, the money
// back.
func TestCase16_cancel_against_confirm(t *testing.T) {
	t.Parallel()
	h := newHall(t, testkit.NewClock(shop.Opening))
	event := h.Event(repetitions).ID
	refs := h.BookMany(event, repetitions, simulator.OK)
	h.startCharges(refs)
	worker, api := shop.OpenOffice(t, h.Store), shop.OpenOffice(t, h.Store)
	for _, ref := range refs {
		both(func() { settle(t, worker.Tell, ref, models.OutcomeSucceeded) }, func() {
			if _, err := api.Ask(t.Context(), event, &sale.Cancel{Booking: ref.Booking}); err != nil {
				t.Error(err)
			}
		})
	}
	h.zero("charged, and CONFIRMED and refunded or neither", neitherNor)
	h.zero("not CANCELLED by their users", `SELECT count(*) FROM bookings WHERE cancel_reason IS DISTINCT FROM 'user'`)
	if n, stock := h.count(`SELECT count(*) FROM refunds`), h.Stock(event); n != repetitions || stock.Available != repetitions || stock.Cancelled != repetitions {
		t.Errorf("%d refunds, stock %+v", n, stock)
	}
}

// Cases 17, 18 and 38: two sweepers, of which one is stopped in the middle, and users who cancel, twice, at the same
// time.
func TestCase17_18_38_sweepers_and_cancellations(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(shop.Opening)
	h := newHall(t, clock)
	event := h.Event(600).ID
	refs := h.BookMany(event, 600, simulator.OK)
	clock.Advance(shop.Deadline)
	var cancelled, refused atomic.Int64
	var group sync.WaitGroup
	stopped, stop := context.WithCancel(t.Context())
	defer stop()
	for i := range 2 {
		upkeep := services.NewUpkeep(h.Store, shop.OpenOffice(t, h.Store))
		group.Go(func() {
			for n := 1; n > 0; {
				var err error
				if i == 1 {
					go stop()
					_, _ = upkeep.Expire(stopped, 50) // this one dies
					return
				}
				if n, err = upkeep.Expire(t.Context(), 50); err != nil {
					t.Error(err)
				}
			}
		})
		bookings := services.NewBookings(h.Store, shop.OpenOffice(t, h.Store), services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith})
		for _, ref := range refs[:100] {
			group.Go(func() {
				switch _, err := bookings.Cancel(t.Context(), models.TheOperator, ref.Booking); {
				case err == nil:
					cancelled.Add(1)
				case models.ErrAlreadyCancelled.Is(err):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	// A round whose bookings the users have all cancelled meanwhile expires none, and ended the sweeper above: its loop
	// goes on.
	if _, err := services.NewUpkeep(h.Store, h.Office).Expire(t.Context(), 600); err != nil {
		t.Error(err)
	}
	byUsers := h.count(`SELECT count(*) FROM bookings WHERE cancel_reason = 'user'`)
	if byUsers != cancelled.Load() || cancelled.Load()+refused.Load() != 200 {
		t.Errorf("%d cancelled by their users, of %d answered so and %d refused", byUsers, cancelled.Load(), refused.Load())
	}
	if stock := h.Stock(event); stock.Available != 600 || stock.Cancelled != 600 {
		t.Errorf("stock %+v", stock)
	}
}

// Cases 19 to 22: two workers have the same bookings, answers come again and out of order, declines release their
// tickets once and at once.
func TestCase19_to_22_repeated_work_and_answers(t *testing.T) {
	t.Parallel()
	h := newHall(t, testkit.NewClock(shop.Opening))
	event := h.Event(200).ID
	paid, declined := h.BookMany(event, 100, simulator.OK), h.BookMany(event, 50, simulator.Decline)
	var group sync.WaitGroup
	for range 2 {
		p := h.payments(simulator.New(h.Store, simulator.Options{}), services.PaymentOptions{})
		for range 3 {
			group.Go(func() {
				if err := p.Charge(t.Context(), append(append([]models.BookingRef{}, paid...), declined...)); err != nil {
					t.Error(err)
				}
				if err := p.Drain(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	group.Wait()
	for _, outcome := range []models.Outcome{models.OutcomeSucceeded, models.OutcomeDeclined, models.OutcomeUnknown, models.OutcomeVoided, models.OutcomeSucceeded} {
		settle(t, h.Office.Tell, paid[0], outcome)
	}
	for range 5 {
		settle(t, h.Office.Tell, declined[0], models.OutcomeDeclined)
	}
	h.zero("bookings called to the gateway twice", `SELECT count(*) FROM sim_charges WHERE calls <> 1`)
	if stock := h.Stock(event); stock.Sold != 100 || stock.Cancelled != 50 || stock.Available != 100 {
		t.Errorf("stock %+v", stock)
	}
}

// stuckGateway answers when it is let go.
type stuckGateway struct {
	payments.Gateway
	asked chan struct{}
	letGo chan struct{}
}

func (g stuckGateway) Charge(ctx context.Context, r payments.ChargeRequest) models.Result {
	g.asked <- struct{}{}
	<-g.letGo
	return g.Gateway.Charge(ctx, r)
}

// Case 23: the gateway takes longer than the booking's window. Meanwhile no transaction is open and the event sells on;
// the late success takes the ticket that is still there. Case 37: the same charge's lease runs out, and another worker
// asks too.
func TestCase23_37_a_payment_longer_than_its_window_and_its_lease(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(shop.Opening)
	h := newHall(t, clock)
	event := h.Event(10).ID
	slow := h.Book(event, 2, simulator.OK)
	g := stuckGateway{simulator.New(h.Store, simulator.Options{}), make(chan struct{}, 1), make(chan struct{})}
	first := h.payments(g, services.PaymentOptions{Timeout: time.Minute})
	if err := first.Charge(t.Context(), []models.BookingRef{slow}); err != nil {
		t.Fatal(err)
	}
	<-g.asked
	testkit.Eventually(t, 10*time.Second, func() error { // the pool may still be saying goodbye to a session
		n := h.count(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`)
		if n != 0 {
			return fmt.Errorf("%d transactions are open while the gateway is asked", n)
		}
		return nil
	})
	other := h.Book(event, 3, simulator.OK)
	clock.Advance(5 * time.Minute) // longer than the lease, which is longer than all calls of a try
	second := h.payments(g.Gateway, services.PaymentOptions{})
	if n, err := second.Retry(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d charges were taken up: %v", n, err)
	}
	if err := second.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	clock.Advance(20 * time.Minute)
	if _, err := services.NewUpkeep(h.Store, h.Office).Expire(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	close(g.letGo)
	if err := first.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.State(slow) + ", " + h.State(other); got != "CONFIRMED, CANCELLED expired" {
		t.Error(got)
	}
	if record := h.Record(slow); record.Calls != 2 || record.Charges != 1 {
		t.Errorf("the gateway remembers %+v", record)
	}
}

// Cases 14 and 15: a success after the expiry confirms while there is stock, and is refunded when it was sold again.
func TestCase14_15_success_after_expiry(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(shop.Opening)
	h := newHall(t, clock)
	event := h.Event(4).ID
	refs := []models.BookingRef{h.Book(event, 2, simulator.OK), h.Book(event, 2, simulator.OK)}
	h.startCharges(refs)
	clock.Advance(shop.Deadline)
	if n, err := services.NewUpkeep(h.Store, h.Office).Expire(t.Context(), 100); n != 2 || err != nil {
		t.Fatalf("%d expired: %v", n, err)
	}
	h.Book(event, 1, simulator.OK)
	for _, ref := range refs {
		settle(t, h.Office.Tell, ref, models.OutcomeSucceeded)
	}
	if got := h.State(refs[0]) + ", " + h.State(refs[1]); got != "CONFIRMED, CANCELLED expired" {
		t.Error(got)
	}
	if h.Refund(refs[0]) != nil || h.Refund(refs[1]) == nil {
		t.Errorf("refunds: %+v, %+v", h.Refund(refs[0]), h.Refund(refs[1]))
	}
}

// Case 58: the program's clock and the database's differ by ten minutes, and the database's jumps. Only the latter
// counts.
func TestCase58_only_the_databases_clock_counts(t *testing.T) {
	t.Parallel()
	for _, skew := range []string{"10 minutes", "-10 minutes"} {
		t.Run(skew, func(t *testing.T) {
			t.Parallel()
			url := shop.Postgres(t)
			db, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close(context.Background())
			set := func(by string) {
				for _, clock := range []string{"clock_timestamp", "now"} {
					if _, err := db.Exec(t.Context(), fmt.Sprintf(`CREATE OR REPLACE FUNCTION skew.%s() RETURNS timestamptz
						LANGUAGE sql AS $$ SELECT pg_catalog.%[1]s() + interval '%s' $$`, clock, by)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if _, err := db.Exec(t.Context(), `CREATE SCHEMA skew`); err != nil {
				t.Fatal(err)
			}
			set(skew)
			if _, err := db.Exec(t.Context(), fmt.Sprintf(`ALTER DATABASE %s SET search_path = skew, pg_catalog, public`,
				pgx.Identifier{db.Config().Database}.Sanitize())); err != nil {
				t.Fatal(err)
			}
			s := shop.On(t, shop.OpenPostgres(t, url, nil))
			ref := s.Book(s.Event(1).ID, 1, simulator.OK)
			by, err := time.ParseDuration(map[string]string{"10 minutes": "10m", "-10 minutes": "-10m"}[skew])
			if err != nil {
				t.Fatal(err)
			}
			deadline := s.Booking(ref).PaymentDeadline
			if off := time.Until(deadline) - shop.Deadline - by; off.Abs() > time.Minute {
				t.Errorf("the deadline is %s off the database's clock", off)
			}
			upkeep := services.NewUpkeep(s.Store, s.Office)
			if n, err := upkeep.Expire(t.Context(), 10); n != 0 || err != nil {
				t.Errorf("%d expired early: %v", n, err)
			}
			set("1 hour")
			if n, err := upkeep.Expire(t.Context(), 10); n != 1 || err != nil {
				t.Errorf("%d expired after the clock jumped: %v", n, err)
			}
		})
	}
}

// Case 59: a microsecond before the deadline a booking is charged and not expired, at the deadline the other way round.
func TestCase59_at_the_very_deadline(t *testing.T) {
	t.Parallel()
	clock := testkit.NewClock(shop.Opening)
	h := newHall(t, clock)
	event := h.Event(2).ID
	upkeep := services.NewUpkeep(h.Store, h.Office)
	before, at := h.Book(event, 1, simulator.OK), h.Book(event, 1, simulator.OK)
	clock.Advance(shop.Deadline - time.Microsecond)
	if n, err := upkeep.Expire(t.Context(), 10); n != 0 || err != nil {
		t.Errorf("%d expired before the deadline: %v", n, err)
	}
	h.startCharges([]models.BookingRef{before})
	clock.Advance(time.Microsecond)
	if got, err := h.Store.StartCharges(t.Context(), "simulated", []models.BookingRef{at}, time.Hour); len(got) != 0 || err != nil {
		t.Errorf("%d charges were started at the deadline: %v", len(got), err)
	}
	if n, err := upkeep.Expire(t.Context(), 10); n != 2 || err != nil {
		t.Errorf("%d expired at the deadline: %v", n, err)
	}
}
