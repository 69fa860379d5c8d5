package repotest

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// writeRules hold a store to every field of sale.Writes, by reflection: one that is added there and is not written, or
// not read back here, fails.
var writeRules = rules{
	"every_field_of_a_batch_is_written_and_read_back": func(t *testing.T, s *shop) {
		w := &witness{shop: s, seen: map[string]bool{}}
		event, user := s.event(), s.user()
		w.does(event, reserve(user, 2))
		kept, ended := s.book(event, user, 2), s.book(event, user, 2)
		for _, b := range []models.Booking{kept, ended} {
			w.does(event, settlement(s.charge(b).ChargeKey, models.OutcomeSucceeded))
		}
		again := settlement(models.FirstCharge(kept.Ref()), models.OutcomeSucceeded)
		again.Result.ProviderReference = "another"
		w.does(event, again) // a second success: a charge of its own, and a refund
		w.does(event, movement(kept, "by hand", 1000, models.MovementDone))
		w.does(event, movement(kept, "by hand", 1000, models.MovementUndone))
		w.does(event, &sale.Cancel{Booking: ended.ID})
		w.does(event, movement(ended, "a part", 1000, models.MovementDone)) // comes off what is owed
		owed := &sale.SettleRefund{
			Charge: models.FirstCharge(ended.Ref()), Result: models.Result{Outcome: models.OutcomeSucceeded},
		}
		w.does(event, owed)
		w.does(event, &sale.EditEvent{Patch: models.EventPatch{Name: new("Another name")}})
		w.limit = 10
		w.does(event, reserve(user, 1)) // the first that is counted
		w.does(event, reserve(user, 1))
		w.limit = 0
		w.does(event, reserve(user, 1)) // by another process
		w.does(event, &sale.Cancel{Booking: kept.ID})

		fields := reflect.TypeFor[sale.Writes]()
		for i := range fields.NumField() {
			if name := fields.Field(i).Name; !w.seen[name] {
				t.Errorf("no command of this rule writes %s", name)
			}
		}
	},
}

func movement(b models.Booking, id string, minor int64, state models.MovementState) *sale.SettleMoved {
	return &sale.SettleMoved{Charge: models.FirstCharge(b.Ref()), Movements: []models.Movement{{
		ID: id, Reason: models.RefundMoved, Amount: models.Money{Minor: minor, Currency: "USD"}, State: state,
	}}}
}

// A witness compares what commands write with what can be read afterwards.
type witness struct {
	*shop
	seen map[string]bool // the fields of sale.Writes that have been compared
}

// does has a command decided and written, and reads back every field that it wrote.
func (w *witness) does(event models.Event, c sale.Command) {
	w.t.Helper()
	var written sale.Writes
	need := sale.ReadsOf([]sale.Command{c}, false, false)
	need.Customers = w.limit > 0
	w.ok("the desk", w.AtDesk(w.ctx(), event.ID, models.NewID[models.BatchID](), need,
		func(state *sale.State) {
			state.Rules = w.rules()
			if v := state.Decide(c); v.Err != nil {
				w.t.Errorf("%T was refused: %v", c, v.Err)
			}
			written = *state.Writes()
		}))
	value := reflect.ValueOf(written)
	for i := range value.NumField() {
		if name := value.Type().Field(i).Name; !value.Field(i).IsZero() {
			w.seen[name] = true
			w.readsBack(name, &written)
		}
	}
}

// readsBack compares one field with what the store has.
func (w *witness) readsBack(field string, written *sale.Writes) {
	w.t.Helper()
	switch field {
	case "Event", "EventEdited":
		same(w.t, "the event", w.read(written.Event.ID), *written.Event)
	case "NewBookings":
		w.bookings(written.NewBookings)
	case "Bookings":
		w.bookings(written.Bookings)
	case "NewCharges":
		w.charges(written.NewCharges)
	case "Charges":
		w.charges(written.Charges)
	case "ChargeSums":
		w.charges(written.ChargeSums)
	case "NewRefunds":
		w.refunds(written.NewRefunds)
	case "Refunds":
		w.refunds(written.Refunds)
	case "RefundSums":
		w.refunds(written.RefundSums)
	case "Letters":
		for _, letter := range written.Letters {
			got, err := w.DeadLetter(w.ctx(), models.Everything, letter.ID)
			w.ok("reading a letter", err)
			same(w.t, "the letter", got, letter)
		}
	case "ClosedLetters":
		for _, id := range written.ClosedLetters {
			_, err := w.DeadLetter(w.ctx(), models.Everything, id)
			isError(w.t, "reading a closed letter", err, models.ErrLetterNotFound)
		}
	case "Facts":
		w.facts(written)
	case "Recount":
		same(w.t, "whether the event counts", w.read(written.Event.ID).CountsUsers, true)
	case "Customers":
		w.customers(written)
	default:
		w.t.Errorf("sale.Writes.%s is not read back here: a store that forgets it would pass", field)
	}
}

func (w *witness) bookings(list []*models.Booking) {
	w.t.Helper()
	for _, b := range list {
		same(w.t, "the booking", w.booking(b.ID), *b)
	}
}

func (w *witness) charges(list []*models.Charge) {
	w.t.Helper()
	for _, c := range list {
		charges, _, err := w.PaymentsOf(w.ctx(), c.BookingRef)
		w.ok("reading charges", err)
		has(w.t, "the charge", charges, *c)
	}
}

func (w *witness) refunds(list []*models.Refund) {
	w.t.Helper()
	for _, r := range list {
		_, refunds, err := w.PaymentsOf(w.ctx(), r.BookingRef)
		w.ok("reading refunds", err)
		has(w.t, "the refund", refunds, *r)
	}
}

// customers holds the one user's row to the bookings.
func (w *witness) customers(written *sale.Writes) {
	w.t.Helper()
	event := written.Event.ID
	for _, c := range written.Customers {
		held := w.held(event, c.User)
		same(w.t, "the one row", w.rows(), kept{1, held})
		if c.Known {
			same(w.t, "the tickets that the user holds", held, c.Live)
		}
	}
}

func (w *witness) facts(written *sale.Writes) {
	w.t.Helper()
	event := written.Event
	page, err := w.Journal(w.ctx(), event.ID, event.Seq-1, 1)
	w.ok("reading the journal", err)
	if len(page.Entries) != 1 || page.Last != event.Seq {
		w.t.Fatalf("behind entry %d the journal has %+v", event.Seq-1, page)
	}
	same(w.t, "the facts", page.Entries[0].Facts, written.Facts)
	var made []models.BookingID
	for _, f := range written.Facts {
		if f.Kind == models.FactBooked {
			made = append(made, f.Booking)
		}
	}
	w.published(made)
}

func (w *witness) published(bookings []models.BookingID) {
	w.t.Helper()
	rows, err := w.ClaimOutbox(context.WithoutCancel(w.ctx()), all, 0)
	w.ok("claiming the outbox", err)
	for _, id := range bookings {
		if !slices.ContainsFunc(rows, func(r models.OutboxRow) bool { return slices.Contains(r.Bookings, id) }) {
			w.t.Errorf("booking %s is in no row of the outbox", id)
		}
	}
}

// has fails the test unless a list has just that.
func has[T any](t *testing.T, what string, list []T, want T) {
	t.Helper()
	if !slices.ContainsFunc(list, func(one T) bool { return cmp.Equal(one, want) }) {
		t.Errorf("%s %+v is not among %+v", what, want, list)
	}
}
