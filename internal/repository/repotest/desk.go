package repotest

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// deskRules are the promises of AtDesk itself; the commands have files of their own.
var deskRules = rules{
	"decide_is_called_once_even_without_an_event": func(t *testing.T, s *shop) {
		calls := 0
		err := s.AtDesk(s.ctx(), models.NewID[models.EventID](), models.NewID[models.BatchID](), sale.Reads{},
			func(state *sale.State) {
				calls++
				if state.Event != nil {
					t.Errorf("the state holds event %+v; there is none", state.Event)
				}
			})
		if err != nil || calls != 1 {
			t.Fatalf("AtDesk gave %v after %d calls of decide", err, calls)
		}
	},

	"reads_the_event_with_its_counters_and_the_stores_clock": func(t *testing.T, s *shop) {
		event := s.event()
		s.book(event, s.user(), 3)
		s.clock.Pass(time.Minute)
		want := s.read(event.ID)
		s.look(event.ID, sale.Reads{}, func(state *sale.State) {
			same(t, "the event at the desk", *state.Event, want)
			same(t, "the time at the desk", state.Now, noon.Add(time.Minute))
			isInstant(t, "the time at the desk", state.Now)
			isInstant(t, "the event's time", state.Event.DateTime)
		})
	},

	"reads_deleted_and_cancelled_events": func(t *testing.T, s *shop) {
		event := s.event()
		s.done(event.ID, &sale.CancelEvent{})
		s.clock.Pass(time.Second)
		s.done(event.ID, &sale.DeleteEvent{})
		s.look(event.ID, sale.Reads{}, func(state *sale.State) {
			if !state.Event.CancelledAt.Equal(noon) || !state.Event.DeletedAt.Equal(noon.Add(time.Second)) {
				t.Errorf("the desk reads %+v", state.Event)
			}
		})
	},

	"reads_only_users_who_are_there": func(t *testing.T, s *shop) {
		event, here, gone, never := s.event(), s.user(), s.user(), models.NewID[models.UserID]()
		s.ok("deleting a user", s.DeleteUser(s.ctx(), models.Everything, gone.ID, nil, 0))
		need := sale.Reads{Users: []models.UserID{never, here.ID, gone.ID, here.ID}}
		s.look(event.ID, need, func(state *sale.State) {
			if !state.Users[here.ID] || state.Users[gone.ID] || state.Users[never] {
				t.Errorf("the desk reads users %v; want only %s", state.Users, here.ID)
			}
		})
	},

	"reads_the_bookings_asked_for_and_only_of_its_event": func(t *testing.T, s *shop) {
		event, other, user := s.event(), s.event(), s.user()
		mine, foreign := s.book(event, user, 2), s.book(other, user, 3)
		s.book(event, user, 1)
		paid := s.paid(event, user, 1)
		need := sale.Reads{Bookings: []models.BookingID{
			mine.ID, foreign.ID, paid.ID, mine.ID, models.NewID[models.BookingID](),
		}}
		s.look(event.ID, need, func(state *sale.State) {
			if len(state.Bookings) != 2 || state.Bookings[mine.ID] == nil || state.Bookings[paid.ID] == nil {
				t.Fatalf("the desk reads %d bookings; want the two asked for", len(state.Bookings))
			}
			same(t, "the booking at the desk", *state.Bookings[mine.ID], mine)
			same(t, "the paid booking at the desk", *state.Bookings[paid.ID], paid)
			if len(state.Charges)+len(state.Refunds) != 0 {
				t.Errorf("the desk reads money that nobody asked for: %v", state.Charges)
			}
		})
	},

	"reads_the_money_of_the_bookings_asked_for": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		paid, open, ended := s.paid(event, user, 1), s.book(event, user, 1), s.paid(event, user, 2)
		s.charge(open)
		s.done(event.ID, &sale.Cancel{Booking: ended.ID})
		ids := []models.BookingID{open.ID, ended.ID, ended.ID}
		s.look(event.ID, sale.Reads{Bookings: append(ids, paid.ID), Money: ids}, func(state *sale.State) {
			if len(state.Charges) != 2 || len(state.Refunds) != 1 {
				t.Fatalf("the desk reads %d charges and %d refunds; want 2 and 1", len(state.Charges), len(state.Refunds))
			}
			for _, b := range []models.Booking{open, ended} {
				charges, refunds := s.money(b)
				same(t, "the charge at the desk", *state.Charges[models.FirstCharge(b.Ref())], charges[0])
				for _, r := range refunds {
					same(t, "the refund at the desk", *state.Refunds[r.Key()], r)
				}
			}
		})
	},

	"reads_bookings_by_their_keys": func(t *testing.T, s *shop) {
		event, other, john, jane := s.event(), s.event(), s.user(), s.user()
		mine := s.done(event.ID, keyed(event, john, 1, "a")).Booking
		foreign := s.done(other.ID, keyed(other, john, 2, "b")).Booking
		s.done(event.ID, keyed(event, jane, 1, "c"))
		key := func(u models.User, key string) models.ReplayKey { return models.ReplayKey{User: u.ID, Key: key} }
		need := sale.Reads{Keys: []models.ReplayKey{
			key(john, "a"), key(john, "b"), key(john, "c"), key(jane, "a"), key(john, "a"),
		}}
		s.look(event.ID, need, func(state *sale.State) {
			if len(state.Keys) != 2 {
				t.Fatalf("the desk reads %d bookings by key; want 2", len(state.Keys))
			}
			same(t, "the booking of this event", *state.Keys[key(john, "a")], *mine)
			same(t, "the booking of another event", *state.Keys[key(john, "b")], *foreign)
		})
	},

	"gives_maps_that_can_be_written_to": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		s.look(event.ID, sale.Reads{Users: []models.UserID{user.ID}}, func(state *sale.State) {
			if state.Keys == nil || state.Bookings == nil || state.Charges == nil || state.Refunds == nil {
				t.Error("a map of the state is nil; the rules write to it")
			}
		})
	},

	"writes_nothing_without_changes": func(t *testing.T, s *shop) {
		event := s.event()
		s.book(event, s.user(), 1)
		s.clock.Pass(time.Minute)
		s.leavesNothing(func() { s.ask(event.ID) })
		same(t, "the event", s.read(event.ID).UpdatedAt, event.UpdatedAt)
	},

	"selling_moves_neither_version_nor_time_of_the_event": func(t *testing.T, s *shop) {
		event := s.event()
		s.clock.Pass(time.Hour)
		s.book(event, s.user(), 4)
		want := event
		want.Seq = 2
		want.Stock.Available, want.Stock.Held, want.Stock.HeldAmount, want.Stock.Pending = 6, 4, 10000, 1
		same(t, "the event", s.read(event.ID), want)
	},

	"a_batch_of_five_hundred_is_written_whole": func(t *testing.T, s *shop) {
		event, users := s.event(tickets(5000)), []models.User{s.user(), s.user(), s.user()}
		var commands []sale.Command
		for i := range 500 {
			commands = append(commands, reserve(users[i%3], int64(i%7+1)))
		}
		for i, v := range s.ask(event.ID, commands...) {
			if v.Err != nil {
				t.Fatalf("reservation %d was refused: %v", i, v.Err)
			}
			if i%50 == 0 {
				same(t, "a booking", s.booking(v.Booking.ID), *v.Booking)
			}
		}
		if got := s.stock(event.ID); got.Pending != 500 || got.Held != 1994 {
			t.Errorf("the stock is %+v; want 500 bookings of 1994 tickets", got)
		}
	},

	"a_batch_may_do_everything_at_once": doEverythingAtOnce,

	"a_thing_changed_twice_in_a_batch_is_written_as_it_was_left": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 2)
		key := s.charge(b).ChargeKey
		total := int64(20)
		verdicts := s.ask(event.ID, settlement(key, models.OutcomeSucceeded), &sale.Cancel{Booking: b.ID},
			&sale.EditEvent{Patch: models.EventPatch{TotalTickets: &total}}, reserve(user, 18),
			&sale.SettleRefund{Charge: key, Result: models.Result{Outcome: models.OutcomeSucceeded}})
		for i, v := range verdicts[:4] {
			if v.Err != nil && i != 3 {
				t.Fatalf("command %d was refused: %v", i, v.Err)
			}
		}
		same(t, "the booking", s.booking(b.ID), *verdicts[1].Booking)
		if got := s.stock(event.ID); got.Total != 20 || got.Available != 2 || got.Cancelled != 1 || got.Held != 18 {
			t.Errorf("the stock is %+v", got)
		}
		_, refunds := s.money(b)
		if len(refunds) != 1 || refunds[0].Status != models.RefundSucceeded {
			t.Errorf("the refunds are %+v; one was written and settled in the same batch", refunds)
		}
	},

	"what_the_database_refuses_leaves_nothing_behind": refusedBatches,

	"a_caller_who_has_gone_changes_nothing": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		gone, leave := context.WithCancel(s.ctx())
		leave()
		s.leavesNothing(func() {
			if _, err := s.try(gone, event.ID, reserve(user, 1)); !isUnavailable(err) {
				t.Errorf("AtDesk gave %v to a caller who has gone; want ErrUnavailable", err)
			}
		})
	},

	"waits_for_the_lock_only_so_long": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		_, err := s.tryWith(s.ctx(), event.ID, func(*sale.State) {
			patience, cancel := context.WithTimeout(s.ctx(), 200*time.Millisecond)
			defer cancel()
			if _, err := s.try(patience, event.ID, reserve(user, 1)); !isUnavailable(err) {
				t.Errorf("a second desk gave %v while the first held the lock; want ErrUnavailable", err)
			}
		}, reserve(user, 2))
		s.ok("the first desk", err)
		if got := s.stock(event.ID); got.Held != 2 {
			t.Errorf("%d tickets are held; only the first desk's 2 should be", got.Held)
		}
	},

	"one_event_is_decided_by_one_at_a_time": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(100)), s.user()
		var inside, met atomic.Int32
		crowd(16, func(int) {
			_, err := s.tryWith(s.ctx(), event.ID, func(*sale.State) {
				if inside.Add(1) > 1 {
					met.Add(1)
				}
				defer inside.Add(-1)
			}, reserve(user, 1))
			if err != nil {
				t.Errorf("the desk failed: %v", err)
			}
		})
		if met.Load() > 0 {
			t.Errorf("%d decisions met another one of the same event", met.Load())
		}
	},

	"a_batch_sent_again_finds_its_bookings": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		first := reserve(user, 10)
		commands := []sale.Command{first, reserve(user, 1)}
		made := s.done(event.ID, first).Booking
		var verdicts []sale.Verdict
		err := s.AtDesk(s.ctx(), event.ID, models.NewID[models.BatchID](), sale.ReadsOf(commands, true, false),
			func(state *sale.State) {
				state.Rules, state.Recheck = theRules, true
				for _, c := range commands {
					verdicts = append(verdicts, state.Decide(c))
				}
			})
		s.ok("the desk", err)
		if verdicts[0].Err != nil || !errors.Is(verdicts[1].Err, models.ErrSoldOut) {
			t.Fatalf("the verdicts are %+v; want the booking that is there, and sold out", verdicts)
		}
		same(t, "the booking", *verdicts[0].Booking, *made)
	},

	"without_a_clock_of_the_tests_the_stores_own_counts": func(t *testing.T, s *shop) {
		own := &shop{Store: s.open(t, nil), t: t}
		began := time.Now().Add(-time.Minute)
		event := own.event(begins(time.Now().Add(time.Hour)))
		b := own.book(event, own.user(), 1)
		for what, at := range map[string]time.Time{"the event's creation": event.CreatedAt, "the booking's": b.CreatedAt} {
			isInstant(t, what, at)
			if at.Before(began) || at.After(time.Now().Add(time.Minute)) {
				t.Errorf("%s is dated %v", what, at)
			}
		}
		isInstant(t, "the deadline", b.PaymentDeadline)
		same(t, "the deadline", b.PaymentDeadline, b.CreatedAt.Add(theRules.PaymentDeadline))
	},
}

