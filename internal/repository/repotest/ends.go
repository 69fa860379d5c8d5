package repotest

import (
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// endRules are the promises on what ends otherwise than usual: cancelled events, deleted and erased ones, and money
// whose booking is not here.
var endRules = rules{
	"bookings_of_a_cancelled_event_are_not_charged_first": func(t *testing.T, s *shop) {
		event, free, user := s.event(), s.event(price(0, "USD")), s.user()
		queued, started := s.book(event, user, 1), s.book(event, user, 1)
		costless, other := s.book(free, user, 1), s.book(s.event(), user, 1)
		s.charge(started)
		s.done(event.ID, &sale.CancelEvent{})
		s.done(free.ID, &sale.CancelEvent{})
		got := s.start(queued, costless, other)
		if len(got) != 1 || got[0].Booking.ID != other.ID {
			t.Errorf("started were %+v; want that of the event that takes place", got)
		}
		s.clock.Pass(lease)
		due, err := s.DueCharges(s.ctx(), all, lease)
		s.ok("taking up due charges", err)
		chargeable := map[models.BookingID]bool{}
		for _, d := range due {
			chargeable[d.Booking.ID] = d.Chargeable
		}
		same(t, "what may be charged again", chargeable, map[models.BookingID]bool{started.ID: false, other.ID: true})
	},

	"a_booking_that_is_not_here_is_told_of": func(t *testing.T, s *shop) {
		b := s.book(s.event(), s.user(), 1)
		unknown := models.BookingRef{Event: b.EventID, Booking: models.NewID[models.BookingID]()}
		nowhere := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
		for range 2 { // the second time the known one is started already
			starts, err := s.StartCharges(s.ctx(), "sim", []models.BookingRef{unknown, b.Ref(), nowhere}, lease)
			s.ok("starting charges", err)
			var refs []models.BookingRef
			for _, start := range starts {
				if start.Unknown {
					refs = append(refs, start.Booking.Ref())
				}
			}
			same(t, "the unknown ones", refs, []models.BookingRef{unknown, nowhere})
		}
	},

	"a_stray_is_kept_once_and_becomes_one_letter": strayLives,

	"a_gateways_list_is_read_by_one_at_a_time_from_where_it_was_left": func(t *testing.T, s *shop) {
		claim := func(gateway, place string, due bool) {
			t.Helper()
			got, claimed, err := s.ClaimChronicle(s.ctx(), gateway, time.Minute)
			s.ok("claiming a list", err)
			if got != place || claimed != due {
				t.Errorf("claimed %q, %t; want %q, %t", got, claimed, place, due)
			}
		}
		claim("stripe", "", true)
		claim("stripe", "", false)
		claim("another", "", true)
		s.ok("keeping the place", s.KeepPlace(s.ctx(), "stripe", "evt_1"))
		s.clock.Pass(time.Minute - time.Microsecond)
		claim("stripe", "", false)
		s.clock.Pass(time.Microsecond)
		claim("stripe", "evt_1", true)
		claim("stripe", "", false)
		s.clock.Pass(time.Minute)
		claim("stripe", "evt_1", true)
		claim("another", "", true)
	},

	"a_report_counts_more_than_a_message": func(t *testing.T, s *shop) {
		report := stray("pi_1")
		message := models.Stray{ChargeKey: report.ChargeKey, Gateway: "sim"}
		s.keep(message)
		s.clock.Pass(models.StrayFor - time.Second)
		s.keep(report)
		s.keep(message)
		s.clock.Pass(time.Minute)
		due := s.dueStrays()
		if len(due) != 1 || !due[0].Stray.Reported() || due[0].Age != time.Minute ||
			due[0].Stray.Result.ProviderReference != "pi_1" {
			t.Errorf("due are %+v", due)
		}
	},

	"a_report_of_what_was_a_letter_without_one_makes_it_a_stray_again": func(t *testing.T, s *shop) {
		report := stray("pi_1")
		message := models.Stray{
			ChargeKey: report.ChargeKey, Gateway: "sim", Result: models.Result{Outcome: models.OutcomePending},
		}
		s.keep(message)
		s.ok("making a letter", s.StrayLetter(s.ctx(), message))
		same(t, "the letters", len(s.letters()), 1)
		s.keep(message)
		same(t, "the letters after the message came again", len(s.letters()), 1)
		s.keep(report)
		s.clock.Pass(time.Minute)
		if due := s.dueStrays(); len(due) != 1 || !due[0].Stray.Reported() || len(s.letters()) != 0 {
			t.Errorf("due are %+v, letters %+v", due, s.letters())
		}
		s.ok("making a letter of the report", s.StrayLetter(s.ctx(), report))
		if letters := s.letters(); len(letters) != 1 || letters[0].Payload != "pi_1" ||
			letters[0].Amount != report.Result.Amount {
			t.Errorf("letters %+v", letters)
		}
	},

	"strays_are_taken_up_to_the_limit_oldest_first": func(t *testing.T, s *shop) {
		var want []models.ChargeKey
		for range 5 {
			one := stray("pi_1")
			want = append(want, one.ChargeKey)
			s.keep(one)
			s.clock.Pass(time.Second)
		}
		s.clock.Pass(time.Minute)
		for _, piece := range [][]models.ChargeKey{want[:2], want[2:4], want[4:], nil} {
			due, err := s.DueStrays(s.ctx(), 2, time.Minute)
			s.ok("taking up strays", err)
			var got []models.ChargeKey
			for _, d := range due {
				got = append(got, d.Stray.ChargeKey)
			}
			slices.SortFunc(got, func(a, b models.ChargeKey) int { return slices.Index(want, a) - slices.Index(want, b) })
			same(t, "those taken up", got, piece)
		}
	},

	"a_stray_that_found_its_booking_is_forgotten": func(t *testing.T, s *shop) {
		one := stray("pi_1")
		s.keep(one)
		s.ok("forgetting", s.ForgetStray(s.ctx(), one.LetterID()))
		s.ok("making a letter of what is gone", s.StrayLetter(s.ctx(), one))
		s.clock.Pass(2 * models.StrayFor)
		if due := s.dueStrays(); len(due) != 0 || len(s.letters()) != 0 {
			t.Errorf("due are %+v, letters %+v", due, s.letters())
		}
	},

	"an_events_time_zone_is_kept_changed_and_taken_away": func(t *testing.T, s *shop) {
		event := s.event(func(d *models.EventDraft) { d.TimeZone = "Europe/Berlin" })
		same(t, "the event as read", s.read(event.ID).TimeZone, "Europe/Berlin")
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{TimeZone: new("Asia/Tokyo")}})
		s.book(event, s.user(), 1)
		same(t, "the event after a change and a booking", s.read(event.ID).TimeZone, "Asia/Tokyo")
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{TimeZone: new("")}})
		same(t, "the event in the end", s.read(event.ID).TimeZone, "")
		s.refused(event.ID, &sale.EditEvent{Patch: models.EventPatch{TimeZone: new("Europe/Atlantis")}}, models.ErrInvalid)
	},

	"events_are_listed_by_the_state_of_their_sale": func(t *testing.T, s *shop) {
		open, cancelled := s.event(), s.event(begins(noon.Add(25*time.Hour)))
		past := s.event(begins(noon.Add(-time.Hour)))
		early := s.event(begins(noon.Add(26*time.Hour)), func(d *models.EventDraft) { d.SalesEnd = noon })
		late := s.event(begins(noon.Add(-2*time.Hour)), func(d *models.EventDraft) {
			d.SalesEnd = noon.Add(time.Microsecond)
		})
		s.done(cancelled.ID, &sale.CancelEvent{})
		for state, want := range map[models.SaleState][]models.EventID{
			models.OnSale: {late.ID, open.ID}, models.SaleClosed: {past.ID, early.ID}, models.CalledOff: {cancelled.ID},
			"": {late.ID, past.ID, open.ID, cancelled.ID, early.ID},
		} {
			same(t, "the events "+string(state), eventIDs(s.list(models.EventFilter{State: state})), want)
		}
	},

	"a_user_is_found_by_the_address_in_any_case": func(t *testing.T, s *shop) {
		user := s.userNamed("Jürgen", "Jürgen@Example.com")
		for _, email := range []string{"Jürgen@Example.com", "JüRGEN@example.COM"} {
			got, err := s.UserByEmail(s.ctx(), models.Everything, email)
			s.ok("looking an address up", err)
			same(t, "the user", got, user)
		}
		for _, email := range []string{"", "jürgen@example", "%", "j_rgen@example.com"} {
			_, err := s.UserByEmail(s.ctx(), models.Everything, email)
			isError(t, "UserByEmail", err, models.ErrUserNotFound)
		}
		s.ok("deleting", s.DeleteUser(s.ctx(), models.Everything, user.ID, nil, 0))
		_, err := s.UserByEmail(s.ctx(), models.Everything, user.Email)
		isError(t, "UserByEmail of a deleted one", err, models.ErrUserNotFound)
	},

	"what_is_deleted_can_be_asked_about": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 2)
		s.done(event.ID, &sale.Cancel{Booking: b.ID})
		s.done(event.ID, &sale.DeleteEvent{})
		s.ok("deleting the user", s.DeleteUser(s.ctx(), models.Everything, user.ID, nil, 0))
		got, err := s.AnyEvent(s.ctx(), models.Everything, event.ID)
		s.ok("reading the deleted event", err)
		same(t, "its stock", got.Stock, models.Stock{Total: 10, Available: 10, Cancelled: 1})
		_, err = s.AnyEvent(s.ctx(), models.Everything, models.NewID[models.EventID]())
		isError(t, "AnyEvent", err, models.ErrEventNotFound)
		for id, want := range map[models.UserID]bool{user.ID: true, models.NewID[models.UserID](): false} {
			known, err := s.UserKnown(s.ctx(), models.Everything, id)
			s.ok("looking for a user", err)
			same(t, "whether the user is known", known, want)
		}
		list, err := s.BookingsOfUser(s.ctx(), models.Everything, user.ID, models.BookingFilter{}, models.Page{Limit: all})
		s.ok("listing the bookings", err)
		same(t, "the bookings", bookingIDs(list), []models.BookingID{b.ID})
	},

	"a_user_is_not_deleted_while_a_booking_may_have_to_be_refunded": func(t *testing.T, s *shop) {
		window := theRules.RefundWindow
		event, buyer, guest := s.event(), s.user(), s.user()
		s.paid(event, buyer, 1)
		free := s.book(s.event(price(0, "USD")), guest, 1)
		s.done(free.EventID, &sale.ConfirmFree{Booking: free.ID})
		s.clock.set(event.DateTime.Add(window - time.Microsecond))
		s.leavesNothing(func() {
			isError(t, "DeleteUser", s.DeleteUser(s.ctx(), models.Everything, buyer.ID, nil, window), models.ErrUserHasBookings)
		})
		s.ok("deleting who has nothing to get back", s.DeleteUser(s.ctx(), models.Everything, guest.ID, nil, window))
		s.clock.set(event.DateTime.Add(window))
		s.ok("deleting when the window is over", s.DeleteUser(s.ctx(), models.Everything, buyer.ID, nil, window))
	},
}

