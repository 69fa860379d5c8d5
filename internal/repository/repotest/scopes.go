package repotest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// organizer makes an organizer with a name.
func (s *shop) organizer(name string) models.Organizer {
	s.t.Helper()
	o, err := models.NewOrganizer(name)
	s.ok("the organizer", err)
	o, err = s.CreateOrganizer(s.ctx(), o)
	s.ok("creating an organizer", err)
	return o
}

// of is an edit for event.
func of(o models.Organizer) func(*models.EventDraft) {
	return func(d *models.EventDraft) { d.Organizer = o.ID }
}

// within is an organizer's scope, perhaps of some events alone.
func within(o models.Organizer, only ...models.Event) models.Scope {
	return models.Scope{Organizer: o.ID, Only: models.NewEventSet(eventIDs(only))}
}

func alone(user models.User) models.Scope { return models.Scope{User: user.ID} }

// A stand is an event with somebody who has booked it, and a payment of theirs that needs review.
type stand struct {
	event   models.Event
	user    models.User
	booking models.Booking
	letter  models.LetterID
}

func (s *shop) stand(o models.Organizer) stand {
	s.t.Helper()
	one := stand{event: s.event(of(o), tickets(100)), user: s.user()}
	one.booking = s.book(one.event, one.user, 1)
	s.clock.set(noon)
	key := s.exhausted(one.booking).ChargeKey
	s.settle(key, models.OutcomeUnavailable)
	one.letter = key.LetterID(models.LetterCharge)
	return one
}

// A reading asks for one thing of a stand within a scope.
type reading struct {
	name    string
	missing *models.Error
	ask     func(s *shop, scope models.Scope, one stand) error
}

// readings are all ways to one thing that an organizer's scope limits to events.
var readings = []reading{
	{"Event", models.ErrEventNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.Event(s.ctx(), scope, one.event.ID)
		return err
	}},
	{"AnyEvent", models.ErrEventNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.AnyEvent(s.ctx(), scope, one.event.ID)
		return err
	}},
	{"Booking", models.ErrBookingNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.Booking(s.ctx(), scope, one.booking.ID)
		return err
	}},
	{"DeadLetter", models.ErrLetterNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.DeadLetter(s.ctx(), scope, one.letter)
		return err
	}},
	{"User", models.ErrUserNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.User(s.ctx(), scope, one.user.ID)
		return err
	}},
	{"UserKnown", models.ErrUserNotFound, func(s *shop, scope models.Scope, one stand) error {
		known, err := s.UserKnown(s.ctx(), scope, one.user.ID)
		if err == nil && !known {
			err = models.ErrUserNotFound
		}
		return err
	}},
	{"UserByEmail", models.ErrUserNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.UserByEmail(s.ctx(), scope, one.user.Email)
		return err
	}},
	{"UpdateUser", models.ErrUserNotFound, func(s *shop, scope models.Scope, one stand) error {
		_, err := s.UpdateUser(s.ctx(), scope, one.user.ID, models.UserPatch{}, nil)
		return seen(err)
	}},
	{"DeleteUser", models.ErrUserNotFound, func(s *shop, scope models.Scope, one stand) error {
		return seen(s.DeleteUser(s.ctx(), scope, one.user.ID, nil, 0))
	}},
}

// seen drops the refusal of a change of somebody who was found.
func seen(err error) error {
	if errors.Is(err, models.ErrForbidden) || errors.Is(err, models.ErrUserHasBookings) {
		return nil
	}
	return err
}

// nowhere is a stand that never was.
var nowhere = stand{
	event:   models.Event{ID: models.NewID[models.EventID]()},
	user:    models.User{ID: models.NewID[models.UserID](), Email: "nobody@example.com"},
	booking: models.Booking{ID: models.NewID[models.BookingID]()}, letter: models.LetterID{1},
}

