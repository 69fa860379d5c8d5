package repotest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// noon is when every test's clock starts; its microseconds show who rounds.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 123456000, time.UTC)

// theRules are the settings that every test's desk decides by.
var theRules = sale.Rules{
	PaymentDeadline: 15 * time.Minute, RetryLease: 30 * time.Second, RefundWindow: 14 * 24 * time.Hour,
}

// lease is what workers of these tests ask for.
const lease = 30 * time.Second

// all is a limit that no test reaches.
const all = models.MaxLimit

// Clock is a store's clock that stands still until a test moves it. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Pass moves the time on.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// shop is one test's own database with its clock, and the short words that tests are written in. Its helpers fail the
// test by themselves and belong on its goroutine, but for try and crowd.
type shop struct {
	Store
	t        *testing.T
	clock    *Clock
	open     func(t *testing.T, clock func() time.Time) Store
	tampered bool // then the closing audit would rightly complain
	shared   bool // others have left things in the database: only what this test made counts
	events   []models.EventID
	users    []models.UserID
	making   sync.Mutex // events are made side by side
	limit    int64      // of the tickets that a user may hold; 0: none
}

func newShop(t *testing.T, open func(*testing.T, func() time.Time) Store) *shop {
	t.Helper()
	clock := &Clock{now: noon}
	s := &shop{Store: open(t, clock.Now), t: t, clock: clock, open: open}
	t.Cleanup(s.auditAll)
	return s
}

// view is a shop of another test's database, with the clock set back and nothing of its own in it yet.
func (s *shop) view(t *testing.T) *shop {
	s.clock.set(noon)
	v := &shop{Store: s.Store, t: t, clock: s.clock, open: s.open, shared: true}
	t.Cleanup(v.auditAll)
	return v
}

// auditAll holds every event that the test has made to the promises, whatever it has done to it.
func (s *shop) auditAll() {
	if s.tampered || s.t.Failed() {
		return
	}
	for _, id := range s.events {
		facts, err := s.AuditFacts(context.Background(), id) // the test's own context has ended
		if err != nil {
			s.t.Errorf("the audit of event %s: %v", id, err)
		} else if report := sale.Audit(facts); !report.OK {
			s.t.Errorf("the audit of event %s finds %+v", id, report.Differences)
		}
	}
}

func (s *shop) ctx() context.Context { return s.t.Context() }

// event creates an event of 10 tickets at 25.00 USD that begins tomorrow, or what the edits make of it.
func (s *shop) event(edits ...func(*models.EventDraft)) models.Event {
	s.t.Helper()
	draft := models.EventDraft{
		Name: "Concert", Description: "An evening.", DateTime: noon.Add(24 * time.Hour),
		TotalTickets: 10, TicketPrice: models.Money{Minor: 2500, Currency: "USD"},
	}
	for _, edit := range edits {
		edit(&draft)
	}
	event, err := models.NewEvent(draft)
	if err != nil {
		s.t.Fatalf("the event is not valid: %v", err)
	}
	created, err := s.CreateEvent(s.ctx(), event)
	s.ok("creating an event", err)
	s.making.Lock()
	defer s.making.Unlock()
	s.events = append(s.events, created.ID)
	return created
}

// tickets and price are edits for event.
func tickets(total int64) func(*models.EventDraft) {
	return func(d *models.EventDraft) { d.TotalTickets = total }
}

func price(minor int64, currency models.Currency) func(*models.EventDraft) {
	return func(d *models.EventDraft) { d.TicketPrice = models.Money{Minor: minor, Currency: currency} }
}

func begins(at time.Time) func(*models.EventDraft) {
	return func(d *models.EventDraft) { d.DateTime = at }
}

// user creates a user with an address of its own.
func (s *shop) user() models.User {
	s.t.Helper()
	return s.userNamed("John Doe", fmt.Sprintf("%s@example.com", models.NewID[models.UserID]()))
}

