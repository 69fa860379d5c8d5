package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/queue/inprocess"
	"quantix/internal/queue/redis"
	"quantix/internal/repository"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// patience is how long tests wait for what must come.
const patience = 20 * time.Second

// runningClock is the real time, set to the shop's opening, that a test can put forward.
type runningClock struct{ ahead atomic.Int64 }

func newRunningClock() *runningClock {
	c := &runningClock{}
	c.skip(time.Until(shop.Opening))
	return c
}

func (c *runningClock) now() time.Time       { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *runningClock) skip(d time.Duration) { c.ahead.Add(int64(d)) }

// house is a shop with what its processes share.
type house struct {
	*shop.Shop
	t       *testing.T
	clock   *runningClock
	queue   queue.Queue
	gateway payments.Gateway
	tally   *tally
	logger  *slog.Logger // of the loops
}

// newHouse builds one of the two modes: with a queue on Redis the store is PostgreSQL, otherwise the embedded one.
func newHouse(t *testing.T, q queue.Queue, o simulator.Options) *house {
	t.Helper()
	clock := newRunningClock()
	var s *shop.Shop
	if _, onServers := q.(*redis.Queue); onServers {
		s = shop.On(t, shop.OpenPostgres(t, shop.Postgres(t), clock.now))
	} else {
		s = shop.NewOn(t, clock.now)
	}
	return &house{Shop: s, t: t, clock: clock, queue: q, gateway: simulator.New(s.Store, o), tally: &tally{counts: map[string]int{}}, logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// alarm fails the test for whatever is logged: a group logs only loops that had to be started again.
type alarm struct {
	slog.Handler
	t *testing.T
}

func (a alarm) Handle(ctx context.Context, r slog.Record) error {
	a.t.Errorf("a loop did not run through: %s", r.Message)
	return a.Handler.Handle(ctx, r)
}

// tally counts what loops dealt with.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (y *tally) Round(job string, items int, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.counts[job] += items
	if err != nil {
		y.counts[job+" errors"]++
	}
}

// String shows all counts.
func (y *tally) String() string {
	y.mu.Lock()
	defer y.mu.Unlock()
	return fmt.Sprint(y.counts)
}

func (y *tally) of(what string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.counts[what]
}

func (h *house) settings() Settings {
	return Settings{Interval: 10 * time.Millisecond, MostWait: 100 * time.Millisecond, Grace: 5 * time.Second, Observer: h.tally, Logger: h.logger}
}

func (h *house) newPayments() *services.Payments {
	return services.NewPayments(h.Store, shop.OpenOffice(h.t, h.Store), h.gateway, services.PaymentOptions{RetryBase: 10 * time.Millisecond, Logger: h.settings().Logger})
}

// loops are what a whole process runs.
func (h *house) loops(only ...string) []Loop {
	paying, upkeep := h.newPayments(), services.NewUpkeep(h.Store, shop.OpenOffice(h.t, h.Store))
	all := []Loop{
		&Relay{Settings: h.settings(), Store: h.Store, Queue: h.queue},
		&Reconciler{Settings: h.settings(), Store: h.Store, Queue: h.queue, Page: 7},
		&Worker{Settings: h.settings(), Queue: h.queue, Payments: paying, Letters: h.Store, Wait: 20 * time.Millisecond},
		&Reclaimer{Settings: h.settings(), Queue: h.queue, Payments: paying, Letters: h.Store, Idle: 300 * time.Millisecond},
		&Retrier{Settings: h.settings(), Payments: paying},
		&Refunder{Settings: h.settings(), Payments: paying},
		&Strays{Settings: h.settings(), Payments: paying},
		&Sweeper{Settings: h.settings(), Upkeep: upkeep},
		&Canceller{Settings: h.settings(), Upkeep: upkeep},
	}
	if len(only) == 0 {
		return all
	}
	var some []Loop
	for _, loop := range all {
		for _, name := range only {
			if loop.Name() == name {
				some = append(some, loop)
			}
		}
	}
	return some
}

// start runs loops until the returned function, or the test's end, stops them.
func (h *house) start(loops []Loop) (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	alarms := slog.New(alarm{slog.NewTextHandler(h.t.Output(), nil), h.t})
	go func() {
		defer close(done)
		if err := (Group{Loops: loops, Restart: 10 * time.Millisecond, Logger: alarms}).Run(ctx); err != nil {
			h.t.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	h.t.Cleanup(stop)
	return stop
}

// wait waits until bookings are in a state.
func (h *house) wait(state string, refs ...models.BookingRef) {
	h.t.Helper()
	for _, ref := range refs {
		testkit.Eventually(h.t, patience, func() error {
			if got := h.State(ref); got != state {
				depth, _ := h.queue.Depth(h.t.Context())
				rows, _ := h.Store.OutboxDepth(h.t.Context())
				return fmt.Errorf("a booking is %s, want %s; its charge: %+v; %d outbox rows, %d messages; done: %v",
					got, state, h.Charge(ref), rows, depth, h.tally)
			}
			return nil
		})
	}
}

// until waits until something holds.
func (h *house) until(what string, holds func() bool) {
	h.t.Helper()
	testkit.Eventually(h.t, patience, func() error {
		if !holds() {
			return errors.New(what)
		}
		return nil
	})
}

func (h *house) chargedOnce(refs ...models.BookingRef) {
	h.t.Helper()
	for _, ref := range refs {
		if record := h.Record(ref); record == nil || record.Charges != 1 {
			h.t.Errorf("the gateway remembers %+v, want one charge", record)
		}
	}
}

func embedded() queue.Queue { return inprocess.New(inprocess.Options{}) }

// inBothModes runs a test embedded, and on PostgreSQL and Redis.
func inBothModes(t *testing.T, test func(*testing.T, queue.Queue)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embedded())
	})
	t.Run("servers", func(t *testing.T) {
		t.Parallel()
		test(t, onRedis(t, testkit.Redis(t).Database(t)))
	})
}