// scopeRules are the promises of scopes: what is beyond one is not there.
var scopeRules = rules{
	"what_is_beyond_a_scope_is_as_if_it_were_not_there": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		first, second, foreign := s.stand(mine), s.stand(mine), s.stand(theirs)
		for name, test := range map[string]struct {
			scope models.Scope
			has   []stand
		}{
			"everything":         {models.Everything, []stand{first, second, foreign}},
			"an organizer":       {within(mine), []stand{first, second}},
			"the other one":      {within(theirs), []stand{foreign}},
			"some events":        {within(mine, first.event), []stand{first}},
			"both its events":    {within(mine, first.event, second.event), []stand{first, second}},
			"a foreign event":    {within(mine, foreign.event), nil},
			"nobody's organizer": {models.Scope{Organizer: models.NewID[models.OrganizerID]()}, nil},
			"events of nobody":   {models.Scope{Only: models.NewEventSet([]models.EventID{first.event.ID})}, nil},
			"nothing":            {models.Scope{}, nil},
		} {
			for _, r := range readings {
				absent := r.ask(s, test.scope, nowhere)
				isError(t, r.name+" of nothing within "+name, absent, r.missing)
				for i, one := range []stand{first, second, foreign} {
					what := fmt.Sprintf("%s of stand %d within %s", r.name, i, name)
					err := r.ask(s, test.scope, one)
					if slices.ContainsFunc(test.has, func(own stand) bool { return own.event.ID == one.event.ID }) {
						s.ok(what, err)
						continue
					}
					isError(t, what, err, r.missing)
					same(t, "the error of "+what, err.Error(), absent.Error())
				}
			}
		}
	},

	"a_customer_has_themselves_and_their_bookings": func(t *testing.T, s *shop) {
		one, other := s.stand(s.organizer("Mine")), s.stand(s.organizer("Theirs"))
		scope := alone(one.user)
		for _, r := range readings {
			err := r.ask(s, scope, one)
			switch r.name {
			case "Event", "AnyEvent", "DeadLetter": // are nobody's own
				isError(t, r.name, err, r.missing)
			default:
				s.ok(r.name, err)
			}
			isError(t, r.name+" of another", r.ask(s, scope, other), r.missing)
		}
		same(t, "their bookings", bookingIDs(s.bookingsWithin(scope, one.user)), []models.BookingID{one.booking.ID})
		same(t, "another's", len(s.bookingsWithin(scope, other.user)), 0)
		got, err := s.UpdateUser(s.ctx(), scope, one.user.ID, models.UserPatch{Name: new("Jane")}, nil)
		if err != nil || got.Name != "Jane" {
			t.Errorf("they cannot change their name: %+v, %v", got, err)
		}
		list, err := s.Events(s.ctx(), scope, models.EventFilter{}, models.Page{Limit: all})
		same(t, "their events", len(list.Events), 0)
		s.ok("listing events", err)
		letters, err := s.DeadLetters(s.ctx(), scope, models.Page{Limit: all})
		same(t, "their letters", len(letters), 0)
		s.ok("listing letters", err)
	},

	"lists_of_events_are_an_organizers_page_by_page": listOwnEvents,

	"a_search_finds_an_organizers_events_alone": searchOwnEvents,

	"lists_of_bookings_and_letters_are_an_organizers": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		events, user := []models.Event{s.event(of(mine)), s.event(of(mine)), s.event(of(theirs))}, s.user()
		made := make([][]models.BookingID, len(events))
		for i := range 9 {
			made[i%3] = append(made[i%3], s.book(events[i%3], user, 1).ID)
		}
		stands := []stand{s.stand(mine), s.stand(theirs), s.stand(mine)}
		kept := stray("pi_1")
		kept.Event = stands[0].event.ID // which is there; the booking is not
		s.keep(kept)
		s.ok("making a letter of a stray", s.StrayLetter(s.ctx(), kept))
		s.ok("keeping a message", s.AddMessageLetter(s.ctx(), models.DeadLetter{ID: models.MessageLetterID("1", "?")}))
		for name, test := range map[string]struct {
			scope    models.Scope
			bookings []models.BookingID
			letters  []models.LetterID
		}{
			"an organizer": {within(mine), slices.Concat(made[0], made[1]),
				[]models.LetterID{stands[0].letter, stands[2].letter}},
			"the other": {within(theirs), made[2], []models.LetterID{stands[1].letter}},
			"one event": {within(mine, events[1]), made[1], nil},
			"one stand": {within(mine, stands[2].event), nil, []models.LetterID{stands[2].letter}},
			"foreign":   {within(theirs, events[0], stands[0].event), nil, nil},
			"nothing":   {models.Scope{}, nil, nil},
		} {
			want := append([]models.BookingID{}, sorted(test.bookings...)...)
			slices.Reverse(want)
			same(t, "the bookings within "+name, bookingIDs(s.bookingsWithin(test.scope, user)), want)
			ofAll := func(page models.Page) ([]models.DeadLetter, error) { return s.DeadLetters(s.ctx(), test.scope, page) }
			ofPayments := func(page models.Page) ([]models.DeadLetter, error) {
				return s.DeadLettersOf(s.ctx(), test.scope, models.LetterFilter{}, page)
			}
			for _, list := range []func(models.Page) ([]models.DeadLetter, error){ofAll, ofPayments} {
				got := pages(t, 1, list, func(l models.DeadLetter) models.Position {
					return models.Position{Time: l.FailedAt, ID: l.ID}
				}, func() {})
				ids := idsOf(got, func(l models.DeadLetter) models.LetterID { return l.ID })
				same(t, "the letters within "+name, sorted(ids...), append([]models.LetterID{}, sorted(test.letters...)...))
			}
		}
		same(t, "all letters", len(s.letters()), len(stands)+2)
		for _, id := range []models.LetterID{kept.LetterID(), models.MessageLetterID("1", "?")} {
			_, err := s.DeadLetter(s.ctx(), within(mine), id)
			isError(t, "a letter of no booking", err, models.ErrLetterNotFound)
			_, err = s.DeadLetter(s.ctx(), models.Everything, id)
			s.ok("the same letter for everybody", err)
		}
	},

	"a_filter_does_not_lead_beyond_a_scope": func(t *testing.T, s *shop) {
		mine, foreign := s.organizer("Mine"), s.stand(s.organizer("Theirs"))
		letters, err := s.DeadLettersOf(s.ctx(), within(mine), models.LetterFilter{Event: foreign.event.ID},
			models.Page{Limit: all})
		if err != nil || len(letters) != 0 {
			t.Errorf("the letters of a foreign event are %+v, %v", letters, err)
		}
		list, err := s.BookingsOfUser(s.ctx(), within(mine), foreign.user.ID,
			models.BookingFilter{Status: models.StatusPending}, models.Page{Limit: all})
		if err != nil || len(list) != 0 {
			t.Errorf("the bookings of a foreign event are %+v, %v", list, err)
		}
	},

	"an_organizer_changes_those_alone_whose_row_it_made": changeOwnUsers,

	"a_customer_of_long_ago_is_not_looked_for_for_ever": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		own, foreign, user := s.event(of(mine)), s.event(of(theirs), tickets(20_000)), s.user()
		s.book(own, user, 1)
		same(t, "the first booking of theirs", len(s.bookingsWithin(within(mine), user)), 1)
		left := repository.BookingsLookedAt - 1
		for left > 0 {
			commands := []sale.Command{}
			for range min(left, 500) {
				commands = append(commands, reserve(user, 1))
			}
			s.ask(foreign.ID, commands...)
			left -= len(commands)
		}
		_, err := s.User(s.ctx(), within(mine), user.ID)
		s.ok("reading a customer whose booking is just looked at", err)
		same(t, "the bookings of theirs that are just looked at", len(s.bookingsWithin(within(mine), user)), 1)
		s.book(foreign, user, 1)
		_, err = s.User(s.ctx(), within(mine), user.ID)
		isError(t, "a booking later", err, models.ErrUserNotFound)
		same(t, "the bookings of theirs that it sees", len(s.bookingsWithin(within(mine), user)), 0)
		same(t, "those that the other sees", len(s.bookingsWithin(within(theirs, own), user)), 0)
		list, err := s.BookingsOfUser(s.ctx(), within(theirs), user.ID, models.BookingFilter{}, models.Page{Limit: 3})
		if err != nil || len(list) != 3 {
			t.Errorf("the first page of the other is %+v, %v", list, err)
		}
	},
}