func (s *shop) userNamed(name, email string) models.User {
	s.t.Helper()
	user, err := models.NewUser(name, email)
	if err != nil {
		s.t.Fatalf("the user is not valid: %v", err)
	}
	created, err := s.CreateUser(s.ctx(), user)
	s.ok("creating a user", err)
	s.users = append(s.users, created.ID)
	return created
}

// reserve makes the command of a new booking without a key.
func reserve(user models.User, quantity int64) *sale.Reserve {
	return &sale.Reserve{
		Booking: models.NewID[models.BookingID](), User: user.ID, Quantity: quantity, Method: simulator.OK,
	}
}

// keyed makes the command of a new booking under an Idempotency-Key.
func keyed(event models.Event, user models.User, quantity int64, key string) *sale.Reserve {
	c := reserve(user, quantity)
	c.Key, c.Hash = key, models.HashRequest(event.ID, user.ID, quantity, c.Method)
	return c
}

// try decides commands in one transaction, as a desk does. It may be called from any goroutine.
func (s *shop) try(ctx context.Context, event models.EventID, commands ...sale.Command) ([]sale.Verdict, error) {
	return s.tryWith(ctx, event, nil, commands...)
}

// tryWith lets a test meddle with the state before the commands are decided.
func (s *shop) tryWith(
	ctx context.Context, event models.EventID, meddle func(*sale.State), commands ...sale.Command,
) ([]sale.Verdict, error) {
	var verdicts []sale.Verdict
	err := retry.Do(ctx, repository.IsConflict, func() error {
		need := sale.ReadsOf(commands, false, false)
		need.Customers = s.limit > 0
		return s.AtDesk(ctx, event, models.NewID[models.BatchID](), need, func(state *sale.State) {
			verdicts, state.Rules = nil, s.rules()
			if meddle != nil {
				meddle(state)
			}
			for _, c := range commands {
				verdicts = append(verdicts, state.Decide(c))
			}
		})
	})
	return verdicts, err
}

// ask decides commands in one batch and returns their verdicts.
func (s *shop) ask(event models.EventID, commands ...sale.Command) []sale.Verdict {
	s.t.Helper()
	verdicts, err := s.try(s.ctx(), event, commands...)
	if err != nil {
		s.t.Fatalf("the desk failed: %v", err)
	}
	if len(verdicts) != len(commands) {
		s.t.Fatalf("%d verdicts for %d commands", len(verdicts), len(commands))
	}
	return verdicts
}

// done decides a command that must not be refused, and holds the store to having written what was answered.
func (s *shop) done(event models.EventID, command sale.Command) sale.Verdict {
	s.t.Helper()
	v := s.ask(event, command)[0]
	if v.Err != nil {
		s.t.Fatalf("%T was refused: %v", command, v.Err)
	}
	if v.Booking != nil && !v.Replayed {
		same(s.t, "the booking as read back", s.booking(v.Booking.ID), *v.Booking)
	}
	if v.Event != nil && v.Event.DeletedAt.IsZero() {
		same(s.t, "the event as read back", s.read(event), *v.Event)
	}
	return v
}

// refused decides a command that must be refused for a reason, and holds the store to having written nothing.
func (s *shop) refused(event models.EventID, command sale.Command, want *models.Error) sale.Verdict {
	s.t.Helper()
	var v sale.Verdict
	s.leavesNothing(func() { v = s.ask(event, command)[0] })
	if v.Err == nil || v.Err.Code != want.Code {
		s.t.Fatalf("%T gave %v; want %s", command, v.Err, want.Code)
	}
	return v
}

// stays decides a command that must be answered, but change nothing.
func (s *shop) stays(event models.EventID, command sale.Command) sale.Verdict {
	s.t.Helper()
	var v sale.Verdict
	s.leavesNothing(func() { v = s.ask(event, command)[0] })
	if v.Err != nil {
		s.t.Fatalf("%T was refused: %v", command, v.Err)
	}
	return v
}