// A whole process, from the booking to whatever its payment method scripts.
func TestLoops_bring_every_payment_to_its_end(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		h := newHouse(t, q, simulator.Options{Latency: time.Millisecond})
		h.start(h.loops())
		event, free := h.Event(1000).ID, h.Event(10, shop.Free).ID
		paid := h.BookMany(event, 50, simulator.OK)
		flaky, lost := h.Book(event, 1, simulator.Flaky), h.Book(event, 2, simulator.Lost)
		declined, broken := h.Book(event, 3, simulator.Decline), h.Book(event, 4, simulator.Error)
		slow, gift := h.Book(event, 5, simulator.Slow), h.Book(free, 1, simulator.OK)
		h.wait("CONFIRMED", append(paid, flaky, lost, gift)...)
		h.wait("CANCELLED payment_declined", declined)
		h.until("no dead letter of the broken payment", func() bool { return len(h.Letters()) == 1 })
		h.until("the slow payment is not asked for", func() bool { c := h.Charge(slow); return c != nil && c.Status == models.ChargePending })
		h.clock.skip(shop.Deadline + time.Minute)
		h.wait("CANCELLED expired", broken)
		h.wait("CONFIRMED", slow)
		h.Cancel(slow)
		h.until("no refund", func() bool { return !h.Record(slow).RefundedAt.IsZero() })
		h.chargedOnce(append(paid, flaky, lost, slow)...)
		if _, err := services.NewEvents(h.Store, h.Office).Cancel(t.Context(), models.TheOperator, event); err != nil {
			t.Fatal(err)
		}
		h.wait("CANCELLED event_cancelled", append(paid, flaky, lost)...)
		h.until("not all is refunded", func() bool { return !h.Record(paid[49]).RefundedAt.IsZero() && !h.Record(lost).RefundedAt.IsZero() })
	})
}

// Two whole processes on one store and one queue: every booking is charged once.
func TestLoops_of_two_replicas(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		h := newHouse(t, q, simulator.Options{Latency: time.Millisecond})
		h.start(h.loops())
		h.start(h.loops())
		refs := h.BookMany(h.Event(1000).ID, 300, simulator.OK)
		h.wait("CONFIRMED", refs...)
		h.chargedOnce(refs...)
	})
}

