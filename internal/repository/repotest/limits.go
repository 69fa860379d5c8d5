package repotest

import (
	"testing"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// theLimit is how many tickets of an event a user of these tests may hold.
const theLimit = 4

// limitRules are the promises on how many tickets of an event one user may hold, and on the rows that say so: they are
// exact wherever they are, whatever the settings of the processes that sell.
var limitRules = rules{
	"a_user_may_hold_only_so_many": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		limited := s.limited()
		limited.over(event, reserve(user, 5), 0)
		same(t, "the rows of who has nothing", s.rows(), kept{})
		limited.book(event, user, 3)
		limited.over(event, reserve(user, 2), 3)
		limited.book(event, user, 1)
		limited.over(event, reserve(user, 1), 4)
		same(t, "the rows", s.rows(), kept{1, 4})
		limited.book(other, user, 4)
		limited.book(event, s.user(), 4)
		same(t, "the rows of all", s.rows(), kept{3, 12})
	},

	"requests_of_one_batch_see_each_other": func(t *testing.T, s *shop) {
		event, user, friend := s.event(), s.user(), s.user()
		limited := s.limited()
		first := limited.book(event, user, 2)
		v := limited.ask(event.ID, reserve(user, 2), reserve(user, 1), &sale.Cancel{Booking: first.ID}, reserve(friend, 3),
			reserve(user, 3), reserve(user, 2), reserve(friend, 2), reserve(friend, 1))
		for i, wants := range []*models.Error{
			nil, models.ErrUserLimitReached, nil, nil, models.ErrUserLimitReached, nil, models.ErrUserLimitReached, nil,
		} {
			if wants == nil != (v[i].Err == nil) || wants != nil && !wants.Is(v[i].Err) {
				t.Errorf("command %d gave %v; want %v", i, v[i].Err, wants)
			}
		}
		same(t, "the rows", s.rows(), kept{2, 8})
	},

	"reasons_come_in_their_order": func(t *testing.T, s *shop) {
		user, limited := s.user(), s.limited()
		event, few, over := s.event(), s.event(tickets(3)), s.event(begins(noon))
		command := keyed(event, user, 4, "k")
		limited.done(event.ID, command)
		if v := limited.stays(event.ID, keyed(event, user, 4, "k")); !v.Replayed {
			t.Errorf("a known key gave %+v", v)
		}
		limited.refused(event.ID, keyed(event, user, 5, "k"), models.ErrKeyReused)
		limited.refused(models.NewID[models.EventID](), reserve(user, 5), models.ErrEventNotFound)
		limited.refused(event.ID, reserve(models.User{ID: models.NewID[models.UserID]()}, 5), models.ErrUserNotFound)
		limited.refused(over.ID, reserve(user, 5), models.ErrEventStarted)
		limited.refused(few.ID, reserve(user, 5), models.ErrUserLimitReached)
		limited.refused(few.ID, reserve(user, 4), models.ErrInsufficientTickets)
	},

	"bookings_from_before_count": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		s.book(event, user, 1)
		s.paid(event, user, 1)
		s.done(event.ID, &sale.Cancel{Booking: s.book(event, user, 2).ID})
		s.book(other, user, 4)
		s.book(event, s.user(), 4)
		same(t, "the rows of an event that nobody counts", s.rows(), kept{})
		limited := s.limited()
		limited.over(event, reserve(user, 3), 2)
		limited.book(event, user, 2)
		limited.over(event, reserve(user, 1), 4)
		same(t, "the rows", s.rows(), kept{1, 4})
	},

	"what_ends_is_given_back":                           limitGivesBack,
	"a_late_payment_counts_again_whatever_the_limit":    limitAndLatePayments,
	"processes_with_other_settings_keep_the_rows":       limitAndOthers,
	"a_process_that_knows_of_no_rows_makes_them_void":   limitAndStrangers,
	"who_is_erased_and_what_is_deleted_keep_their_rows": limitAndTheGone,
	"64_at_once_never_hold_more":                        limitRush,
	"bookings_that_come_and_go_at_once_are_counted":     limitRace,

	"a_batch_that_is_undone_counts_nothing": func(t *testing.T, s *shop) {
		event, user, limited := s.event(), s.user(), s.limited()
		limited.book(event, user, 1)
		s.leavesNothing(func() {
			twice := reserve(user, 1)
			again := *twice
			if _, err := limited.try(s.ctx(), event.ID, twice, &again); err == nil {
				t.Error("two bookings with one id were written")
			}
		})
		same(t, "the rows", s.rows(), kept{1, 1})
	},

	"the_audit_finds_a_wrong_row": func(t *testing.T, s *shop) {
		event, user, limited := s.event(), s.user(), s.limited()
		b := limited.book(event, user, 3)
		s.tampered = true
		for _, sql := range []string{"UPDATE customer_stock SET live = 4", "UPDATE customer_stock SET live = 0"} {
			s.ok(sql, s.exec(s.ctx(), sql))
			same(t, "what the audit finds", s.differences(event.ID), []string{"customer_stock"})
		}
		if err := s.exec(s.ctx(), "UPDATE customer_stock SET live = -1"); err == nil {
			t.Error("the database let a user hold less than nothing")
		}
		s.ok("removing the row", s.exec(s.ctx(), "DELETE FROM customer_stock"))
		same(t, "what the audit finds where there is no row", s.differences(event.ID), []string{})
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		limited.book(event, user, 4)
		same(t, "the rows", s.rows(), kept{1, 4})
	},
}

