package repotest

import (
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// bookingRules are the promises of Bookings.
var bookingRules = rules{
	"an_unknown_one_is_not_found": func(t *testing.T, s *shop) {
		for _, id := range []models.BookingID{models.NewID[models.BookingID](), {}} {
			_, err := s.Booking(s.ctx(), models.Everything, id)
			isError(t, "Booking", err, models.ErrBookingNotFound)
		}
	},

	"one_is_found_by_its_key_whatever_its_event": func(t *testing.T, s *shop) {
		event, john, jane := s.event(), s.user(), s.user()
		b := *s.done(event.ID, keyed(event, john, 1, "k")).Booking
		s.done(event.ID, keyed(event, jane, 1, "other"))
		got, err := s.BookingByKey(s.ctx(), models.EventID{}, models.ReplayKey{User: john.ID, Key: "k"})
		s.ok("reading by key", err)
		same(t, "the booking", got, b)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		got, err = s.BookingByKey(s.ctx(), models.EventID{}, models.ReplayKey{User: john.ID, Key: "k"})
		s.ok("reading by key", err)
		same(t, "the booking once cancelled", got, s.booking(b.ID))
		s.book(event, john, 1) // without a key
		for _, key := range []models.ReplayKey{
			{User: jane.ID, Key: "k"}, {User: john.ID, Key: "K"}, {User: john.ID, Key: "other"}, {User: john.ID}, {Key: "k"},
		} {
			_, err := s.BookingByKey(s.ctx(), models.EventID{}, key)
			isError(t, "BookingByKey", err, models.ErrBookingNotFound)
		}
	},

	"a_users_are_listed_newest_first": func(t *testing.T, s *shop) {
		a, b, john, jane := s.event(), s.event(), s.user(), s.user()
		var want []models.Booking
		for i := range 7 {
			want = append(want, s.book([]models.Event{a, b}[i%2], john, 1))
			s.book(a, jane, 1)
			if i == 2 { // room for what follows
				s.done(a.ID, &sale.EditEvent{Patch: models.EventPatch{TotalTickets: new(int64(100))}})
			}
		}
		slices.SortFunc(want, func(x, y models.Booking) int { return y.ID.Compare(x.ID) })
		same(t, "the list", s.bookingsOf(john, ""), want)
		first, err := s.BookingsOfUser(s.ctx(), models.Everything, john.ID, models.BookingFilter{}, models.Page{Limit: 3})
		s.ok("listing", err)
		same(t, "the first three", bookingIDs(first), bookingIDs(want[:3]))
		list := func(page models.Page) ([]models.Booking, error) {
			return s.BookingsOfUser(s.ctx(), models.Everything, john.ID, models.BookingFilter{}, page)
		}
		got := pages(t, 2, list, func(b models.Booking) models.Position { return models.Position{ID: b.ID} }, func() {
			s.book(a, john, 1) // newer than all: never seen
		})
		same(t, "the pages", bookingIDs(got), bookingIDs(want))
		same(t, "nobody's list", len(s.bookingsOf(models.User{ID: models.NewID[models.UserID]()}, "")), 0)
	},

	"a_users_are_picked_by_status": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(100)), s.user()
		byStatus := map[models.Status][]models.Booking{}
		for range 3 {
			ended := s.book(event, user, 1)
			s.done(event.ID, &sale.Cancel{Booking: ended.ID})
			for _, b := range []models.Booking{s.book(event, user, 1), s.paid(event, user, 1), s.booking(ended.ID)} {
				byStatus[b.Status] = append([]models.Booking{b}, byStatus[b.Status]...)
			}
		}
		for status, want := range byStatus {
			same(t, "the list of "+string(status), s.bookingsOf(user, status), want)
			list := func(page models.Page) ([]models.Booking, error) {
				return s.BookingsOfUser(s.ctx(), models.Everything, user.ID, models.BookingFilter{Status: status}, page)
			}
			got := pages(t, 1, list, func(b models.Booking) models.Position { return models.Position{ID: b.ID} }, func() {})
			same(t, "the pages of "+string(status), bookingIDs(got), bookingIDs(want))
		}
	},

	"live_ones_of_an_event_are_listed_by_id": func(t *testing.T, s *shop) {
		event, other, user := s.event(tickets(100)), s.event(), s.user()
		var want []models.BookingID
		for range 3 {
			want = append(want, s.book(event, user, 1).ID, s.paid(event, user, 1).ID)
			ended := s.book(event, user, 1)
			s.done(event.ID, &sale.Cancel{Booking: ended.ID})
			s.book(other, user, 1)
		}
		want = sorted(want...)
		for _, test := range []struct {
			after models.BookingID
			limit int
			want  []models.BookingID
		}{
			{models.BookingID{}, 100, want}, {models.BookingID{}, 2, want[:2]}, {want[1], 3, want[2:5]}, {want[4], 3, want[5:]},
			{want[5], 3, want[6:]},
		} {
			got, err := s.LiveBookings(s.ctx(), event.ID, test.after, test.limit)
			s.ok("listing live bookings", err)
			same(t, "the live bookings", append([]models.BookingID{}, got...), test.want)
		}
		got, err := s.LiveBookings(s.ctx(), models.NewID[models.EventID](), models.BookingID{}, 10)
		if err != nil || len(got) != 0 {
			t.Errorf("an unknown event has live bookings %v, %v", got, err)
		}
	},

	"expired_ones_are_listed_from_the_very_deadline_oldest_first": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		var want []models.BookingRef
		for i := range 4 {
			b := s.book([]models.Event{event, other}[i%2], user, 1)
			want = append(want, b.Ref())
			s.paid(event, user, 1)
			s.clock.Pass(time.Second)
		}
		s.expiredAre(10)
		same(t, "nothing is expired, whatever is left out", len(s.expiredWithout(models.NewID[models.EventID]())), 0)
		s.clock.set(noon.Add(theRules.PaymentDeadline - time.Microsecond))
		s.expiredAre(10)
		s.clock.set(noon.Add(theRules.PaymentDeadline))
		s.expiredAre(10, want[0])
		s.clock.Pass(time.Second)
		s.expiredAre(10, want[:2]...)
		same(t, "all but this event's", s.expiredWithout(models.NewID[models.EventID](), want[0].Event), want[1:2])
		same(t, "all but another event's", s.expiredWithout(models.NewID[models.EventID]()), want[:2])
		s.clock.Pass(time.Hour)
		s.expiredAre(10, want...)
		s.expiredAre(3, want[:3]...)
		s.done(want[0].Event, &sale.Expire{Booking: want[0].Booking})
		s.expiredAre(10, want[1:]...)
	},

	"expired_ones_count_whether_or_not_a_charge_was_started": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		s.charge(b)
		s.clock.Pass(theRules.PaymentDeadline)
		s.expiredAre(10, b.Ref())
	},

	"unpaid_ones_wait_before_their_deadline_without_a_charge": func(t *testing.T, s *shop) {
		event, free, user := s.event(tickets(100)), s.event(price(0, "USD")), s.user()
		first := s.book(event, user, 1)
		s.clock.Pass(time.Second)
		charged, ended, gratis := s.book(event, user, 1), s.book(event, user, 1), s.book(free, user, 1)
		s.paid(event, user, 1)
		s.charge(charged)
		s.done(event.ID, &sale.Cancel{Booking: ended.ID})
		s.clock.Pass(time.Second)
		last := s.book(event, user, 1)
		same(t, "the unpaid", s.unpaid(nil, 10), []models.Booking{first, gratis, last})
		s.clock.set(first.PaymentDeadline.Add(-time.Microsecond))
		same(t, "the unpaid just before the first deadline", bookingIDs(s.unpaid(nil, 10)), bookingIDs([]models.Booking{first, gratis, last}))
		s.clock.set(first.PaymentDeadline)
		same(t, "the unpaid at the first deadline", bookingIDs(s.unpaid(nil, 10)), bookingIDs([]models.Booking{gratis, last}))
	},

	"free_ones_are_listed_without_those_before_them_that_cost_something": func(t *testing.T, s *shop) {
		event, free, user := s.event(tickets(100)), s.event(price(0, "USD")), s.user()
		var want []models.Booking
		for range 3 {
			s.book(event, user, 1)
			want = append(want, s.book(free, user, 2))
			s.clock.Pass(time.Second)
		}
		ended, confirmed := s.book(free, user, 1), s.book(free, user, 1)
		s.done(free.ID, &sale.Cancel{Booking: ended.ID})
		s.done(free.ID, &sale.ConfirmFree{Booking: confirmed.ID})
		same(t, "the first", s.free(nil, 1), want[:1])
		same(t, "those after it", s.free(&models.Position{Time: want[0].PaymentDeadline, ID: want[0].ID}, all), want[1:])
		s.clock.set(want[0].PaymentDeadline)
		same(t, "the free at the first deadline", s.free(nil, all), want[1:])
	},

	"unpaid_ones_are_listed_by_deadline_and_id": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(100)), s.user()
		var want []models.BookingID
		for range 3 {
			var group []models.BookingID
			for range 3 {
				group = append(group, s.book(event, user, 1).ID)
			}
			want = append(want, sorted(group...)...)
			s.clock.Pass(time.Microsecond)
		}
		list := func(page models.Page) ([]models.Booking, error) {
			return s.UnpaidBookings(s.ctx(), page.After, page.Limit)
		}
		got := pages(t, 2, list, func(b models.Booking) models.Position {
			return models.Position{Time: b.PaymentDeadline, ID: b.ID}
		}, func() { s.clock.Pass(time.Microsecond) })
		same(t, "the pages", bookingIDs(got), want)
	},
}