// leavesNothing fails the test if something in the database is different afterwards.
func (s *shop) leavesNothing(act func()) {
	s.t.Helper()
	before := s.everything()
	act()
	same(s.t, "what is in the database, afterwards", s.everything(), before)
}

// everything is all that can be read through the port, for comparing before and after.
type everything struct {
	Facts    []models.AuditFacts
	Bookings []models.Booking
	Charges  []models.Charge
	Refunds  []models.Refund
	Letters  []models.DeadLetter
	Users    []models.User
	Waiting  int64
}

func (s *shop) everything() everything {
	s.t.Helper()
	var e everything
	for _, id := range s.events {
		e.Facts = append(e.Facts, s.facts(id))
	}
	e.Users = s.allUsers()
	for _, id := range s.users {
		list, err := s.BookingsOfUser(s.ctx(), models.Everything, id, models.BookingFilter{}, models.Page{Limit: all})
		s.ok("listing bookings", err)
		e.Bookings = append(e.Bookings, list...)
	}
	for _, b := range e.Bookings {
		charges, refunds := s.money(b)
		e.Charges, e.Refunds = append(e.Charges, charges...), append(e.Refunds, refunds...)
	}
	e.Letters = s.letters()
	e.Waiting = s.depth()
	return e
}

// allUsers returns who is in the database, or in a shared one who is there of the test's own.
func (s *shop) allUsers() []models.User {
	s.t.Helper()
	if !s.shared {
		list, err := s.Users(s.ctx(), models.Page{Limit: all})
		s.ok("listing users", err)
		return list
	}
	var list []models.User
	for _, id := range s.users {
		user, err := s.User(s.ctx(), models.Everything, id)
		if errors.Is(err, models.ErrUserNotFound) {
			continue
		}
		s.ok("reading a user", err)
		list = append(list, user)
	}
	return list
}

func (s *shop) ok(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", what, err)
	}
}

func (s *shop) read(id models.EventID) models.Event {
	s.t.Helper()
	event, err := s.Event(s.ctx(), models.Everything, id)
	s.ok("reading an event", err)
	return event
}

func (s *shop) stock(id models.EventID) models.Stock {
	s.t.Helper()
	return s.read(id).Stock
}

func (s *shop) booking(id models.BookingID) models.Booking {
	s.t.Helper()
	b, err := s.Booking(s.ctx(), models.Everything, id)
	s.ok("reading a booking", err)
	return b
}

func (s *shop) money(b models.Booking) ([]models.Charge, []models.Refund) {
	s.t.Helper()
	charges, refunds, err := s.PaymentsOf(s.ctx(), b.Ref())
	s.ok("reading a booking's payments", err)
	return charges, refunds
}

func (s *shop) letters() []models.DeadLetter {
	s.t.Helper()
	letters, err := s.DeadLetters(s.ctx(), models.Everything, models.Page{Limit: all})
	s.ok("listing dead letters", err)
	count, err := s.CountDeadLetters(s.ctx())
	s.ok("counting dead letters", err)
	same(s.t, "the number of dead letters", count, int64(len(letters)))
	return slices.DeleteFunc(letters, func(l models.DeadLetter) bool {
		return s.shared && !slices.Contains(s.events, l.Event)
	})
}

// book reserves tickets for a user.
func (s *shop) book(event models.Event, user models.User, quantity int64) models.Booking {
	s.t.Helper()
	return *s.done(event.ID, reserve(user, quantity)).Booking
}

// charge starts the first charge of a booking that has none.
func (s *shop) charge(b models.Booking) models.Charge {
	s.t.Helper()
	starts := s.start(b)
	if len(starts) != 1 || starts[0].Charge == nil {
		s.t.Fatalf("StartCharges gave %+v for a booking that waits for its charge", starts)
	}
	return *starts[0].Charge
}

