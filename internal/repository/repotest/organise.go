package repotest

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// organiseRules are the promises on what organisers do to an event: edit, delete, cancel.
var organiseRules = rules{
	"an_edit_is_written_whole_with_its_version_and_time": func(t *testing.T, s *shop) {
		event := s.event()
		s.book(event, s.user(), 3)
		s.clock.Pass(time.Minute)
		at := noon.Add(72*time.Hour + time.Microsecond)
		patch := models.EventPatch{
			Name: new("Löwe"), Description: new(""), DateTime: &at, SalesEnd: new(at.Add(time.Hour)),
			TotalTickets: new(int64(20)), Price: new("99.99"), TimeZone: new("Europe/Berlin"),
		}
		knowsAll(t, patch, "Currency") // which is fixed by the first booking
		got := *s.done(event.ID, &sale.EditEvent{Patch: patch, IfVersion: new(int64(1))}).Event
		want := event
		want.Seq = 3
		want.Name, want.Description, want.DateTime, want.SalesEnd = "Löwe", "", at, at.Add(time.Hour)
		want.TimeZone, want.TicketPrice.Minor, want.Version, want.UpdatedAt = "Europe/Berlin", 9999, 2, noon.Add(time.Minute)
		want.Stock = models.Stock{Total: 20, Available: 17, Held: 3, HeldAmount: 7500, Pending: 1}
		same(t, "the event", got, want)
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{SalesEnd: new(time.Time{})}})
		if got := s.read(event.ID); got.SalesEnd != (time.Time{}) || got.Version != 3 {
			t.Errorf("after taking sales_end away the event is %+v", got)
		}
	},

	"bookings_keep_the_price_they_were_made_at": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		old := s.paid(event, user, 2)
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{Price: new("10")}})
		fresh := s.book(event, user, 2)
		same(t, "the old booking", s.booking(old.ID).TotalAmount.Minor, 5000)
		same(t, "the new booking", fresh.TotalAmount.Minor, 2000)
		s.done(event.ID, &sale.Cancel{Booking: old.ID})
	},

	"the_currency_may_change_until_the_first_booking": func(t *testing.T, s *shop) {
		event := s.event()
		yen := models.Currency("JPY")
		got := *s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{Currency: &yen}}).Event
		same(t, "the price", got.TicketPrice, models.Money{Minor: 25, Currency: "JPY"})
		b := s.book(event, s.user(), 1)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		euro := models.Currency("EUR")
		s.refused(event.ID, &sale.EditEvent{Patch: models.EventPatch{Currency: &euro}}, models.ErrCurrencyFixed)
	},

	"an_edit_that_changes_nothing_writes_nothing": func(t *testing.T, s *shop) {
		event := s.event()
		s.clock.Pass(time.Minute)
		s.stays(event.ID, &sale.EditEvent{})
		s.stays(event.ID, &sale.EditEvent{Patch: models.EventPatch{Name: &event.Name, TotalTickets: &event.Stock.Total}})
	},

	"a_wrong_edit_leaves_nothing_behind": func(t *testing.T, s *shop) {
		event, deleted := s.event(), s.event()
		s.done(deleted.ID, &sale.DeleteEvent{})
		s.book(event, s.user(), 3)
		edit := func(p models.EventPatch) *sale.EditEvent { return &sale.EditEvent{Patch: p} }
		s.refused(event.ID, &sale.EditEvent{Patch: models.EventPatch{Name: new("X")}, IfVersion: new(int64(2))},
			models.ErrVersionMismatch)
		s.refused(event.ID, edit(models.EventPatch{Name: new("X"), TotalTickets: new(int64(2))}),
			models.ErrCapacityBelowTaken)
		s.refused(event.ID, edit(models.EventPatch{Name: new(strings.Repeat("x", 256))}), models.ErrInvalid)
		s.refused(event.ID, edit(models.EventPatch{TotalTickets: new(int64(0))}), models.ErrInvalid)
		s.refused(event.ID, edit(models.EventPatch{TotalTickets: new(int64(models.MaxTotalTickets + 1))}), models.ErrInvalid)
		s.refused(event.ID, edit(models.EventPatch{Price: new("0.001")}), models.ErrInvalid)
		s.refused(event.ID, edit(models.EventPatch{Price: new("-1")}), models.ErrInvalid)
		s.refused(deleted.ID, edit(models.EventPatch{Name: new("X")}), models.ErrEventNotFound)
		s.refused(models.NewID[models.EventID](), edit(models.EventPatch{Name: new("X")}), models.ErrEventNotFound)
	},

	"capacity_may_be_lowered_to_what_is_taken": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.paid(event, user, 3)
		s.book(event, user, 4)
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: new(int64(7))}})
		s.refused(event.ID, reserve(user, 1), models.ErrSoldOut)
		s.refused(event.ID, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: new(int64(6))}},
			models.ErrCapacityBelowTaken)
	},

	"capacity_raised_sells_exactly_the_difference": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.book(event, user, 10)
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: new(int64(14))}})
		s.refused(event.ID, reserve(user, 5), models.ErrInsufficientTickets)
		s.book(event, user, 4)
		s.refused(event.ID, reserve(user, 1), models.ErrSoldOut)
	},

	"capacity_lowered_while_64_book_never_undercuts_them": shrink,

	"of_many_edits_of_one_version_one_wins": func(t *testing.T, s *shop) {
		event := s.event()
		var won atomic.Int32
		crowd(8, func(i int) {
			v, err := s.try(s.ctx(), event.ID, &sale.EditEvent{
				Patch: models.EventPatch{Name: new("Name " + string(rune('a'+i)))}, IfVersion: new(int64(1)),
			})
			switch {
			case err != nil:
				t.Errorf("the desk failed: %v", err)
			case v[0].Err == nil:
				won.Add(1)
			case !errors.Is(v[0].Err, models.ErrVersionMismatch):
				t.Errorf("an edit gave %v", v[0].Err)
			}
		})
		if got := s.read(event.ID).Version; won.Load() != 1 || got != 2 {
			t.Errorf("%d edits won, and the version is %d", won.Load(), got)
		}
	},

	"is_deleted_without_live_bookings": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		s.refused(event.ID, &sale.DeleteEvent{}, models.ErrEventHasBookings)
		s.settle(s.charge(b).ChargeKey, models.OutcomeSucceeded)
		s.refused(event.ID, &sale.DeleteEvent{}, models.ErrEventHasBookings)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.refused(event.ID, &sale.DeleteEvent{IfVersion: new(int64(2))}, models.ErrVersionMismatch)
		s.clock.Pass(time.Second)
		v := s.done(event.ID, &sale.DeleteEvent{IfVersion: new(int64(1))})
		same(t, "when it was deleted", v.Event.DeletedAt, noon.Add(time.Second))
		s.refused(event.ID, &sale.DeleteEvent{}, models.ErrEventNotFound)
		s.refused(event.ID, &sale.CancelEvent{}, models.ErrEventNotFound)
		same(t, "its booking", s.booking(b.ID).Status, models.StatusCancelled)
	},

	"is_deleted_with_confirmed_bookings_once_nothing_may_be_refunded": func(t *testing.T, s *shop) {
		event, user := s.event(begins(noon.Add(time.Hour))), s.user()
		b := s.paid(event, user, 2)
		s.clock.set(event.DateTime.Add(-time.Microsecond))
		s.refused(event.ID, &sale.DeleteEvent{}, models.ErrEventHasBookings)
		s.clock.set(event.DateTime.Add(theRules.RefundWindow - time.Microsecond))
		s.refused(event.ID, &sale.DeleteEvent{}, models.ErrEventRefundable)
		s.clock.set(event.DateTime.Add(theRules.RefundWindow))
		s.done(event.ID, &sale.DeleteEvent{})
		same(t, "its booking", s.booking(b.ID).Status, models.StatusConfirmed)
	},

	"deleting_one_races_a_booking_and_one_wins": func(t *testing.T, s *shop) {
		user := s.user()
		for range 12 {
			event := s.event()
			var verdicts [2]sale.Verdict
			crowd(2, func(i int) {
				v, err := s.try(s.ctx(), event.ID, []sale.Command{&sale.DeleteEvent{}, reserve(user, 1)}[i])
				if err != nil {
					t.Errorf("the desk failed: %v", err)
					return
				}
				verdicts[i] = v[0]
			})
			deleted, booked := verdicts[0].Err, verdicts[1].Err
			switch {
			case deleted == nil && errors.Is(booked, models.ErrEventNotFound):
			case booked == nil && errors.Is(deleted, models.ErrEventHasBookings):
			default:
				t.Fatalf("deleting gave %v and booking %v; exactly one should win", deleted, booked)
			}
		}
	},

	"cancelling_stops_the_sale_for_good": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.book(event, user, 1)
		s.clock.Pass(time.Second)
		got := *s.done(event.ID, &sale.CancelEvent{}).Event
		if !got.CancelledAt.Equal(noon.Add(time.Second)) || got.Version != 2 || !got.UpdatedAt.Equal(got.CancelledAt) ||
			got.Stock.Pending != 1 {
			t.Errorf("the cancelled event is %+v", got)
		}
		s.clock.Pass(time.Second)
		s.stays(event.ID, &sale.CancelEvent{})
		s.refused(event.ID, reserve(user, 1), models.ErrEventCancelled)
	},

	"a_show_called_off_at_its_start_is_refunded": func(t *testing.T, s *shop) {
		event, user := s.event(begins(noon.Add(time.Hour))), s.user()
		b := s.paid(event, user, 2)
		s.clock.set(event.DateTime.Add(theRules.RefundWindow - time.Microsecond))
		s.refused(event.ID, &sale.Cancel{Booking: b.ID}, models.ErrEventOver)
		s.done(event.ID, &sale.CancelEvent{})
		same(t, "its booking", s.done(event.ID, &sale.CancelForEvent{Booking: b.ID}).Booking.CancelReason,
			models.ReasonEventCancelled)
		if _, refunds := s.money(b); len(refunds) != 1 || refunds[0].Amount != b.TotalAmount {
			t.Errorf("the refunds are %+v", refunds)
		}
	},

	"a_date_does_not_jump_into_the_past_while_tickets_are_live": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		lastYear := models.EventPatch{DateTime: new(event.DateTime.AddDate(-1, 0, 0))}
		b := s.paid(event, user, 1)
		s.refused(event.ID, &sale.EditEvent{Patch: lastYear}, models.ErrDateInPast)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.done(event.ID, &sale.EditEvent{Patch: lastYear})
	},

	"what_has_been_over_for_long_cannot_be_cancelled": func(t *testing.T, s *shop) {
		event := s.event(begins(noon.Add(time.Hour)))
		s.clock.set(event.DateTime.Add(theRules.RefundWindow))
		s.refused(event.ID, &sale.CancelEvent{}, models.ErrEventOver)
		s.refused(models.NewID[models.EventID](), &sale.CancelEvent{}, models.ErrEventNotFound)
	},
}

