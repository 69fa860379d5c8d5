package modeltest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue/inprocess"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
	"quantix/internal/testkit/shop"
)

// life is one seed: an event, its model, two replicas, and everything that happens to them.
type life struct {
	*world
	t      *testing.T
	shop   *shop.Shop
	seed   uint64
	random *rand.Rand
	limits *rand.Rand // for the settings of processes
	clock  *testkit.Clock
	trace  []string

	model     model
	ledger    ledger
	event     models.EventID
	user      models.UserID
	processes [2]*process
	order     []models.BookingID // in which bookings were made
	keys      map[string]services.BookingRequest
	keyed     map[string]models.BookingID
}

const stepsOfLife = 45

// live lives one seed on a shop that other seeds have left at rest.
func live(t *testing.T, s *shop.Shop, w *world, seed uint64) {
	t.Helper()
	l := &life{
		world: w, t: t, shop: s, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), clock: s.Clock, ledger: ledger{},
		limits: rand.New(rand.NewPCG(seed, 1)),
		keys:   map[string]services.BookingRequest{}, keyed: map[string]models.BookingID{},
	}
	l.begin(plan{})
	l.queue = inprocess.New(inprocess.Options{Now: l.clock.Now})
	l.user = s.User().ID
	l.model = model{
		now: l.clock.Now(), total: 1 + l.random.Int64N([]int64{4, 8, 20}[l.random.IntN(3)]), price: []int64{0, 100, 101, 7550}[l.random.IntN(4)],
		version: 1, bookings: map[models.BookingID]*booking{},
	}
	l.model.date = l.model.now.Add(time.Duration(1+l.random.IntN([]int{60, 240}[l.random.IntN(2)])) * time.Minute)
	l.event = s.Event(l.model.total, func(d *models.EventDraft) {
		d.DateTime, d.TicketPrice.Minor = l.model.date, l.model.price
	}).ID
	for i := range l.processes {
		l.processes[i] = l.newProcess()
	}
	for range stepsOfLife {
		l.step()
		l.agree()
	}
	l.rest()
	l.tells()
	for _, p := range l.processes {
		l.must(p.office.Close(context.Background()))
	}
}

func (l *life) note(format string, values ...any) {
	l.trace = append(l.trace, fmt.Sprintf(format, values...))
}

// fail tells what differs, how it came to that, and how to see it again.
func (l *life) fail(format string, values ...any) {
	l.t.Helper()
	l.t.Fatalf("seed %d: %s\nafter these steps:\n  %s\nagain: go test ./internal/modeltest -count 1 -run '^TestModel$' -model.seed %d -model.seeds 1",
		l.seed, fmt.Sprintf(format, values...), strings.Join(l.trace, "\n  "), l.seed)
}

func (l *life) must(err error) {
	l.t.Helper()
	if err != nil {
		l.fail("%v", err)
	}
}

// same compares an error with the code that the model gave.
func (l *life) same(what string, err error, code string) {
	l.t.Helper()
	got := ""
	if err != nil {
		got, _, _ = strings.Cut(err.Error(), ":")
	}
	l.note("%s: %s", what, code)
	if got != code {
		l.fail("%s: the program says %q, the model %q", what, got, code)
	}
}

// name is what the trace calls a booking.
func (l *life) name(id models.BookingID) string {
	return fmt.Sprintf("booking %d", slices.Index(l.order, id)+1)
}

func (l *life) ref(id models.BookingID) models.BookingRef {
	return models.BookingRef{Event: l.event, Booking: id}
}

// any returns one of the bookings, or false when there is none.
func (l *life) any() (models.BookingID, *booking, bool) {
	if len(l.order) == 0 {
		return models.BookingID{}, nil, false
	}
	id := l.order[l.random.IntN(len(l.order))]
	return id, l.model.bookings[id], true
}

// newProcess starts a replica. In every second life each has a limit of its own, or none.
func (l *life) newProcess() *process {
	limit := int64(0)
	if l.seed%2 == 0 {
		limit = []int64{0, 2, 4}[l.limits.IntN(3)]
	}
	return l.world.newProcess(limit)
}

func (l *life) one() *process { return l.processes[l.random.IntN(len(l.processes))] }