// A process dies between any two steps; another one, or the same after its restart, goes on. Cases 27 to 30.
func TestLoops_after_a_crash(t *testing.T) {
	t.Parallel()
	for name, crash := range map[string]func(*house, []models.BookingRef){
		"before the outbox was claimed": func(*house, []models.BookingRef) {},
		"after the outbox was claimed": func(h *house, _ []models.BookingRef) {
			if _, err := h.Store.ClaimOutbox(h.t.Context(), 100, 10*time.Second); err != nil {
				h.t.Fatal(err)
			}
		},
		"after the messages were published": func(h *house, refs []models.BookingRef) { h.publish(refs) },
		"after the outbox row was deleted": func(h *house, refs []models.BookingRef) {
			h.clearOutbox(h.publish(refs))
		},
		"after the messages were received": func(h *house, refs []models.BookingRef) {
			h.clearOutbox(h.publish(refs))
			h.receive(len(refs))
		},
		"after the charges were started": func(h *house, refs []models.BookingRef) {
			h.clearOutbox(h.publish(refs))
			h.receive(len(refs))
			h.startCharges(refs)
		},
		"after the money was taken": func(h *house, refs []models.BookingRef) {
			h.clearOutbox(h.publish(refs))
			h.receive(len(refs))
			h.startCharges(refs)
			h.takeMoney(refs)
		},
		"after the outcome was settled": func(h *house, refs []models.BookingRef) {
			h.clearOutbox(h.publish(refs))
			h.receive(len(refs))
			h.startCharges(refs)
			h.takeMoney(refs)
			for _, ref := range refs {
				command := &sale.Settle{Charge: models.FirstCharge(ref), Result: models.Result{Outcome: models.OutcomeSucceeded}}
				if _, err := h.Office.Tell(h.t.Context(), ref.Event, command); err != nil {
					h.t.Fatal(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for where, restarted := range map[string]func(queue.Queue) queue.Queue{
				"the queue lives on":          func(q queue.Queue) queue.Queue { return q },
				"the queue died with process": func(queue.Queue) queue.Queue { return embedded() },
			} {
				t.Run(where, func(t *testing.T) {
					t.Parallel()
					h := newHouse(t, embedded(), simulator.Options{})
					refs := h.BookMany(h.Event(100).ID, 20, simulator.OK)
					crash(h, refs)
					h.logger = nil                 // loops must do without
					h.clock.skip(40 * time.Second) // every lease of the dead process runs out
					h.queue = restarted(h.queue)
					h.start(h.loops())
					h.wait("CONFIRMED", refs...)
					h.chargedOnce(refs...)
					h.until("messages are left", func() bool { n, err := h.queue.Depth(t.Context()); return n == 0 && err == nil })
				})
			}
			t.Run("on servers", func(t *testing.T) {
				t.Parallel()
				h := newHouse(t, onRedis(t, testkit.Redis(t).Database(t)), simulator.Options{})
				refs := h.BookMany(h.Event(100).ID, 20, simulator.OK)
				crash(h, refs)
				h.logger = nil
				h.clock.skip(40 * time.Second)
				h.start(h.loops())
				h.wait("CONFIRMED", refs...)
				h.chargedOnce(refs...)
				h.until("messages are left", func() bool { n, err := h.queue.Depth(t.Context()); return n == 0 && err == nil })
			})
		})
	}
}

func (h *house) publish(refs []models.BookingRef) models.QueueMark {
	h.t.Helper()
	mark, err := h.queue.Publish(h.t.Context(), refs)
	if err != nil {
		h.t.Fatal(err)
	}
	return mark
}

func (h *house) clearOutbox(mark models.QueueMark) {
	h.t.Helper()
	rows, err := h.Store.ClaimOutbox(h.t.Context(), 100, time.Second)
	if err != nil {
		h.t.Fatal(err)
	}
	var ids []models.BatchID
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	if err := h.Store.DeleteOutbox(h.t.Context(), ids, mark); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) receive(want int) {
	h.t.Helper()
	got, err := h.queue.Receive(h.t.Context(), "dead", want, patience)
	if err != nil || len(got) != want {
		h.t.Fatalf("received %d messages, error %v", len(got), err)
	}
}

func (h *house) startCharges(refs []models.BookingRef) {
	h.t.Helper()
	got, err := h.Store.StartCharges(h.t.Context(), "simulated", refs, 30*time.Second)
	if err != nil || len(got) != len(refs) {
		h.t.Fatalf("started %d charges, error %v", len(got), err)
	}
}

func (h *house) takeMoney(refs []models.BookingRef) {
	h.t.Helper()
	for _, ref := range refs {
		got := h.gateway.Charge(h.t.Context(), payments.ChargeRequest{
			Reference: models.FirstCharge(ref).Reference(), Booking: ref.Booking, Method: simulator.OK,
			Amount: models.Money{Minor: 7550, Currency: "USD"},
		})
		if got.Outcome != models.OutcomeSucceeded {
			h.t.Fatalf("charge: %+v", got)
		}
	}
}

// SIGTERM in the middle of payments: what is at the gateway is finished, the rest is left whole. Case 39.
func TestLoops_stop_in_the_middle_of_payments(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		h := newHouse(t, q, simulator.Options{Latency: 100 * time.Millisecond})
		refs := h.BookMany(h.Event(1000).ID, 400, simulator.OK)
		stop := h.start(h.loops())
		h.until("no payment was begun", func() bool { return h.Charge(refs[0]) != nil })
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > 9*time.Second {
			t.Errorf("stopping took %s", took)
		}
		for _, ref := range refs {
			if c := h.Charge(ref); c != nil && c.Status.Open() {
				t.Fatalf("a charge was left open: %+v", c)
			}
		}
		h.start(h.loops())
		h.wait("CONFIRMED", refs...)
		h.chargedOnce(refs...)
	})
}

