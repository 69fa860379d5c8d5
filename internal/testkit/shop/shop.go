// Package shop gives tests a store with a box office on it, and short words for what happens in a ticket shop. Only
// tests import it.
package shop

import (
	"context"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/sale"
	"quantix/internal/services"
	"quantix/internal/testkit"
)

// Opening is when a shop's clock starts.
var Opening = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// Deadline is how long the shop's bookings may wait for their payment, Lease how long a given-up charge rests.
const (
	Deadline = 15 * time.Minute
	Lease    = 40 * time.Second
)

// Store is what every adapter gives.
type Store = simulator.Store

// Shop is one test's own database with a box office. Its methods fail the test by themselves, and belong on its
// goroutine.
type Shop struct {
	Store  Store
	Office *boxoffice.Office
	Clock  *testkit.Clock // the store's; nil when New was given another
	tb     testing.TB
}

// New opens a shop whose clock stands still until the test moves it. When the test has ended, every event must stand
// the audit.
func New(tb testing.TB) *Shop {
	tb.Helper()
	clock := testkit.NewClock(Opening)
	s := NewOn(tb, clock.Now)
	s.Clock = clock
	return s
}

// NewOn opens a shop on another clock.
func NewOn(tb testing.TB, clock func() time.Time) *Shop {
	tb.Helper()
	return On(tb, openStore(tb, clock))
}

// On opens a shop on a store of the test's own, such as one of OpenPostgres.
func On(tb testing.TB, store Store) *Shop {
	tb.Helper()
	s := &Shop{Store: store, tb: tb}
	s.Office = OpenOffice(tb, s.Store)
	tb.Cleanup(s.auditAll)
	return s
}

// OpenOffice opens one more box office on a store, as another replica has it, and closes it after the test.
func OpenOffice(tb testing.TB, store boxoffice.Store) *boxoffice.Office {
	tb.Helper()
	office := boxoffice.New(store, boxoffice.Options{
		Rules: sale.Rules{PaymentDeadline: Deadline, RetryLease: Lease},
	})
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := office.Close(ctx); err != nil {
			tb.Errorf("close the box office: %v", err)
		}
	})
	return office
}

// Event puts an event of so many tickets at 75.50 USD on sale, which begins a day after the opening, or what the edits
// make of it.
func (s *Shop) Event(tickets int64, edits ...func(*models.EventDraft)) models.Event {
	s.tb.Helper()
	draft := models.EventDraft{
		Name: "Concert", DateTime: Opening.AddDate(0, 0, 1), TotalTickets: tickets,
		TicketPrice: models.Money{Minor: 7550, Currency: "USD"},
	}
	for _, edit := range edits {
		edit(&draft)
	}
	event, err := services.NewEvents(s.Store, s.Office).Create(s.ctx(), models.TheOperator, draft)
	if err != nil {
		s.tb.Fatalf("create an event: %v", err)
	}
	return event
}

// Free is an edit for Event: tickets that cost nothing.
func Free(d *models.EventDraft) { d.TicketPrice.Minor = 0 }

// User registers a user.
func (s *Shop) User() models.User {
	s.tb.Helper()
	email := models.NewID[models.UserID]().String() + "@example.com"
	user, err := services.NewUsers(s.Store).Create(s.ctx(), models.TheOperator, "John Doe", email)
	if err != nil {
		s.tb.Fatalf("create a user: %v", err)
	}
	return user
}

func (s *Shop) bookings() *services.Bookings {
	return services.NewBookings(s.Store, s.Office, services.BookingOptions{MaxTickets: 100, Methods: simulator.PaidWith})
}

// Book books tickets for a new user.
func (s *Shop) Book(event models.EventID, quantity int64, method models.PaymentMethod) models.BookingRef {
	s.tb.Helper()
	return s.BookFor(s.User().ID, event, quantity, method)
}

// BookFor books tickets for a user.
func (s *Shop) BookFor(
	user models.UserID, event models.EventID, quantity int64, method models.PaymentMethod,
) models.BookingRef {
	s.tb.Helper()
	request := services.BookingRequest{User: user, Event: event, Quantity: quantity, Method: method}
	booking, _, err := s.bookings().Create(s.ctx(), models.TheOperator, request)
	if err != nil {
		s.tb.Fatalf("book %d tickets: %v", quantity, err)
	}
	return booking.Ref()
}

