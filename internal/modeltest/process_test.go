package modeltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/jobs"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/repository"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

// A death is the point at which a process dies within a step; what it holds is lost.
type death int

const (
	lives          death = iota
	afterReceive         // a message was received, and nothing done
	afterStart           // a charge is on disk, the gateway was not asked
	afterGateway         // the gateway has answered, nothing is settled
	beforeAck            // all is settled, the message is not acknowledged
	afterClaim           // outbox rows were claimed, and not published
	beforeDeletion       // they were published, and not deleted
)

// A fault is what happens to a call of the gateway or to a commit.
type fault int

const (
	fine          fault = iota
	refused             // the call did nothing, and says so
	answerLost          // the call did what it does; nobody learns of it
	commitUnknown       // the desk's transaction is committed, its answer lost
	throttled           // the call did nothing: the gateway takes no more of them now
	away                // the call did nothing: there is no gateway
	locked              // the call did nothing: an earlier one for this payment is under way
)

// stalls are the faults that are no tries.
var stalls = map[fault]models.Stall{throttled: models.StallThrottled, away: models.StallAway, locked: models.StallLocked}

// plan is the faults of one step.
type plan struct {
	dies  death
	calls []fault // of the gateway's calls, in order
	desk  fault   // commitUnknown: of the first commit
}

// A call is a question to the gateway, with what it said and what the program was told.
type call struct {
	op         string
	fault      fault
	booking    models.BookingID
	n          int // of the charge
	said, told models.Outcome
	stall      models.Stall
}

// nothing reports whether the gateway has not even heard of the call.
func (c call) nothing() bool { return c.fault == refused || c.stall != "" }

// world is what all processes share, and what they are seen to do.
type world struct {
	store shop.Store
	queue queue.Queue
	inner payments.Gateway

	witness *witness
	plan    plan
	once    context.CancelFunc // ends the loop whose round has begun
	dead    bool               // the process of this step
	started []models.BookingRef
	took    []models.ChargeKey
	calls   []call
}

var errDead = fmt.Errorf("the process is dead: %w", repository.ErrUnavailable)

// begin resets what is seen, for the next step.
func (w *world) begin(p plan) {
	w.plan, w.dead, w.started, w.took, w.calls = p, false, nil, nil, nil
}

// round runs exactly one round of a loop: its first question ends the loop, which then finishes what is in hand.
func (w *world) round(loop jobs.Loop) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.once = cancel
	return loop.Run(ctx)
}

func (w *world) diesAt(d death) error {
	if w.plan.dies == d {
		w.dead = true
	}
	if w.dead {
		return errDead
	}
	return nil
}

// store is the program's view of the database.
type store struct {
	shop.Store
	w *world
}

func (s *store) AtDesk(ctx context.Context, event models.EventID, batch models.BatchID, need sale.Reads, decide func(*sale.State)) error {
	if s.w.dead {
		return errDead
	}
	changed := false
	err := s.Store.AtDesk(ctx, event, batch, need, func(state *sale.State) {
		decide(state)
		changed = !state.Writes().Empty()
	})
	if err != nil || s.w.plan.desk != commitUnknown || !changed { // what changes nothing has no commit to lose
		return err
	}
	s.w.plan.desk = fine
	return repository.ErrCommitUnknown
}

func (s *store) StartCharges(ctx context.Context, gateway string, refs []models.BookingRef, d time.Duration) ([]repository.Start, error) {
	if err := s.w.diesAt(afterReceive); err != nil {
		return nil, err
	}
	starts, err := s.Store.StartCharges(ctx, gateway, refs, d)
	s.w.started = append(s.w.started, refs...)
	_ = s.w.diesAt(afterStart)
	return starts, err
}