// agree compares everything that can be seen with the model.
func (l *life) agree() {
	l.t.Helper()
	for _, id := range l.order {
		l.agreeOn(id, l.model.bookings[id])
	}
	l.agreeOnEvent()
}

func (l *life) agreeOn(id models.BookingID, b *booking) {
	l.t.Helper()
	ctx := context.Background()
	real, err := l.store.Booking(ctx, models.Everything, id)
	l.must(err)
	charges, refunds, err := l.store.PaymentsOf(ctx, l.ref(id))
	l.must(err)
	have := fmt.Sprintf("%s %s, %d tickets, %d", real.Status, real.CancelReason, real.Quantity, real.TotalAmount.Minor)
	for _, c := range charges {
		have += fmt.Sprintf("; charge %s after %d of %d", c.Status, c.Attempts, c.Amount.Minor)
	}
	for _, r := range refunds {
		have += fmt.Sprintf("; refund %s after %d of %d", r.Status, r.Attempts, r.Amount.Minor)
	}
	if want := b.String(); have != want {
		l.fail("%s:\n  the program: %s\n  the model:   %s", l.name(id), have, want)
	}
}

// String describes a booking as agreeOn describes the program's.
func (b *booking) String() string {
	text := fmt.Sprintf("%s %s, %d tickets, %d", b.status, b.reason, b.quantity, b.amount)
	if c := b.charge; c != nil {
		text += fmt.Sprintf("; charge %s after %d of %d", c.status, c.attempts, c.amount)
	}
	if b.second != nil {
		text += fmt.Sprintf("; charge succeeded after 1 of %d", b.amount)
	}
	if b.moved > 0 {
		text += fmt.Sprintf("; refund %s after 0 of %d", map[bool]string{true: "failed", false: "succeeded"}[b.back], b.moved)
	}
	if b.refund != nil {
		text += b.refund.text(b.charge.amount - b.gone())
	}
	if b.second != nil {
		text += b.second.text(b.amount)
	}
	return text
}

func (r *refund) text(amount int64) string {
	return fmt.Sprintf("; refund %s after %d of %d", map[bool]string{true: "succeeded", false: "pending"}[r.done], r.attempts, amount)
}

// agreeOnEvent compares the counters, which the program keeps and the model counts, and has the program audit itself.
func (l *life) agreeOnEvent() {
	l.t.Helper()
	facts, err := l.store.AuditFacts(context.Background(), l.event)
	l.must(err)
	if report := sale.Audit(facts); !report.OK {
		l.fail("the audit finds %+v", report.Differences)
	}
	var want models.Stock
	var charged, refunded int64
	for _, b := range l.model.bookings {
		switch b.status {
		case "PENDING":
			want.Pending, want.Held, want.HeldAmount = want.Pending+1, want.Held+b.quantity, want.HeldAmount+b.amount
		case "CONFIRMED":
			want.Confirmed, want.Sold, want.SoldAmount = want.Confirmed+1, want.Sold+b.quantity, want.SoldAmount+b.amount-b.gone()
		default:
			want.Cancelled++
		}
		if b.charge != nil && b.charge.status == "succeeded" {
			charged += b.charge.amount
		}
		if refunded += b.gone(); b.refund != nil {
			refunded += b.charge.amount - b.gone()
		}
		if b.second != nil {
			charged, refunded = charged+b.amount, refunded+b.amount
		}
	}
	want.Total, want.Available = l.model.total, l.model.total-want.Held-want.Sold
	if facts.Event.Stock != want || facts.Charged != charged || facts.Refunded != refunded {
		l.fail("the program: %+v, charged %d, refunded %d\n  the model:   %+v, charged %d, refunded %d",
			facts.Event.Stock, facts.Charged, facts.Refunded, want, charged, refunded)
	}
	e := facts.Event
	have := [6]any{e.DateTime, e.TicketPrice.Minor, e.Version, e.CancelledAt.IsZero(), e.DeletedAt.IsZero()}
	if want := [6]any{l.model.date, l.model.price, l.model.version, !l.model.cancelled, !l.model.erase}; have != want {
		l.fail("the program's event: %v, the model's: %v", have, want)
	}
}