// bookingsWithin lists a user's bookings within a scope, by pages.
func (s *shop) bookingsWithin(scope models.Scope, user models.User) []models.Booking {
	s.t.Helper()
	list := func(page models.Page) ([]models.Booking, error) {
		return s.BookingsOfUser(s.ctx(), scope, user.ID, models.BookingFilter{}, page)
	}
	got := pages(s.t, 2, list, func(b models.Booking) models.Position { return models.Position{ID: b.ID} }, func() {})
	return append([]models.Booking{}, got...)
}

// eventsWithin lists events within a scope, by pages.
func (s *shop) eventsWithin(scope models.Scope, filter models.EventFilter) []models.EventID {
	s.t.Helper()
	list := func(page models.Page) ([]models.Event, error) {
		found, err := s.Events(s.ctx(), scope, filter, page)
		return found.Events, err
	}
	return eventIDs(pages(s.t, 2, list, positionOfEvent, func() {}))
}

func listOwnEvents(t *testing.T, s *shop) {
	owners := []models.Organizer{s.organizer("Mine"), s.organizer("Theirs")}
	made := make([][]models.Event, 2)
	for i := range 14 {
		event := s.event(of(owners[i%2]), begins(noon.Add(time.Duration(i/4)*time.Hour)))
		made[i%2] = append(made[i%2], event)
	}
	s.done(made[0][1].ID, &sale.CancelEvent{})
	s.done(made[0][2].ID, &sale.DeleteEvent{})
	mine := slices.Delete(slices.Clone(made[0]), 2, 3)
	slices.SortFunc(mine, byTimeAndID)
	slices.SortFunc(made[1], byTimeAndID)
	in := func(list []models.Event, has func(models.Event) bool) []models.EventID {
		return eventIDs(slices.DeleteFunc(slices.Clone(list), func(e models.Event) bool { return !has(e) }))
	}
	some := []models.Event{mine[3], mine[0], made[0][2]}
	for name, test := range map[string]struct {
		scope  models.Scope
		filter models.EventFilter
		want   []models.EventID
	}{
		"its own":        {within(owners[0]), models.EventFilter{}, eventIDs(mine)},
		"the other's":    {within(owners[1]), models.EventFilter{}, eventIDs(made[1])},
		"those of a key": {within(owners[0], some...), models.EventFilter{}, eventIDs([]models.Event{mine[0], mine[3]})},
		"a foreign one":  {within(owners[0], made[1][0]), models.EventFilter{}, []models.EventID{}},
		"from a time on": {within(owners[0]), models.EventFilter{From: noon.Add(time.Hour)},
			in(mine, func(e models.Event) bool { return !e.DateTime.Before(noon.Add(time.Hour)) })},
		"until a time": {within(owners[0]), models.EventFilter{To: noon.Add(time.Hour)},
			in(mine, func(e models.Event) bool { return e.DateTime.Before(noon.Add(time.Hour)) })},
		"called off": {within(owners[0]), models.EventFilter{State: models.CalledOff}, []models.EventID{made[0][1].ID}},
		"nothing":    {models.Scope{}, models.EventFilter{}, []models.EventID{}},
	} {
		same(t, "the list of "+name, s.eventsWithin(test.scope, test.filter), test.want)
	}
	same(t, "the list of all", len(s.eventsWithin(models.Everything, models.EventFilter{})), 13)
}