// look reads at a desk and changes nothing.
func (s *shop) look(event models.EventID, need sale.Reads, see func(*sale.State)) {
	s.t.Helper()
	// What was read is looked at after the transaction: a test may then read through the port too.
	var kept *sale.State
	s.ok("the desk", s.AtDesk(s.ctx(), event, models.NewID[models.BatchID](), need, func(state *sale.State) {
		kept = state
	}))
	see(kept)
}

func decideAll(commands []sale.Command) func(*sale.State) {
	return func(state *sale.State) {
		state.Rules = theRules
		for _, c := range commands {
			state.Decide(c)
		}
	}
}

func isUnavailable(err error) bool {
	return errors.Is(err, repository.ErrUnavailable)
}

// doEverythingAtOnce sends one batch that changes every table.
func doEverythingAtOnce(t *testing.T, s *shop) {
	event, free, user := s.event(tickets(100)), s.event(price(0, "USD")), s.user()
	toPay, toDecline, toCancel := s.book(event, user, 1), s.book(event, user, 2), s.paid(event, user, 3)
	toExpire, toFail := s.book(event, user, 4), s.book(event, user, 5)
	paying, declining, failing := s.charge(toPay), s.charge(toDecline), s.exhausted(toFail)
	s.clock.Pass(theRules.PaymentDeadline)
	fresh, name := reserve(user, 6), "Another name"
	verdicts := s.ask(event.ID,
		fresh, settlement(paying.ChargeKey, models.OutcomeSucceeded), settlement(declining.ChargeKey, models.OutcomeDeclined),
		&sale.Cancel{Booking: toCancel.ID}, &sale.Expire{Booking: toExpire.ID},
		settlement(failing.ChargeKey, models.OutcomeUnavailable), &sale.EditEvent{Patch: models.EventPatch{Name: &name}},
		&sale.ConfirmFree{Booking: s.book(free, user, 1).ID},
	)
	for i, v := range verdicts[:7] {
		if v.Err != nil {
			t.Fatalf("command %d was refused: %v", i, v.Err)
		}
	}
	if !errors.Is(verdicts[7].Err, models.ErrBookingNotFound) {
		t.Errorf("another event's booking gave %v", verdicts[7].Err)
	}
	for i, want := range []models.Status{
		models.StatusPending, models.StatusConfirmed, models.StatusCancelled, models.StatusCancelled, models.StatusCancelled,
		models.StatusPending,
	} {
		got := s.booking(verdicts[i].Booking.ID)
		if got.Status != want {
			t.Errorf("the booking of command %d is %s; want %s", i, got.Status, want)
		}
		same(t, "a booking", got, *verdicts[i].Booking)
	}
	got := s.read(event.ID)
	if got.Name != name || got.Stock.Held != 11 || got.Stock.Sold != 1 || got.Stock.Cancelled != 3 || got.Version != 2 {
		t.Errorf("the event is %+v", got)
	}
	if len(s.letters()) != 1 {
		t.Errorf("the dead letters are %+v; want the failed charge's", s.letters())
	}
}

