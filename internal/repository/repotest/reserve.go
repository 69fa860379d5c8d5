package repotest

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/payments/simulator"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// reserveRules are the promises on taking tickets.
var reserveRules = rules{
	"is_written_as_it_was_answered": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		command := keyed(event, user, 3, `a key "of" ~ printable ASCII`)
		command.Method = simulator.Flaky
		s.clock.Pass(time.Second)
		got := *s.done(event.ID, command).Booking
		at := noon.Add(time.Second)
		same(t, "the booking", got, models.Booking{
			ID: command.Booking, UserID: user.ID, EventID: event.ID, Quantity: 3, Status: models.StatusPending,
			UnitPrice: models.Money{Minor: 2500, Currency: "USD"}, TotalAmount: models.Money{Minor: 7500, Currency: "USD"},
			PaymentMethod: simulator.Flaky, PaymentDeadline: at.Add(15 * time.Minute),
			IdempotencyKey: command.Key, RequestHash: command.Hash, CreatedAt: at, UpdatedAt: at,
		})
		for _, at := range []time.Time{got.PaymentDeadline, s.booking(got.ID).PaymentDeadline, s.booking(got.ID).CreatedAt} {
			isInstant(t, "a time of the booking", at)
		}
	},

	"without_a_key_the_hash_is_kept_as_it_came": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		a, b := reserve(user, 1), reserve(user, 1)
		b.Hash = models.HashRequest(event.ID, user.ID, 1, simulator.OK)
		s.done(event.ID, a)
		s.done(event.ID, b) // two without a key are no duplicates
	},

	"a_refused_one_leaves_nothing_behind": refusedReservations,

	"sells_to_the_last_microsecond": func(t *testing.T, s *shop) {
		event, user := s.event(begins(noon.Add(time.Hour))), s.user()
		s.clock.set(event.DateTime.Add(-time.Microsecond))
		s.book(event, user, 1)
		s.clock.set(event.DateTime)
		s.refused(event.ID, reserve(user, 1), models.ErrEventStarted)
	},

	"an_unknown_user_is_refused_alone": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		stranger := models.User{ID: models.NewID[models.UserID]()}
		verdicts := s.ask(event.ID, reserve(user, 1), reserve(stranger, 2), reserve(user, 3))
		if verdicts[0].Err != nil || !errors.Is(verdicts[1].Err, models.ErrUserNotFound) || verdicts[2].Err != nil {
			t.Fatalf("the verdicts are %+v", verdicts)
		}
		if got := s.stock(event.ID); got.Held != 4 || got.Pending != 2 {
			t.Errorf("the stock is %+v; want 4 tickets in 2 bookings", got)
		}
		_, err := s.Booking(s.ctx(), models.Everything, verdicts[0].Booking.ID)
		s.ok("reading a booking beside a refused one", err)
	},

	"fills_to_the_last_ticket_and_no_further": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(50)), s.user()
		taken := int64(0)
		for i := range 40 {
			quantity := int64(i%4 + 1)
			v := s.ask(event.ID, reserve(user, quantity))[0]
			switch fits := taken+quantity <= 50; {
			case fits && v.Err == nil:
				taken += quantity
			case fits || v.Err == nil || v.Err.Attrs["available"] != 50-taken:
				t.Fatalf("with %d of 50 taken, %d gave %v", taken, quantity, v.Err)
			}
		}
		same(t, "what is available", s.stock(event.ID).Available, 0)
		s.refused(event.ID, reserve(user, 1), models.ErrSoldOut)
	},

	"an_exact_fill_at_once_is_sold_out": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(64)), s.user()
		var failed atomic.Int32
		crowd(64, func(int) {
			if v, err := s.try(s.ctx(), event.ID, reserve(user, 1)); err != nil || v[0].Err != nil {
				failed.Add(1)
			}
		})
		if failed.Load() != 0 || s.stock(event.ID).Available != 0 {
			t.Errorf("%d of 64 buyers of 64 places got none; the stock is %+v", failed.Load(), s.stock(event.ID))
		}
		s.refused(event.ID, reserve(user, 1), models.ErrSoldOut)
	},

	"64_buyers_of_mixed_quantities_get_exactly_what_is_there": rush,

	"many_events_sell_at_once": manyEvents,

	"a_known_key_gives_the_first_answer_again": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		command := keyed(event, user, 10, "k")
		first := *s.done(event.ID, command).Booking
		again := func(when string) {
			t.Helper()
			v := s.stays(event.ID, keyed(event, user, 10, "k"))
			if !v.Replayed {
				t.Errorf("%s: the answer is not marked as given again", when)
			}
			same(t, "the answer given again "+when, *v.Booking, first)
		}
		again("when sold out")
		s.clock.Pass(time.Minute)
		s.settle(s.charge(first).ChargeKey, models.OutcomeSucceeded)
		again("when confirmed")
		s.done(event.ID, &sale.Cancel{Booking: first.ID})
		again("when cancelled")
		s.done(event.ID, &sale.CancelEvent{})
		again("when the event is cancelled")
		s.clock.Pass(48 * time.Hour)
		again("when the event has begun")
		s.done(event.ID, &sale.DeleteEvent{})
		again("when the event is deleted")
		s.ok("deleting the user", s.DeleteUser(s.ctx(), models.Everything, user.ID, nil, 0))
		if v := s.ask(event.ID, keyed(event, user, 10, "k"))[0]; !v.Replayed {
			t.Errorf("when the user is deleted: the verdict is %+v", v)
		}
	},

	"a_key_used_for_another_request_is_refused": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		s.done(event.ID, keyed(event, user, 2, "k"))
		s.refused(event.ID, keyed(event, user, 3, "k"), models.ErrKeyReused)
		s.refused(other.ID, keyed(other, user, 2, "k"), models.ErrKeyReused)
	},

	"keys_of_different_users_and_different_keys_never_meet": func(t *testing.T, s *shop) {
		event, john, jane := s.event(), s.user(), s.user()
		for _, command := range []sale.Command{
			keyed(event, john, 1, "k"), keyed(event, jane, 1, "k"), keyed(event, john, 1, "K"), keyed(event, john, 1, "k "),
		} {
			if v := s.done(event.ID, command); v.Replayed {
				t.Errorf("%+v was taken for another's", command)
			}
		}
	},

	"duplicates_inside_a_batch_are_one": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		verdicts := s.ask(event.ID, keyed(event, user, 4, "k"), keyed(event, user, 4, "k"), keyed(event, user, 5, "k"),
			keyed(event, user, 4, "k"))
		if verdicts[0].Replayed || !verdicts[1].Replayed || !errors.Is(verdicts[2].Err, models.ErrKeyReused) ||
			!verdicts[3].Replayed {
			t.Fatalf("the verdicts are %+v", verdicts)
		}
		same(t, "the second answer", *verdicts[1].Booking, *verdicts[0].Booking)
		same(t, "the tickets held", s.stock(event.ID).Held, 4)
	},

	"a_refusal_is_not_remembered_under_its_key": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 10)
		s.refused(event.ID, keyed(event, user, 1, "k"), models.ErrSoldOut)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		if v := s.done(event.ID, keyed(event, user, 1, "k")); v.Replayed {
			t.Error("a refused request was taken for a first answer")
		}
	},

	"of_fifty_duplicates_at_once_one_books": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		var booked, replayed atomic.Int32
		bookings := make([]models.BookingID, 50)
		crowd(50, func(i int) {
			v, err := s.try(s.ctx(), event.ID, keyed(event, user, 2, "k"))
			switch {
			case err != nil || v[0].Err != nil:
				t.Errorf("duplicate %d gave %v, %+v", i, err, v)
				return
			case v[0].Replayed:
				replayed.Add(1)
			default:
				booked.Add(1)
			}
			bookings[i] = v[0].Booking.ID
		})
		if booked.Load() != 1 || replayed.Load() != 49 || s.stock(event.ID).Held != 2 {
			t.Errorf("%d booked and %d were told so again; want 1 and 49", booked.Load(), replayed.Load())
		}
		for _, id := range bookings {
			same(t, "the answered id", id, bookings[0])
		}
	},

	"a_key_that_slipped_past_the_look_up_is_refused_by_the_database": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		s.done(event.ID, keyed(event, user, 2, "k"))
		slip := func(e models.Event, command *sale.Reserve) error {
			return s.AtDesk(s.ctx(), e.ID, models.NewID[models.BatchID](), sale.Reads{Users: []models.UserID{user.ID}},
				decideAll([]sale.Command{command}))
		}
		s.leavesNothing(func() {
			err := slip(event, keyed(event, user, 2, "k"))
			if !errors.Is(err, repository.ErrRejected) && !errors.Is(err, repository.ErrConflict) {
				t.Errorf("the desk gave %v; want ErrRejected, or ErrConflict", err)
			}
		})
		// For another event the look-up is all there is (two desks may miss each other); each then replays its own.
		second := keyed(other, user, 2, "k")
		s.ok("the other event's desk", slip(other, second))
		for _, e := range []models.Event{event, other} {
			v := s.stays(e.ID, keyed(e, user, 2, "k"))
			if !v.Replayed || v.Booking.EventID != e.ID {
				t.Errorf("the key gave %+v; want this event's booking", v)
			}
		}
	},
}