// shrink lowers the capacity step by step while 64 buyers book, and somebody watches the counters.
func shrink(t *testing.T, s *shop) {
	event, user := s.event(tickets(400)), s.user()
	stop := s.sample(event.ID)
	var booked atomic.Int64
	crowd(65, func(i int) {
		for round := range 4 {
			if i == 64 {
				for _, step := range []int64{20, 45, 5, 1} {
					total := 400 - step*int64(round+1)
					v, err := s.try(s.ctx(), event.ID, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: &total}})
					if err != nil || v[0].Err != nil && !errors.Is(v[0].Err, models.ErrCapacityBelowTaken) {
						t.Errorf("lowering the capacity gave %v, %+v", err, v)
					}
				}
				continue
			}
			quantity := int64((i+round)%3 + 1)
			v, err := s.try(s.ctx(), event.ID, reserve(user, quantity))
			switch {
			case err != nil:
				t.Errorf("buyer %d: %v", i, err)
			case v[0].Err == nil:
				booked.Add(quantity)
			}
		}
	})
	stop()
	if got := s.stock(event.ID); got.Held != booked.Load() || got.Held > got.Total {
		t.Errorf("%d tickets were answered as booked; the stock is %+v", booked.Load(), got)
	}
}

// knowsAll fails for a field of an event's patch that a test does not set: what a store forgets to write would pass.
func knowsAll(t *testing.T, patch models.EventPatch, besides ...string) {
	t.Helper()
	value := reflect.ValueOf(patch)
	for i := range value.NumField() {
		if name := value.Type().Field(i).Name; value.Field(i).IsNil() && !slices.Contains(besides, name) {
			t.Errorf("models.EventPatch.%s is not tried here", name)
		}
	}
}