// limitGivesBack ends bookings in all ways, one after the other: each time the user may book as many again.
func limitGivesBack(t *testing.T, s *shop) {
	event, user, limited := s.event(tickets(100)), s.user(), s.limited()
	for name, end := range map[string]func(b models.Booking){
		"cancelled": func(b models.Booking) { s.done(event.ID, &sale.Cancel{Booking: b.ID}) },
		"paid and cancelled": func(b models.Booking) {
			s.settle(s.charge(b).ChargeKey, models.OutcomeSucceeded)
			limited.over(event, reserve(user, 1), theLimit)
			limited.done(event.ID, &sale.Cancel{Booking: b.ID})
		},
		"declined": func(b models.Booking) { limited.settle(s.charge(b).ChargeKey, models.OutcomeDeclined) },
		"expired": func(b models.Booking) {
			s.clock.Pass(theRules.PaymentDeadline)
			s.done(event.ID, &sale.Expire{Booking: b.ID})
		},
	} {
		b := limited.book(event, user, theLimit)
		same(t, "the rows of one to be "+name, s.rows(), kept{1, theLimit})
		limited.over(event, reserve(user, 1), theLimit)
		end(b)
		same(t, "the rows of one that was "+name, s.rows(), kept{1, 0})
	}
	last := limited.book(event, user, theLimit)
	s.done(event.ID, &sale.CancelEvent{})
	s.done(event.ID, &sale.CancelForEvent{Booking: last.ID})
	same(t, "the rows of an event that was called off", s.rows(), kept{1, 0})
}

// limitAndLatePayments: the money was taken, and the tickets are there.
func limitAndLatePayments(t *testing.T, s *shop) {
	event, user, limited := s.event(), s.user(), s.limited()
	late := limited.book(event, user, 3)
	key := s.charge(late).ChargeKey
	s.clock.Pass(theRules.PaymentDeadline)
	limited.done(event.ID, &sale.Expire{Booking: late.ID})
	limited.book(event, user, theLimit)
	if b := limited.settle(key, models.OutcomeSucceeded).Booking; b.Status != models.StatusConfirmed {
		t.Fatalf("the booking is %s", b.Status)
	}
	limited.over(event, reserve(user, 1), 7)
	same(t, "the rows", s.rows(), kept{1, 7})
	s.done(event.ID, &sale.Cancel{Booking: late.ID})
	limited.over(event, reserve(user, 1), 4)
}