// DueCharges and DueRefunds give one at a time, so that the order is the test's.
func (s *store) DueCharges(ctx context.Context, _ int, d time.Duration) ([]repository.Due, error) {
	s.w.once()
	due, err := s.Store.DueCharges(ctx, 1, d)
	for i := range due {
		s.w.took = append(s.w.took, due[i].Charge.ChargeKey)
	}
	_ = s.w.diesAt(afterStart)
	return due, err
}

func (s *store) DueRefunds(ctx context.Context, _ int, d time.Duration) ([]repository.DueRefund, error) {
	s.w.once()
	due, err := s.Store.DueRefunds(ctx, 1, d)
	for i := range due {
		s.w.took = append(s.w.took, due[i].Refund.ChargeKey)
	}
	_ = s.w.diesAt(afterStart)
	return due, err
}

func (s *store) ClaimOutbox(ctx context.Context, limit int, d time.Duration) ([]models.OutboxRow, error) {
	s.w.once()
	rows, err := s.Store.ClaimOutbox(ctx, limit, d)
	return rows, errors.Join(err, s.w.diesAt(afterClaim))
}

func (s *store) DeleteOutbox(ctx context.Context, ids []models.BatchID, mark models.QueueMark) error {
	s.w.once()
	if err := s.w.diesAt(beforeDeletion); err != nil {
		return err
	}
	return s.Store.DeleteOutbox(ctx, ids, mark)
}

func (s *store) QueueMark(ctx context.Context) (models.QueueMark, error) {
	s.w.once()
	return s.Store.QueueMark(ctx)
}

func (s *store) ExpiredBookings(ctx context.Context, limit int, except []models.EventID) ([]models.BookingRef, error) {
	s.w.once()
	return s.Store.ExpiredBookings(ctx, limit, except)
}

func (s *store) CancelledEvents(ctx context.Context, limit int) ([]models.EventID, error) {
	s.w.once()
	return s.Store.CancelledEvents(ctx, limit)
}

// line is the program's view of the queue, whatever becomes of the queue behind it.
type line struct{ w *world }

func (l line) Publish(ctx context.Context, refs []models.BookingRef) (models.QueueMark, error) {
	l.w.once()
	return l.w.queue.Publish(ctx, refs)
}

func (l line) Receive(ctx context.Context, consumer string, limit int, wait time.Duration) ([]queue.Message, error) {
	l.w.once()
	return l.w.queue.Receive(ctx, consumer, limit, wait)
}

func (l line) Reclaim(ctx context.Context, consumer string, idle time.Duration, limit int) ([]queue.Message, error) {
	l.w.once()
	return l.w.queue.Reclaim(ctx, consumer, idle, limit)
}

func (l line) Ack(ctx context.Context, messages []queue.Message) error {
	if l.w.plan.dies != lives {
		return errDead
	}
	return l.w.queue.Ack(ctx, messages)
}

func (l line) Mark(ctx context.Context) (models.QueueMark, error) { return l.w.queue.Mark(ctx) }
func (l line) Oldest(ctx context.Context) (*queue.Message, error) { return l.w.queue.Oldest(ctx) }
func (l line) Depth(ctx context.Context) (int64, error)           { return l.w.queue.Depth(ctx) }
func (l line) Ping(ctx context.Context) error                     { return l.w.queue.Ping(ctx) }
func (l line) Close() error                                       { return nil }

// gateway is the program's view of the simulator.
type gateway struct{ w *world }

func (g gateway) Name() string { return g.w.inner.Name() }

func (g gateway) Charge(ctx context.Context, r payments.ChargeRequest) models.Result {
	return g.ask("charge", r.Booking, 1, models.OutcomeUnavailable, func() models.Result { return g.w.inner.Charge(ctx, r) })
}

func (g gateway) Find(ctx context.Context, r payments.ChargeRequest) models.Result {
	return g.ask("find", r.Booking, 1, models.OutcomeUnknown, func() models.Result { return g.w.inner.Find(ctx, r) })
}