func (s *shop) bookingsOf(user models.User, status models.Status) []models.Booking {
	s.t.Helper()
	list, err := s.BookingsOfUser(s.ctx(), models.Everything, user.ID, models.BookingFilter{Status: status},
		models.Page{Limit: all})
	s.ok("listing bookings", err)
	return list
}

// expiredWithout lists expired bookings of all but some events.
func (s *shop) expiredWithout(except ...models.EventID) []models.BookingRef {
	s.t.Helper()
	got, err := s.ExpiredBookings(s.ctx(), all, except)
	s.ok("listing expired bookings", err)
	return got
}

func (s *shop) expiredAre(limit int, want ...models.BookingRef) {
	s.t.Helper()
	got, err := s.ExpiredBookings(s.ctx(), limit, nil)
	s.ok("listing expired bookings", err)
	same(s.t, "the expired bookings", append([]models.BookingRef{}, got...), append([]models.BookingRef{}, want...))
}

func (s *shop) free(after *models.Position, limit int) []models.Booking {
	s.t.Helper()
	list, err := s.FreeBookings(s.ctx(), after, limit)
	s.ok("listing free bookings", err)
	return list
}

func (s *shop) unpaid(after *models.Position, limit int) []models.Booking {
	s.t.Helper()
	list, err := s.UnpaidBookings(s.ctx(), after, limit)
	s.ok("listing unpaid bookings", err)
	return list
}