// BookMany books one ticket for each of n bookings of one new user, as fast as the desk takes them.
func (s *Shop) BookMany(event models.EventID, n int, method models.PaymentMethod) []models.BookingRef {
	s.tb.Helper()
	user := s.User().ID
	refs, commands := make([]models.BookingRef, n), make([]sale.Command, n)
	for i := range refs {
		refs[i] = models.BookingRef{Event: event, Booking: models.NewID[models.BookingID]()}
		commands[i] = &sale.Reserve{Booking: refs[i].Booking, User: user, Quantity: 1, Method: method}
	}
	for _, outcome := range s.Office.TellAll(s.ctx(), event, commands) {
		if outcome.Err != nil {
			s.tb.Fatalf("book a ticket: %v", outcome.Err)
		}
	}
	return refs
}

// Cancel cancels a booking at its user's wish.
func (s *Shop) Cancel(ref models.BookingRef) {
	s.tb.Helper()
	if _, err := s.bookings().Cancel(s.ctx(), models.TheOperator, ref.Booking); err != nil {
		s.tb.Fatalf("cancel a booking: %v", err)
	}
}

// Booking reads a booking.
func (s *Shop) Booking(ref models.BookingRef) models.Booking {
	s.tb.Helper()
	booking, err := s.Store.Booking(s.ctx(), models.Everything, ref.Booking)
	if err != nil {
		s.tb.Fatalf("read a booking: %v", err)
	}
	return booking
}

// State returns a booking's status, with the reason if it is cancelled: "CANCELLED expired".
func (s *Shop) State(ref models.BookingRef) string {
	s.tb.Helper()
	b := s.Booking(ref)
	if b.CancelReason == "" {
		return string(b.Status)
	}
	return string(b.Status) + " " + string(b.CancelReason)
}

// Charge reads a booking's last charge; nil when there is none.
func (s *Shop) Charge(ref models.BookingRef) *models.Charge {
	s.tb.Helper()
	charges, _, err := s.Store.PaymentsOf(s.ctx(), ref)
	if err != nil {
		s.tb.Fatalf("read a booking's payments: %v", err)
	}
	if len(charges) == 0 {
		return nil
	}
	return &charges[len(charges)-1]
}

// Refund reads a booking's last refund; nil when there is none.
func (s *Shop) Refund(ref models.BookingRef) *models.Refund {
	s.tb.Helper()
	_, refunds, err := s.Store.PaymentsOf(s.ctx(), ref)
	if err != nil {
		s.tb.Fatalf("read a booking's payments: %v", err)
	}
	if len(refunds) == 0 {
		return nil
	}
	return &refunds[len(refunds)-1]
}

// Record reads what the simulated gateway remembers of a booking's first charge; nil when it never heard of it.
func (s *Shop) Record(ref models.BookingRef) *simulator.Record {
	s.tb.Helper()
	reference := models.FirstCharge(ref).Reference()
	var record *simulator.Record
	err := s.Store.SimCharges(s.ctx(), []string{reference}, func(_ time.Time, records map[string]*simulator.Record) {
		if found := records[reference]; found != nil {
			seen := *found
			record = &seen
		}
	})
	if err != nil {
		s.tb.Fatalf("read the simulated gateway's ledger: %v", err)
	}
	return record
}

// Letters reads all dead letters.
func (s *Shop) Letters() []models.DeadLetter {
	s.tb.Helper()
	letters, err := s.Store.DeadLetters(s.ctx(), models.Everything, models.Page{Limit: models.MaxLimit})
	if err != nil {
		s.tb.Fatalf("list the dead letters: %v", err)
	}
	return letters
}

// Stock reads an event's counters.
func (s *Shop) Stock(event models.EventID) models.Stock {
	s.tb.Helper()
	found, err := s.Store.Event(s.ctx(), models.Everything, event)
	if err != nil {
		s.tb.Fatalf("read an event: %v", err)
	}
	return found.Stock
}

// auditAll holds every event to the promises, whatever the test has done to it.
func (s *Shop) auditAll() {
	ctx := context.Background() // the test's own has ended
	ids, err := s.Store.EventIDs(ctx, models.EventID{}, 10_000)
	if err != nil {
		s.tb.Errorf("list events for the audit: %v", err)
	}
	for _, id := range ids {
		facts, err := s.Store.AuditFacts(ctx, id)
		if err != nil {
			s.tb.Errorf("audit event %s: %v", id, err)
		} else if report := sale.Audit(facts); !report.OK {
			s.tb.Errorf("the audit of event %s finds %+v", id, report.Differences)
		}
	}
}

func (s *Shop) ctx() context.Context { return s.tb.Context() }