// limitAndOthers has a process without a limit sell the same event: it refuses nobody, and counts.
func limitAndOthers(t *testing.T, s *shop) {
	event, user, friend, limited := s.event(tickets(100)), s.user(), s.user(), s.limited()
	limited.book(event, user, 2)
	more := s.book(event, user, 5)
	same(t, "the rows", s.rows(), kept{1, 7})
	limited.over(event, reserve(user, 1), 7)
	s.done(event.ID, &sale.Cancel{Booking: more.ID})
	limited.book(event, user, 2)
	s.book(event, friend, 3) // who was never counted, and is when the limit is asked for
	same(t, "the rows", s.rows(), kept{1, 4})
	v := s.ask(event.ID, reserve(user, 1), reserve(friend, 1), reserve(user, 2))
	s.done(event.ID, &sale.Cancel{Booking: v[0].Booking.ID})
	same(t, "the rows", s.rows(), kept{1, 6})
	limited.over(event, reserve(friend, 1), 4)
	limited.done(event.ID, &sale.Cancel{Booking: v[1].Booking.ID})
	limited.book(event, friend, 1)
	same(t, "the rows of both", s.rows(), kept{2, 10})
}

// limitAndStrangers: an older program, say, during a deployment or after it was taken back. It moves the journal on,
// and leaves where the counting was.
func limitAndStrangers(t *testing.T, s *shop) {
	event, user, friend, limited := s.event(tickets(100)), s.user(), s.user(), s.limited()
	limited.book(event, user, 2)
	limited.book(event, friend, 3)
	s.ok("selling past the counting", s.exec(s.ctx(), "UPDATE {stock} SET counted_seq = counted_seq - 1"))
	s.ok("changing rows", s.exec(s.ctx(), "UPDATE customer_stock SET live = 9"))
	same(t, "whether the event counts", s.read(event.ID).CountsUsers, false)
	same(t, "what the audit finds", s.differences(event.ID), []string{})
	s.book(event, user, 1)
	same(t, "the rows that nobody believes", s.rows(), kept{2, 18})
	limited.over(event, reserve(user, 2), 3)
	limited.book(event, user, 1)
	same(t, "the rows, counted anew", s.rows(), kept{1, 4})
	limited.over(event, reserve(friend, 2), 3)
	limited.book(event, friend, 1)
	same(t, "the rows of both", s.rows(), kept{2, 8})
}

// limitAndTheGone: rows go with the bookings, and bookings stay.
func limitAndTheGone(t *testing.T, s *shop) {
	event, user, limited := s.event(), s.user(), s.limited()
	b := limited.paid(event, user, 2)
	s.clock.set(event.DateTime.Add(theRules.RefundWindow))
	s.ok("erasing the user", s.DeleteUser(s.ctx(), models.Everything, user.ID, nil, theRules.RefundWindow))
	same(t, "the rows of one who was erased", s.rows(), kept{1, 2})
	s.done(event.ID, &sale.DeleteEvent{})
	same(t, "the rows of a deleted event", s.rows(), kept{1, 2})
	limited.done(event.ID, movement(b, "by hand", 1000, models.MovementDone))
	same(t, "the rows after the event's last news", s.rows(), kept{1, 2})
	for _, sql := range []string{"DELETE FROM users", "DELETE FROM events"} {
		if err := s.exec(s.ctx(), sql); err == nil {
			t.Errorf("%s: what rows refer to was removed", sql)
		}
	}
}