// refusedReservations: each for its reason, and in each case nothing is written.
func refusedReservations(t *testing.T, s *shop) {
	user := s.user()
	gone := s.user()
	s.ok("deleting a user", s.DeleteUser(s.ctx(), models.Everything, gone.ID, nil, 0))
	full, few, deleted, cancelled := s.event(), s.event(), s.event(), s.event()
	s.book(full, user, 10)
	s.book(few, user, 8)
	s.done(deleted.ID, &sale.DeleteEvent{})
	s.done(cancelled.ID, &sale.CancelEvent{})
	ended := s.event(func(d *models.EventDraft) { d.SalesEnd = noon })
	late := s.event(begins(noon.Add(-time.Hour)), func(d *models.EventDraft) { d.SalesEnd = noon.Add(time.Microsecond) })
	s.book(late, user, 1)
	for _, test := range []struct {
		event   models.EventID
		command sale.Command
		want    *models.Error
	}{
		{models.NewID[models.EventID](), reserve(user, 1), models.ErrEventNotFound},
		{deleted.ID, reserve(user, 1), models.ErrEventNotFound},
		{cancelled.ID, reserve(user, 1), models.ErrEventCancelled},
		{s.event(begins(noon)).ID, reserve(user, 1), models.ErrEventStarted},
		{s.event(begins(noon.Add(-time.Hour))).ID, reserve(user, 1), models.ErrEventStarted},
		{ended.ID, reserve(user, 1), models.ErrSalesEnded},
		{s.event().ID, reserve(gone, 1), models.ErrUserNotFound},
		{s.event().ID, reserve(models.User{ID: models.NewID[models.UserID]()}, 1), models.ErrUserNotFound},
		{full.ID, reserve(user, 1), models.ErrSoldOut},
		{few.ID, reserve(user, 3), models.ErrInsufficientTickets},
		{full.ID, keyed(full, user, 1, "k"), models.ErrSoldOut},
	} {
		s.refused(test.event, test.command, test.want)
	}
}