// searchOwnEvents has more events than are looked at one by one, so that an index is asked as well.
func searchOwnEvents(t *testing.T, s *shop) {
	mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
	crowd(8, func(int) {
		for range models.SearchNear/8 + 5 {
			s.event(of(mine))
		}
	})
	later := func(o models.Organizer, name string) models.Event {
		return s.event(of(o), begins(noon.Add(1000*time.Hour)), func(d *models.EventDraft) { d.Name = name })
	}
	near := s.event(of(theirs), begins(noon.Add(time.Hour)), func(d *models.EventDraft) { d.Name = "Zanzibar, too" })
	own, other, foreign := later(mine, "Zanzibar"), later(mine, "Zanzibar again"), later(theirs, "Zanzibar")
	for name, test := range map[string]struct {
		scope models.Scope
		query string
		want  []models.EventID
	}{
		"a word":               {within(mine), "zanzibar", []models.EventID{own.ID, other.ID}},
		"the other's word":     {within(theirs), "zanzibar", []models.EventID{near.ID, foreign.ID}},
		"a word of one event":  {within(mine, other), "zanzibar", []models.EventID{other.ID}},
		"a short text":         {within(mine), "z", []models.EventID{own.ID, other.ID}},
		"the other's short":    {within(theirs), "zz", []models.EventID{}},
		"the other's, too":     {within(theirs), "o", []models.EventID{near.ID}},
		"a foreign event":      {within(mine, foreign), "zanzibar", []models.EventID{}},
		"a foreign one, short": {within(mine, foreign), "z", []models.EventID{}},
		"a word within none":   {models.Scope{}, "zanzibar", []models.EventID{}},
		"short within none":    {models.Scope{}, "z", []models.EventID{}},
	} {
		same(t, name, s.eventsWithin(test.scope, models.EventFilter{Query: test.query}), test.want)
	}
}

