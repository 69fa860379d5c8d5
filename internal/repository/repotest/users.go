package repotest

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
	"quantix/internal/sale"
)

// userRules are the promises of Users.
var userRules = rules{
	"is_read_as_it_was_created": func(t *testing.T, s *shop) {
		user := s.userNamed("Jürgen O'Neill 山", "Jürgen.O'Neill@Example.COM")
		want := models.User{
			ID: user.ID, Name: "Jürgen O'Neill 山", Email: "Jürgen.O'Neill@Example.COM", Version: 1, CreatedAt: noon,
			UpdatedAt: noon,
		}
		same(t, "the user as created", user, want)
		got := s.readUser(user.ID)
		same(t, "the user as read", got, want)
		isInstant(t, "created_at", got.CreatedAt)
		isInstant(t, "updated_at", got.UpdatedAt)
		if got.DeletedAt != (time.Time{}) {
			t.Errorf("a user who is there was deleted at %v", got.DeletedAt)
		}
	},

	"may_have_the_longest_name_and_address": func(t *testing.T, s *shop) {
		user := s.userNamed(strings.Repeat("é", models.MaxNameLength), strings.Repeat("a", 64)+"@"+strings.Repeat("b.", 90)+
			"example")
		same(t, "the user", s.readUser(user.ID), user)
	},

	"unknown_and_deleted_ones_are_not_found": func(t *testing.T, s *shop) {
		deleted := s.user()
		s.ok("deleting", s.erase(deleted.ID, nil))
		for _, id := range []models.UserID{deleted.ID, models.NewID[models.UserID](), {}} {
			_, err := s.User(s.ctx(), models.Everything, id)
			isError(t, "User", err, models.ErrUserNotFound)
			_, err = s.update(id, models.UserPatch{Name: new("X")}, nil)
			isError(t, "UpdateUser", err, models.ErrUserNotFound)
			isError(t, "DeleteUser", s.erase(id, nil), models.ErrUserNotFound)
		}
		list, err := s.Users(s.ctx(), models.Page{Limit: all})
		if err != nil || len(list) != 0 {
			t.Errorf("the list has %v, %v", list, err)
		}
	},

	"an_address_belongs_to_one_user_in_any_case": func(t *testing.T, s *shop) {
		s.userNamed("John", "john@example.com")
		for _, email := range []string{"john@example.com", "JOHN@example.com", "John@Example.Com"} {
			user, err := models.NewUser("Another", email)
			s.ok("making a user", err)
			s.leavesNothing(func() {
				_, err = s.CreateUser(s.ctx(), user)
				isError(t, "CreateUser", err, models.ErrEmailTaken)
			})
		}
		s.userNamed("Another", "john@example.org")
	},

	"of_many_who_ask_for_an_address_at_once_one_gets_it": func(t *testing.T, s *shop) {
		variants := []string{"john@example.com", "JOHN@example.com", "john@EXAMPLE.com", "jOhN@example.com"}
		var made, taken atomic.Int32
		crowd(16, func(i int) {
			user, _ := models.NewUser("John", variants[i%len(variants)])
			_, err := s.CreateUser(s.ctx(), user)
			switch {
			case err == nil:
				made.Add(1)
			case errors.Is(err, models.ErrEmailTaken):
				taken.Add(1)
			default:
				t.Errorf("CreateUser gave %v", err)
			}
		})
		if made.Load() != 1 || taken.Load() != 15 {
			t.Errorf("%d were made and %d refused; want 1 and 15", made.Load(), taken.Load())
		}
	},

	"deleting_one_erases_name_and_address": func(t *testing.T, s *shop) {
		user, other := s.userNamed("John Doe", "John@Example.com"), s.user()
		s.clock.Pass(time.Hour)
		s.ok("deleting", s.erase(user.ID, nil))
		s.ok("bringing the row back", s.exec(s.ctx(), "UPDATE users SET deleted_at = NULL"))
		want := user
		want.Name, want.Email, want.UpdatedAt = "erased", user.ID.String()+"@erased.invalid", noon.Add(time.Hour)
		same(t, "the row of the deleted user", s.readUser(user.ID), want)
		same(t, "the other user", s.readUser(other.ID), other)
		s.userNamed("John Doe", "john@example.com")
	},

	"the_address_of_a_deleted_user_is_free_again": func(t *testing.T, s *shop) {
		for range 3 {
			user := s.userNamed("John", "john@example.com")
			s.ok("deleting", s.erase(user.ID, nil))
		}
		s.userNamed("John", "JOHN@example.com")
	},

	"are_listed_by_id": func(t *testing.T, s *shop) {
		var want []models.UserID
		for range 7 {
			want = append(want, s.user().ID)
		}
		want = sorted(want...)
		list := func(page models.Page) ([]models.User, error) { return s.Users(s.ctx(), page) }
		first, err := list(models.Page{Limit: 4})
		s.ok("listing", err)
		same(t, "the first four", userIDs(first), want[:4])
		removed := false
		got := pages(t, 2, list, func(u models.User) models.Position { return models.Position{ID: u.ID} }, func() {
			if !removed {
				s.ok("deleting one that was seen", s.erase(want[0], nil))
				removed = true
			}
		})
		same(t, "the pages", userIDs(got), want)
		for _, u := range got[1:] {
			same(t, "a user in a list", u, s.readUser(u.ID))
		}
	},

	"an_edit_is_written_with_its_version_and_time": func(t *testing.T, s *shop) {
		user := s.user()
		s.clock.Pass(time.Hour)
		got, err := s.update(user.ID, models.UserPatch{Name: new("Jane"), Email: new("jane@example.com")},
			new(int64(1)))
		s.ok("editing", err)
		want := user
		want.Name, want.Email, want.Version, want.UpdatedAt = "Jane", "jane@example.com", 2, noon.Add(time.Hour)
		same(t, "the user as edited", got, want)
		same(t, "the user as read", s.readUser(user.ID), want)
	},

	"an_edit_that_changes_nothing_writes_nothing": func(t *testing.T, s *shop) {
		user := s.user()
		s.clock.Pass(time.Hour)
		for _, patch := range []models.UserPatch{{}, {Name: &user.Name}, {Email: &user.Email}} {
			got, err := s.update(user.ID, patch, nil)
			s.ok("editing", err)
			same(t, "the user", got, user)
		}
		same(t, "the user as read", s.readUser(user.ID), user)
	},

	"a_wrong_edit_is_refused_and_writes_nothing": func(t *testing.T, s *shop) {
		user := s.user()
		s.userNamed("Jane", "jane@example.com")
		for want, edit := range map[*models.Error]func() (models.User, error){
			models.ErrVersionMismatch: func() (models.User, error) {
				return s.update(user.ID, models.UserPatch{Name: new("X")}, new(int64(2)))
			},
			models.ErrInvalid: func() (models.User, error) {
				return s.update(user.ID, models.UserPatch{Name: new("")}, nil)
			},
			models.ErrEmailTaken: func() (models.User, error) {
				return s.update(user.ID, models.UserPatch{Name: new("X"), Email: new("JANE@example.com")}, nil)
			},
		} {
			s.leavesNothing(func() {
				_, err := edit()
				isError(t, "UpdateUser", err, want)
			})
		}
	},

	"may_change_the_case_of_their_own_address": func(t *testing.T, s *shop) {
		user := s.userNamed("John", "john@example.com")
		got, err := s.update(user.ID, models.UserPatch{Email: new("John@Example.com")}, nil)
		if err != nil || got.Email != "John@Example.com" {
			t.Errorf("UpdateUser gave %+v, %v", got, err)
		}
	},

	"of_many_edits_of_one_version_one_wins": func(t *testing.T, s *shop) {
		user := s.user()
		var won atomic.Int32
		crowd(8, func(i int) {
			err := retry.Do(s.ctx(), repository.IsConflict, func() error {
				_, err := s.update(user.ID, models.UserPatch{Name: new("Jane " + string(rune('a'+i)))}, new(int64(1)))
				return err
			})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, models.ErrVersionMismatch):
				t.Errorf("UpdateUser gave %v", err)
			}
		})
		if got := s.readUser(user.ID).Version; won.Load() != 1 || got != 2 {
			t.Errorf("%d edits won, and the version is %d; want 1 and 2", won.Load(), got)
		}
	},

	"is_not_deleted_by_an_old_version": func(t *testing.T, s *shop) {
		user := s.user()
		s.leavesNothing(func() {
			isError(t, "DeleteUser", s.erase(user.ID, new(int64(2))), models.ErrVersionMismatch)
		})
		s.ok("deleting", s.erase(user.ID, new(int64(1))))
	},

	"is_not_deleted_while_a_booking_is_pending": func(t *testing.T, s *shop) {
		event, user := s.event(), s.user()
		b := s.book(event, user, 1)
		s.clock.Pass(48 * time.Hour) // even when the event is over
		s.leavesNothing(func() {
			isError(t, "DeleteUser", s.erase(user.ID, nil), models.ErrUserHasBookings)
		})
		s.done(event.ID, &sale.Expire{Booking: b.ID})
		s.ok("deleting", s.erase(user.ID, nil))
		same(t, "the booking's user", s.booking(b.ID).UserID, user.ID)
	},

	"is_not_deleted_while_a_confirmed_booking_is_for_an_event_not_over": deletingBuyers,

	"is_not_deleted_while_one_booking_of_thousands_is_live": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(10_000)), s.user()
		live := s.book(event, user, 1)
		for range 5 {
			reserves, cancels := []sale.Command{}, []sale.Command{}
			for range 500 {
				reserves = append(reserves, reserve(user, 1))
			}
			verdicts, err := s.try(s.ctx(), event.ID, reserves...)
			s.ok("booking", err)
			for _, v := range verdicts {
				cancels = append(cancels, &sale.Cancel{Booking: v.Booking.ID})
			}
			_, err = s.try(s.ctx(), event.ID, cancels...)
			s.ok("cancelling", err)
		}
		s.leavesNothing(func() {
			isError(t, "DeleteUser", s.erase(user.ID, nil), models.ErrUserHasBookings)
		})
		s.done(event.ID, &sale.Cancel{Booking: live.ID})
		s.ok("deleting", s.erase(user.ID, nil))
	},

	"deleting_one_races_a_booking_and_one_wins": func(t *testing.T, s *shop) {
		event := s.event(tickets(1000))
		for range 12 {
			user := s.user()
			var verdict sale.Verdict
			var deleted error
			crowd(2, func(i int) {
				if i == 0 {
					deleted = retry.Do(s.ctx(), repository.IsConflict, func() error { return s.erase(user.ID, nil) })
					return
				}
				verdicts, err := s.try(s.ctx(), event.ID, reserve(user, 1))
				if err != nil {
					t.Errorf("the desk failed: %v", err)
					return
				}
				verdict = verdicts[0]
			})
			booked := verdict.Err == nil
			switch {
			case booked && errors.Is(deleted, models.ErrUserHasBookings):
			case !booked && errors.Is(verdict.Err, models.ErrUserNotFound) && deleted == nil:
			default:
				t.Fatalf("the booking gave %v and the deletion %v; exactly one should win", verdict.Err, deleted)
			}
		}
	},

	"changing_ones_address_does_not_keep_one_from_booking": func(t *testing.T, s *shop) {
		event, user := s.event(tickets(1000)), s.user()
		crowd(2, func(i int) {
			for n := range 20 {
				var err error
				if i == 0 {
					_, err = s.update(user.ID, models.UserPatch{Email: new(strings.Repeat("x", n+1) + "@example.com")},
						nil)
				} else {
					_, err = s.try(s.ctx(), event.ID, reserve(user, 1))
				}
				if err != nil {
					t.Errorf("round %d gave %v", n, err)
				}
			}
		})
		if got := s.stock(event.ID).Pending; got != 20 || s.readUser(user.ID).Version != 21 {
			t.Errorf("%d bookings were made; want 20", got)
		}
	},
}

