package repotest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// beside opens another process's store on the same database.
func (s *shop) beside() Port {
	s.t.Helper()
	other, err := s.Beside(s.clock.Now)
	s.ok("opening another store on the database", err)
	s.t.Cleanup(func() {
		if err := other.Close(); err != nil {
			s.t.Errorf("closing the other store: %v", err)
		}
	})
	return other
}

func (s *shop) identity(port Port) int64 {
	s.t.Helper()
	version, err := port.IdentityVersion(s.ctx())
	s.ok("reading the identity version", err)
	return version
}

// grows fails the test unless an act has the identity version grow, or leaves it, as another process sees it.
func (s *shop) grows(what string, want bool, act func()) {
	s.t.Helper()
	other := s.beside()
	before := s.identity(other)
	act()
	if after := s.identity(other); (after > before) != want || after < before {
		s.t.Errorf("%s: the identity version went from %d to %d", what, before, after)
	}
}

// organizerRules are the promises of Organizers, and of whom events belong to.
var organizerRules = rules{
	"the_default_one_is_there_and_stays": func(t *testing.T, s *shop) {
		o, err := s.Organizer(s.ctx(), models.Everything, models.DefaultOrganizer)
		if err != nil || o.Name != "default" || o.Version != 1 {
			t.Errorf("the default organizer is %+v, %v", o, err)
		}
		isInstant(t, "created_at", o.CreatedAt)
		isError(t, "DeleteOrganizer", s.DeleteOrganizer(s.ctx(), models.DefaultOrganizer, nil), models.ErrOrganizerFixed)
		same(t, "whose an event is that names none", s.event().Organizer, models.DefaultOrganizer)
		renamed, err := s.UpdateOrganizer(s.ctx(), models.DefaultOrganizer, models.OrganizerPatch{Name: new("House")}, nil)
		if err != nil || renamed.Name != "House" {
			t.Errorf("it cannot be renamed: %+v, %v", renamed, err)
		}
	},

	"is_read_as_it_was_created": func(t *testing.T, s *shop) {
		o := s.organizer("Ünïcode ' 音楽")
		want := models.Organizer{ID: o.ID, Name: "Ünïcode ' 音楽", Version: 1, CreatedAt: noon, UpdatedAt: noon}
		same(t, "the organizer as created", o, want)
		got, err := s.Organizer(s.ctx(), models.Everything, o.ID)
		s.ok("reading", err)
		same(t, "the organizer as read", got, want)
		isInstant(t, "created_at", got.CreatedAt)
	},

	"a_scope_has_its_own_one": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		want := func(what string, scope models.Scope, list ...models.OrganizerID) {
			t.Helper()
			nobody := models.NewID[models.OrganizerID]()
			for _, id := range []models.OrganizerID{mine.ID, theirs.ID, models.DefaultOrganizer, nobody} {
				_, err := s.Organizer(s.ctx(), scope, id)
				if slices.Contains(list, id) {
					s.ok(what, err)
					continue
				}
				isError(t, what, err, models.ErrOrganizerNotFound)
			}
			got := pages(t, 1, func(page models.Page) ([]models.Organizer, error) {
				return s.Organizers(s.ctx(), scope, page)
			}, func(o models.Organizer) models.Position { return models.Position{ID: o.ID} }, func() {})
			ids := idsOf(got, func(o models.Organizer) models.OrganizerID { return o.ID })
			same(t, what+" lists", ids, append([]models.OrganizerID{}, sorted(list...)...))
		}
		event := s.event(of(mine))
		want("everything", models.Everything, mine.ID, theirs.ID, models.DefaultOrganizer)
		want("an organizer", within(mine), mine.ID)
		want("some events", within(mine, event), mine.ID)
		want("a customer", alone(s.user()))
		want("nothing", models.Scope{})
	},

	"an_edit_is_written_with_its_version_and_time": func(t *testing.T, s *shop) {
		o, other := s.organizer("One"), s.organizer("Other")
		s.clock.Pass(time.Hour)
		got, err := s.UpdateOrganizer(s.ctx(), o.ID, models.OrganizerPatch{Name: new("Two")}, new(int64(1)))
		s.ok("editing", err)
		want := o
		want.Name, want.Version, want.UpdatedAt = "Two", 2, noon.Add(time.Hour)
		same(t, "the organizer as edited", got, want)
		for _, id := range []models.OrganizerID{o.ID, other.ID} {
			read, err := s.Organizer(s.ctx(), models.Everything, id)
			s.ok("reading", err)
			same(t, "the organizer as read", read, map[models.OrganizerID]models.Organizer{o.ID: want, other.ID: other}[id])
		}
		s.clock.Pass(time.Hour)
		got, err = s.UpdateOrganizer(s.ctx(), o.ID, models.OrganizerPatch{Name: new("Two")}, nil)
		s.ok("an edit that changes nothing", err)
		same(t, "the organizer", got, want)
		_, err = s.UpdateOrganizer(s.ctx(), o.ID, models.OrganizerPatch{Name: new("X")}, new(int64(1)))
		isError(t, "an old version", err, models.ErrVersionMismatch)
		_, err = s.UpdateOrganizer(s.ctx(), o.ID, models.OrganizerPatch{Name: new("")}, nil)
		isError(t, "an empty name", err, models.ErrInvalid)
		_, err = s.UpdateOrganizer(s.ctx(), models.NewID[models.OrganizerID](), models.OrganizerPatch{}, nil)
		isError(t, "an unknown one", err, models.ErrOrganizerNotFound)
	},

	"one_without_events_is_deleted_with_its_keys": func(t *testing.T, s *shop) {
		o := s.organizer("Gone")
		user, err := models.NewUser("John Doe", "john@example.com")
		s.ok("making a user", err)
		user.Organizer = o.ID
		_, err = s.CreateUser(s.ctx(), user)
		s.ok("creating a user", err)
		key, hash := s.key(models.KeyDraft{Role: models.RoleOrganizer, Organizer: o.ID})
		isError(t, "an old version", s.DeleteOrganizer(s.ctx(), o.ID, new(int64(2))), models.ErrVersionMismatch)
		s.grows("an organizer with a key goes", true, func() {
			s.ok("deleting", s.DeleteOrganizer(s.ctx(), o.ID, new(int64(1))))
		})
		_, _, err = s.KeyByHash(s.ctx(), hash)
		isError(t, "its key", err, models.ErrKeyNotFound)
		isError(t, "revoking it", s.RevokeKey(s.ctx(), models.Everything, key.ID), models.ErrKeyNotFound)
		same(t, "who made the user's row", s.readUser(user.ID).Organizer, models.OrganizerID{})
		isError(t, "again", s.DeleteOrganizer(s.ctx(), o.ID, nil), models.ErrOrganizerNotFound)
		other := s.organizer("Without keys")
		s.grows("an organizer without keys goes", false, func() { s.ok("deleting", s.DeleteOrganizer(s.ctx(), other.ID, nil)) })
	},

	"one_that_had_an_event_stays": func(t *testing.T, s *shop) {
		o := s.organizer("Has one")
		_, hash := s.key(models.KeyDraft{Role: models.RoleDoor, Organizer: o.ID})
		event := s.event(of(o))
		for range 2 {
			s.grows("a refused deletion", false, func() {
				isError(t, "DeleteOrganizer", s.DeleteOrganizer(s.ctx(), o.ID, nil), models.ErrOrganizerHasEvents)
			})
			_, _, err := s.KeyByHash(s.ctx(), hash)
			s.ok("its key", err)
			if event.DeletedAt.IsZero() {
				event = *s.done(event.ID, &sale.DeleteEvent{}).Event
			}
		}
		if err := s.exec(s.ctx(), "DELETE FROM organizers WHERE name = 'Has one'"); err == nil {
			t.Error("an organizer with an event was deleted by hand")
		}
	},

	"an_event_of_nobody_is_not_made": func(t *testing.T, s *shop) {
		event, err := models.NewEvent(models.EventDraft{
			Name: "Concert", DateTime: noon.Add(time.Hour), TotalTickets: 1, TicketPrice: models.Money{Currency: "USD"},
			Organizer: models.NewID[models.OrganizerID](),
		})
		s.ok("making an event", err)
		_, err = s.CreateEvent(s.ctx(), event)
		isError(t, "CreateEvent", err, models.ErrOrganizerNotFound)
		user, err := models.NewUser("John", "john@example.com")
		s.ok("making a user", err)
		user.Organizer = event.Organizer
		_, err = s.CreateUser(s.ctx(), user)
		isError(t, "CreateUser", err, models.ErrOrganizerNotFound)
		same(t, "the events", len(s.list(models.EventFilter{})), 0)
		same(t, "the users", len(s.allUsers()), 0)
	},

	"an_event_stays_its_organizers": func(t *testing.T, s *shop) {
		mine := s.organizer("Mine")
		event, user := s.event(of(mine)), s.user()
		s.organizer("Theirs")
		for range 3 {
			s.book(event, user, 1)
		}
		s.done(event.ID, &sale.EditEvent{Patch: models.EventPatch{Name: new("Another name")}})
		s.book(event, user, 1)
		s.done(event.ID, &sale.CancelEvent{})
		is := func() {
			t.Helper()
			owner, err := s.OwnerOf(s.ctx(), event.ID)
			s.ok("asking whose it is", err)
			same(t, "whose it is", owner, mine.ID)
			read, err := s.AnyEvent(s.ctx(), models.Everything, event.ID)
			s.ok("reading", err)
			same(t, "whose it is as read", read.Organizer, mine.ID)
		}
		is()
		if err := s.exec(s.ctx(), "UPDATE events SET organizer_id = (SELECT id FROM organizers WHERE name = 'Theirs')"); err == nil {
			t.Error("an event was given to another organizer by hand")
		}
		s.done(event.ID, &sale.CancelForEvent{Booking: s.bookingsOf(user, "")[0].ID})
		is()
		deleted := s.event(of(mine))
		s.done(deleted.ID, &sale.DeleteEvent{})
		event = deleted
		is()
		_, err := s.OwnerOf(s.ctx(), models.NewID[models.EventID]())
		isError(t, "OwnerOf", err, models.ErrEventNotFound)
	},

	"deleting_one_races_its_first_event_and_one_wins": func(t *testing.T, s *shop) {
		for i := range 12 {
			o := s.organizer(fmt.Sprint("Organizer ", i))
			event, err := models.NewEvent(models.EventDraft{
				Name: "Concert", DateTime: noon.Add(time.Hour), TotalTickets: 1, TicketPrice: models.Money{Currency: "USD"},
				Organizer: o.ID,
			})
			s.ok("making an event", err)
			var made, deleted error
			crowd(2, func(i int) {
				if i == 0 {
					_, made = s.CreateEvent(s.ctx(), event)
				} else {
					deleted = s.DeleteOrganizer(s.ctx(), o.ID, nil)
				}
			})
			switch {
			case made == nil && errors.Is(deleted, models.ErrOrganizerHasEvents):
			case deleted == nil && errors.Is(made, models.ErrOrganizerNotFound):
			default:
				t.Fatalf("the event gave %v and the deletion %v; exactly one should win", made, deleted)
			}
		}
	},
}