// rush is an on-sale: 64 buyers take mixed quantities until nothing is left, while somebody watches the counters.
func rush(t *testing.T, s *shop) {
	const places = 500
	event := s.event(tickets(places))
	users := []models.User{s.user(), s.user(), s.user(), s.user()}
	stop := s.sample(event.ID)
	var sold atomic.Int64
	crowd(64, func(buyer int) {
		for round := 0; ; round++ {
			quantity := int64((buyer+round)%7 + 1)
			v, err := s.try(s.ctx(), event.ID, reserve(users[buyer%len(users)], quantity))
			switch {
			case err != nil:
				t.Errorf("buyer %d: %v", buyer, err)
				return
			case v[0].Err == nil:
				sold.Add(quantity)
			case errors.Is(v[0].Err, models.ErrSoldOut):
				return
			case !errors.Is(v[0].Err, models.ErrInsufficientTickets):
				t.Errorf("buyer %d was refused: %v", buyer, v[0].Err)
				return
			}
		}
	})
	stop()
	if got := s.stock(event.ID); sold.Load() != places || got.Held != places || got.Available != 0 {
		t.Errorf("%d tickets were sold of %d; the stock is %+v", sold.Load(), places, got)
	}
}

// manyEvents sells several events in batches, from every side and to the same users: no deadlock may come through.
func manyEvents(t *testing.T, s *shop) {
	var events []models.Event
	for i := range 8 {
		events = append(events, s.event(tickets(300), func(d *models.EventDraft) { d.Name = fmt.Sprint("Event ", i) }))
	}
	users := []models.User{s.user(), s.user(), s.user()}
	crowd(16, func(i int) {
		for round := range 8 {
			a, b := users[(i+round)%3], users[(i+round+1)%3]
			v, err := s.try(s.ctx(), events[(i*3+round)%len(events)].ID, reserve(a, 1), reserve(b, 2))
			if err != nil || v[0].Err != nil || v[1].Err != nil {
				t.Errorf("buyer %d: %v, %+v", i, err, v)
			}
		}
	})
	var held int64
	for _, e := range events {
		held += s.stock(e.ID).Held
	}
	same(t, "the tickets held in all", held, 16*8*3)
}