// update and erase are an administrator's.
func (s *shop) update(id models.UserID, patch models.UserPatch, ifVersion *int64) (models.User, error) {
	return s.UpdateUser(s.ctx(), models.Everything, id, patch, ifVersion)
}

func (s *shop) erase(id models.UserID, ifVersion *int64) error {
	return s.DeleteUser(s.ctx(), models.Everything, id, ifVersion, 0)
}

func (s *shop) readUser(id models.UserID) models.User {
	s.t.Helper()
	user, err := s.User(s.ctx(), models.Everything, id)
	s.ok("reading a user", err)
	return user
}

func userIDs(list []models.User) []models.UserID {
	return idsOf(list, func(u models.User) models.UserID { return u.ID })
}

// deletingBuyers: an event is over only when both its beginning and the end of its sale are past. A free ticket counts
// as one that was paid for.
func deletingBuyers(t *testing.T, s *shop) {
	for _, cost := range []int64{2500, 0} {
		s.clock.set(noon)
		at := price(cost, "USD")
		short := s.event(at, begins(noon.Add(time.Hour)))
		long := s.event(at, begins(noon.Add(time.Hour)), func(d *models.EventDraft) { d.SalesEnd = noon.Add(3 * time.Hour) })
		early := s.event(at, begins(noon.Add(2*time.Hour)), func(d *models.EventDraft) { d.SalesEnd = noon.Add(time.Minute) })
		for _, test := range []struct {
			event models.Event
			over  time.Time
		}{{short, short.DateTime}, {long, long.SalesEnd}, {early, early.DateTime}} {
			user := s.user()
			s.clock.set(noon)
			b := s.book(test.event, user, 1)
			if cost == 0 {
				s.done(test.event.ID, &sale.ConfirmFree{Booking: b.ID})
			} else {
				s.settle(s.charge(b).ChargeKey, models.OutcomeSucceeded)
			}
			s.clock.set(test.over.Add(-time.Microsecond))
			isError(t, "DeleteUser", s.erase(user.ID, nil), models.ErrUserHasBookings)
			s.clock.set(test.over)
			s.ok("deleting when the event is over", s.erase(user.ID, nil))
		}
	}
}