// limitRush has one user ask from 64 sides at once for one to three tickets, and cancel some, through a process with
// the limit: never more than four are held at a time, and four in the end.
func limitRush(t *testing.T, s *shop) {
	event, user, limited := s.event(tickets(1000)), s.user(), s.limited()
	stop := s.sample(event.ID, func(e models.Event) {
		if e.Stock.Taken() > theLimit {
			t.Errorf("%d tickets are held", e.Stock.Taken())
		}
	})
	crowd(64, func(i int) {
		for round := range 6 {
			quantity := int64((i+round)%3 + 1)
			v, err := limited.try(s.ctx(), event.ID, reserve(user, quantity))
			switch {
			case err != nil:
				t.Errorf("client %d: %v", i, err)
			case v[0].Err == nil:
				if _, err := limited.try(s.ctx(), event.ID, &sale.Cancel{Booking: v[0].Booking.ID}); err != nil {
					t.Errorf("client %d cancels: %v", i, err)
				}
			case !models.ErrUserLimitReached.Is(v[0].Err):
				t.Errorf("client %d was refused: %v", i, v[0].Err)
			}
		}
		for { // who gets the last ones keeps them
			v, err := limited.try(s.ctx(), event.ID, reserve(user, 1))
			if err != nil || v[0].Err != nil {
				return
			}
		}
	})
	stop()
	same(t, "the tickets held in the end", s.stock(event.ID).Held, theLimit)
	same(t, "the rows in the end", s.rows(), kept{1, theLimit})
}

// limitRace has one user's bookings made, cancelled and expired at the same time, by processes with the limit and
// without.
func limitRace(t *testing.T, s *shop) {
	event, user, limited := s.event(tickets(1000)), s.user(), s.limited()
	before := []models.Booking{limited.book(event, user, 1)}
	for range 39 {
		before = append(before, s.book(event, user, 1))
	}
	s.clock.Pass(theRules.PaymentDeadline)
	limited.over(event, reserve(user, 1), 40)
	desks := [2]*shop{s, limited}
	crowd(40, func(i int) {
		for _, command := range []sale.Command{
			&sale.Cancel{Booking: before[i].ID}, reserve(user, 1), &sale.Expire{Booking: before[39-i].ID}, reserve(user, 2),
		} {
			if _, err := desks[i%2].try(s.ctx(), event.ID, command); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		}
	})
	held := s.held(event.ID, user.ID)
	same(t, "the rows", s.rows(), kept{1, held})
	same(t, "the tickets held", s.stock(event.ID).Held, held)
	limited.refused(event.ID, reserve(user, theLimit), models.ErrUserLimitReached)
}

// limited is a process with the limit on the same store.
func (s *shop) limited() *shop {
	return &shop{
		Store: s.Store, t: s.t, clock: s.clock, open: s.open, shared: true, limit: theLimit, events: s.events, users: s.users,
	}
}

// over decides a request that must be refused because its user holds so many already.
func (s *shop) over(event models.Event, command *sale.Reserve, live int64) {
	s.t.Helper()
	v := s.refused(event.ID, command, models.ErrUserLimitReached)
	same(s.t, "what the refusal tells", v.Err.Attrs, map[string]any{
		"limit": s.limit, "live": live, "available": max(0, s.limit-live),
	})
}

// kept is how many rows of customer_stock there are, and what they add up to.
type kept struct{ Rows, Live int64 }

func (s *shop) rows() (k kept) {
	s.t.Helper()
	var err error
	k.Rows, err = s.Number(s.ctx(), "SELECT count(*) FROM customer_stock")
	s.ok("counting rows", err)
	k.Live, err = s.Number(s.ctx(), "SELECT coalesce(sum(live), 0) FROM customer_stock")
	s.ok("adding rows up", err)
	return k
}

// held adds up a user's live bookings of an event.
func (s *shop) held(event models.EventID, user models.UserID) (n int64) {
	s.t.Helper()
	list, err := s.BookingsOfUser(s.ctx(), models.Everything, user, models.BookingFilter{}, models.Page{Limit: all})
	s.ok("listing bookings", err)
	for _, b := range list {
		if b.EventID == event && b.Status != models.StatusCancelled {
			n += b.Quantity
		}
	}
	return n
}

// rules are what the shop's desk decides by.
func (s *shop) rules() sale.Rules {
	r := theRules
	r.MaxLivePerUser = s.limit
	return r
}