// exhausted returns a booking's charge as its last try leaves it: open, with all its attempts begun.
func (s *shop) exhausted(b models.Booking) models.Charge {
	s.t.Helper()
	charge := s.charge(b)
	for charge.Attempts < models.MaxAttempts {
		s.clock.Pass(lease)
		due, err := s.DueCharges(s.ctx(), all, lease)
		s.ok("taking due charges", err)
		i := slices.IndexFunc(due, func(d repository.Due) bool { return d.Charge.ChargeKey == charge.ChargeKey })
		if i < 0 {
			s.t.Fatalf("the charge is not due after its lease: %+v", due)
		}
		charge = due[i].Charge
	}
	return charge
}

// refusedBatches meddles with the state so that a constraint must refuse what the commands then write.
func refusedBatches(t *testing.T, s *shop) {
	event, user := s.event(), s.user()
	b := s.book(event, user, 2)
	s.clock.Pass(time.Minute)
	stranger := models.User{ID: models.NewID[models.UserID]()}
	again := reserve(user, 1)
	again.Booking = b.ID
	for name, batch := range map[string]struct {
		meddle  func(*sale.State)
		command sale.Command
	}{
		"available below none":      {func(e *sale.State) { e.Event.Stock.Available = -100 }, &sale.Cancel{Booking: b.ID}},
		"available above the total": {func(e *sale.State) { e.Event.Stock.Available = 12 }, reserve(user, 1)},
		"more than there is": {func(e *sale.State) {
			e.Event.Stock.Available, e.Event.Stock.Total = 1000, 1000
		}, reserve(user, 1000)},
		"held below none":         {func(e *sale.State) { e.Event.Stock.Held = 0 }, &sale.Cancel{Booking: b.ID}},
		"a count below none":      {func(e *sale.State) { e.Event.Stock.Pending = 0 }, &sale.Cancel{Booking: b.ID}},
		"an amount below none":    {func(e *sale.State) { e.Event.Stock.HeldAmount = 0 }, &sale.Cancel{Booking: b.ID}},
		"a count out of range":    {func(e *sale.State) { e.Event.Stock.Pending = math.MaxInt64 }, reserve(user, 1)},
		"a user who is not there": {func(e *sale.State) { e.Users[stranger.ID] = true }, reserve(stranger, 1)},
		"a booking's id twice":    {nil, again},
		"no tickets":              {nil, reserve(user, 0)},
		"a negative quantity":     {nil, reserve(user, -1)},
	} {
		s.leavesNothing(func() {
			_, err := s.tryWith(s.ctx(), event.ID, batch.meddle, batch.command)
			if !errors.Is(err, repository.ErrRejected) {
				t.Errorf("%s: the desk gave %v; want ErrRejected", name, err)
			}
		})
		if t.Failed() {
			return
		}
	}
}