// changeOwnUsers: an organizer may change a user whose row it has made, as long as no subject has it.
func changeOwnUsers(t *testing.T, s *shop) {
	mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
	made := func(o models.Organizer) models.User {
		user, err := models.NewUser("John Doe", models.NewID[models.UserID]().String()+"@example.com")
		s.ok("making a user", err)
		user.Organizer = o.ID
		got, err := s.CreateUser(s.ctx(), user)
		s.ok("creating a user", err)
		s.users = append(s.users, got.ID)
		same(t, "who made the row", s.readUser(got.ID).Organizer, o.ID)
		return got
	}
	rename := models.UserPatch{Name: new("Jane")}
	tries := func(scope models.Scope, user models.User, want *models.Error) {
		t.Helper()
		s.leavesNothing(func() {
			_, err := s.UpdateUser(s.ctx(), scope, user.ID, rename, new(int64(99)))
			isError(t, "UpdateUser", err, want)
			isError(t, "DeleteUser", s.DeleteUser(s.ctx(), scope, user.ID, new(int64(99)), 0), want)
		})
	}
	own, foreign := made(mine), made(theirs)
	event := s.event(of(mine))
	_, err := s.User(s.ctx(), within(mine), own.ID)
	s.ok("reading one that has no booking", err)
	_, err = s.User(s.ctx(), within(mine, event), own.ID)
	s.ok("reading one within some events", err)
	elsewhere, booker := s.event(of(mine)), made(mine)
	s.book(elsewhere, booker, 1)
	tries(within(mine, event), booker, models.ErrUserNotFound) // who is none of these events'
	for _, scope := range []models.Scope{within(mine), within(mine, elsewhere)} {
		_, err = s.User(s.ctx(), scope, booker.ID)
		s.ok("reading one who has booked", err)
	}
	tries(within(mine), foreign, models.ErrUserNotFound)
	tries(models.Scope{}, own, models.ErrUserNotFound)
	s.book(event, foreign, 1)
	tries(within(mine), foreign, models.ErrForbidden) // and not that there are bookings
	got, err := s.UpdateUser(s.ctx(), within(mine, event), own.ID, rename, nil)
	s.ok("renaming", err)
	if got.Name != "Jane" || got.Organizer != mine.ID {
		t.Errorf("renamed, the user is %+v", got)
	}
	same(t, "the user as read", s.readUser(own.ID), got)
	who := models.Introduction{Subject: models.Subject{Issuer: "https://id.example", Subject: "1"}, Email: own.Email}
	bound, err := s.BindSubject(s.ctx(), who, models.User{})
	s.ok("binding", err)
	same(t, "who is bound", bound, own.ID)
	tries(within(mine), own, models.ErrForbidden)
	_, err = s.UpdateUser(s.ctx(), alone(own), own.ID, models.UserPatch{Name: new("Joan")}, nil)
	s.ok("renaming oneself", err)
	other := made(mine)
	s.ok("deleting one's own", s.DeleteUser(s.ctx(), within(mine), other.ID, nil, 0))
	s.ok("deleting as an admin", s.DeleteUser(s.ctx(), models.Everything, own.ID, nil, 0))
}