func (g gateway) Void(ctx context.Context, r payments.ChargeRequest) models.Result {
	return g.ask("void", r.Booking, 1, models.OutcomeUnknown, func() models.Result { return g.w.inner.Void(ctx, r) })
}

func (g gateway) Refund(ctx context.Context, r payments.RefundRequest) models.Result {
	key, err := models.ParseReference(r.Reference)
	if err != nil {
		panic(err)
	}
	return g.ask("refund", key.Booking, key.N, models.OutcomeUnavailable, func() models.Result { return g.w.inner.Refund(ctx, r) })
}

// ask makes a call as the plan wants it.
func (g gateway) ask(op string, booking models.BookingID, n int, nothing models.Outcome, do func() models.Result) models.Result {
	if g.w.dead {
		return models.Result{Outcome: models.OutcomeUnknown}
	}
	var f fault
	if n := len(g.w.calls); n < len(g.w.plan.calls) {
		f = g.w.plan.calls[n]
	}
	result := models.Result{Outcome: nothing, Reason: "a fault of the test", Stall: stalls[f]}
	said := nothing
	if f != refused && stalls[f] == "" {
		result = do()
		said = result.Outcome
	}
	if f == answerLost {
		result = models.Result{Outcome: models.OutcomeUnknown, Reason: "a fault of the test"}
	}
	g.w.calls = append(g.w.calls, call{op, f, booking, n, said, result.Outcome, result.Stall})
	_ = g.w.diesAt(afterGateway)
	return result
}

// process is one replica: what it holds dies with it.
type process struct {
	office   *boxoffice.Office
	bookings *services.Bookings
	events   *services.Events
	users    *services.Users
	letters  *services.Letters
	calls    *services.Callbacks
	loops    map[string]jobs.Loop
	limit    int64 // its setting: tickets that a user may hold; 0: as many as there are
}

func (w *world) newProcess(limit int64) *process {
	st := &store{w.store, w}
	office := boxoffice.New(st, boxoffice.Options{
		Rules: sale.Rules{
			PaymentDeadline: paymentDeadline, RetryLease: lease, RefundWindow: refundWindow, MaxLivePerUser: limit,
		},
		LatchFor: time.Nanosecond, // the latch reads the real clock
	})
	paying := services.NewPayments(st, office, gateway{w}, services.PaymentOptions{RetryBase: firstBackoff, RetryMax: maxBackoff, Lease: lease})
	upkeep := services.NewUpkeep(st, office)
	p := &process{
		limit: limit, office: office, bookings: services.NewBookings(st, office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith}), events: services.NewEvents(st, office),
		users:   services.NewUsers(st).Refunded(refundWindow),
		letters: services.NewLetters(st, office), loops: map[string]jobs.Loop{},
		calls: services.NewCallbacks(office, map[string]payments.Notifier{"simulated": notifier{}}, nil),
	}
	for _, loop := range []jobs.Loop{
		&jobs.Relay{Store: st, Queue: line{w}},
		&jobs.Reconciler{Store: st, Queue: line{w}, Page: 2},
		&jobs.Worker{Queue: line{w}, Payments: paying, Letters: st, Batch: 1, Wait: time.Nanosecond},
		&jobs.Reclaimer{Queue: line{w}, Payments: paying, Letters: st, Batch: 1, Idle: lease},
		&jobs.Retrier{Payments: paying}, &jobs.Refunder{Payments: paying},
		&jobs.Sweeper{Upkeep: upkeep}, &jobs.Canceller{Upkeep: upkeep},
	} {
		p.loops[loop.Name()] = loop
	}
	return p
}

// notifier reads the callbacks that the test itself sends.
type notifier struct{}

func (notifier) CheckHeader(func(string) string, time.Time) error { return nil }

func (notifier) ReadCallback(_ func(string) string, body []byte, _ time.Time) (payments.Notice, error) {
	var notice payments.Notice
	err := json.Unmarshal(body, &notice)
	return notice, err
}