func (s *shop) start(bookings ...models.Booking) []repository.Start {
	s.t.Helper()
	starts, err := s.StartCharges(s.ctx(), "sim", refs(bookings...), lease)
	s.ok("starting charges", err)
	return starts
}

func refs(bookings ...models.Booking) []models.BookingRef {
	list := make([]models.BookingRef, len(bookings))
	for i := range bookings {
		list[i] = bookings[i].Ref()
	}
	return list
}

// settle records an outcome of a charge.
func (s *shop) settle(key models.ChargeKey, outcome models.Outcome) sale.Verdict {
	s.t.Helper()
	return s.done(key.Event, settlement(key, outcome))
}

func settlement(key models.ChargeKey, outcome models.Outcome) *sale.Settle {
	result := models.Result{Outcome: outcome}
	switch outcome {
	case models.OutcomeSucceeded:
		result.ProviderReference = "provider-" + key.Reference()
	default:
		result.Reason = "the gateway said " + string(outcome)
	}
	return &sale.Settle{Charge: key, Result: result, Backoff: time.Minute}
}

// paid books and pays.
func (s *shop) paid(event models.Event, user models.User, quantity int64) models.Booking {
	s.t.Helper()
	b := s.book(event, user, quantity)
	return *s.settle(s.charge(b).ChargeKey, models.OutcomeSucceeded).Booking
}

// crowd runs work n times at once, let go together, and waits for all. Work must not end the test, only mark it.
func crowd(n int, work func(i int)) {
	var group sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		group.Go(func() {
			<-gate
			work(i)
		})
	}
	close(gate)
	group.Wait()
}

// same compares deeply; times by their instant.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s is not as it should be (-want +got):\n%s", what, diff)
	}
}

// isError fails the test unless the error is the domain's, and not merely wrapped in text.
func isError(t *testing.T, what string, err error, want *models.Error) {
	t.Helper()
	domain, ok := errors.AsType[*models.Error](repository.ToDomain(err))
	if err == nil || !ok || domain.Code != want.Code {
		t.Fatalf("%s gave %v; want %s", what, err, want.Code)
	}
}

// isInstant fails the test unless the time is as every store gives it: UTC, whole microseconds.
func isInstant(t *testing.T, what string, got time.Time) {
	t.Helper()
	if got.Location() != time.UTC || !got.Equal(got.Truncate(time.Microsecond)) {
		t.Errorf("%s is %v; want UTC and whole microseconds", what, got)
	}
}

func idsOf[T, I any](list []T, id func(T) I) []I {
	ids := []I{}
	for _, item := range list {
		ids = append(ids, id(item))
	}
	return ids
}

func eventIDs(list []models.Event) []models.EventID {
	return idsOf(list, func(e models.Event) models.EventID { return e.ID })
}

func bookingIDs(list []models.Booking) []models.BookingID {
	return idsOf(list, func(b models.Booking) models.BookingID { return b.ID })
}

// sorted returns ids in their order.
func sorted[I interface{ Compare(I) int }](ids ...I) []I {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, I.Compare)
	return ids
}

// pages reads a whole list by pages of a size, calling between after each page.
func pages[T any](
	t *testing.T, size int, list func(models.Page) ([]T, error), position func(T) models.Position, between func(),
) []T {
	t.Helper()
	var items []T
	page := models.Page{Limit: size}
	for range 1000 {
		part, err := list(page)
		if err != nil {
			t.Fatalf("reading a page: %v", err)
		}
		if len(part) > size {
			t.Fatalf("a page has %d items; its limit is %d", len(part), size)
		}
		items = append(items, part...)
		if len(part) < size {
			return items
		}
		last := position(part[len(part)-1])
		page.After = &last
		between()
	}
	t.Fatal("the list does not end")
	return nil
}

// set moves the time to an instant, also back.
func (c *Clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}