// stray is money that the gateway has taken for a booking that never was here.
func stray(reference string) models.Stray {
	ref := models.BookingRef{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}
	return models.Stray{ChargeKey: models.FirstCharge(ref), Gateway: "stripe", Result: models.Result{
		Outcome: models.OutcomeSucceeded, ProviderReference: reference, Amount: models.Money{Minor: 7550, Currency: "EUR"},
	}}
}

func (s *shop) keep(strays ...models.Stray) {
	s.t.Helper()
	s.ok("keeping strays", s.KeepStrays(s.ctx(), strays, time.Minute))
}

func (s *shop) dueStrays() []repository.DueStray {
	s.t.Helper()
	due, err := s.DueStrays(s.ctx(), all, time.Minute)
	s.ok("taking up strays", err)
	return due
}

// strayLives follows a stray from its first report to the end of its letter, after which no report makes another.
func strayLives(t *testing.T, s *shop) {
	one := stray("pi_1")
	s.keep(one)
	s.keep(one, one)
	s.clock.Pass(time.Minute - time.Microsecond)
	same(t, "those due before their lease ran out", len(s.dueStrays()), 0)
	s.clock.Pass(time.Microsecond)
	want := one
	want.KeptAt = noon
	same(t, "those due", s.dueStrays(), []repository.DueStray{{Stray: want, Age: time.Minute}})
	same(t, "those due at once again", len(s.dueStrays()), 0)
	s.clock.set(noon.Add(models.StrayFor))
	same(t, "those due after an hour", s.dueStrays(), []repository.DueStray{{Stray: want, Age: models.StrayFor}})
	same(t, "the letters before", len(s.letters()), 0)
	for range 2 {
		s.ok("making a letter", s.StrayLetter(s.ctx(), one))
		s.keep(one)
		s.clock.Pass(time.Second)
	}
	letter := models.DeadLetter{
		ID: one.LetterID(), Kind: models.LetterStray, ChargeKey: one.ChargeKey, Amount: one.Result.Amount,
		LastError: one.Explain(), Payload: "pi_1", FailedAt: noon.Add(models.StrayFor),
	}
	same(t, "the letters", s.letters(), []models.DeadLetter{letter})
	got, err := s.DeadLetter(s.ctx(), models.Everything, letter.ID)
	s.ok("reading the letter", err)
	same(t, "the letter", got, letter)
	s.ok("closing it", s.CloseStray(s.ctx(), letter.ID))
	isError(t, "CloseStray", s.CloseStray(s.ctx(), letter.ID), models.ErrLetterNotFound)
	s.keep(one)
	s.clock.Pass(2 * models.StrayFor)
	if due := s.dueStrays(); len(due) != 0 || len(s.letters()) != 0 {
		t.Errorf("after it was closed: due %+v, letters %+v", due, s.letters())
	}
}