// A gateway that fails for a while: bounded tries, expiry on time, and afterwards everything works again. Case 36.
func TestLoops_through_a_gateway_that_fails(t *testing.T) {
	t.Parallel()
	inBothModes(t, func(t *testing.T, q queue.Queue) {
		var broken atomic.Bool
		broken.Store(true)
		h := newHouse(t, q, simulator.Options{FailureRate: 0.5, Random: func() float64 {
			if broken.Load() {
				return 0
			}
			return 1
		}})
		event := h.Event(1000).ID
		before := h.BookMany(event, 30, simulator.OK)
		h.start(h.loops())
		h.until("not all were given up", func() bool { return len(h.Letters()) == 30 })
		for _, ref := range before {
			if c := h.Charge(ref); c.Attempts != models.MaxAttempts {
				t.Errorf("charge %+v", c)
			}
		}
		broken.Store(false)
		after := h.BookMany(event, 30, simulator.OK)
		h.wait("CONFIRMED", after...)
		h.clock.skip(shop.Deadline)
		h.wait("CANCELLED expired", before...)
		h.until("letters are left though nothing can be done about them", func() bool {
			for _, l := range h.Letters() {
				if h.Charge(models.BookingRef{Event: l.Event, Booking: l.Booking}).Status.Open() {
					return false
				}
			}
			return true
		})
	})
}

var errDown = fmt.Errorf("down: %w", repository.ErrUnavailable)

// downStore is a store that can be cut off.
type downStore struct {
	shop.Store
	down atomic.Bool
}

func (s *downStore) ClaimOutbox(ctx context.Context, limit int, lease time.Duration) ([]models.OutboxRow, error) {
	if s.down.Load() {
		return nil, errDown
	}
	return s.Store.ClaimOutbox(ctx, limit, lease)
}

func (s *downStore) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	if s.down.Load() {
		return errDown
	}
	return s.Store.DeleteOutbox(ctx, ids, mark)
}

func (s *downStore) StartCharges(ctx context.Context, gateway string, refs []models.BookingRef, lease time.Duration) ([]repository.Start, error) {
	if s.down.Load() {
		return nil, errDown
	}
	return s.Store.StartCharges(ctx, gateway, refs, lease)
}

func (s *downStore) AtDesk(ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State)) error {
	if s.down.Load() {
		return errDown
	}
	return s.Store.AtDesk(ctx, event, batch, need, decide)
}

// The store goes away while messages and payments are on their way; nothing is lost.
func TestLoops_through_a_store_that_is_down(t *testing.T) {
	t.Parallel()
	h := newHouse(t, embedded(), simulator.Options{Latency: 5 * time.Millisecond})
	event := h.Event(1000).ID
	healthy := h.Store
	store := &downStore{Store: healthy}
	h.Store = store
	h.start(h.loops())
	h.Store = healthy
	first := h.BookMany(event, 200, simulator.OK)
	h.until("no payment was begun", func() bool { return h.Charge(first[0]) != nil })
	store.down.Store(true)
	second := h.BookMany(event, 200, simulator.OK)
	h.until("nobody noticed", func() bool { return h.tally.of("relay errors") > 1 })
	store.down.Store(false)
	h.clock.skip(31 * time.Second)
	h.wait("CONFIRMED", append(first, second...)...)
	h.chargedOnce(append(first, second...)...)
}
