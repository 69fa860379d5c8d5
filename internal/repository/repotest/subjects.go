package repotest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"quantix/internal/models"
)

// introduction is of a subject of one issuer.
func introduction(subject, email string) models.Introduction {
	return models.Introduction{Subject: models.Subject{Issuer: "https://id.example", Subject: subject}, Email: email}
}

// newcomer is the user that a subject becomes who is nobody yet.
func newcomer(t *testing.T, email string) models.User {
	t.Helper()
	user, err := models.NewUser("John Doe", email)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func (s *shop) bind(who models.Introduction, user models.User) models.UserID {
	s.t.Helper()
	id, err := s.BindSubject(s.ctx(), who, user)
	s.ok("binding a subject", err)
	return id
}

// bound fails the test unless a subject, and nobody else, is bound to a user.
func (s *shop) bound(who models.Introduction, user models.UserID) {
	s.t.Helper()
	id, err := s.UserOfSubject(s.ctx(), who.Subject)
	s.ok("reading a subject's user", err)
	same(s.t, "the subject's user", id, user)
	subjects, err := s.SubjectsOf(s.ctx(), user)
	s.ok("listing a user's subjects", err)
	same(s.t, "the user's subjects", subjects, []models.Subject{who.Subject})
}

// subjectRules are the promises on whom a subject is bound to.
var subjectRules = rules{
	"one_who_comes_first_becomes_a_user": func(t *testing.T, s *shop) {
		who, user := introduction("1", "john@example.com"), newcomer(t, "john@example.com")
		_, err := s.UserOfSubject(s.ctx(), who.Subject)
		isError(t, "UserOfSubject", err, models.ErrUserNotFound)
		s.grows("a subject is bound", false, func() { same(t, "the user", s.bind(who, user), user.ID) })
		s.bound(who, user.ID)
		want := user
		want.CreatedAt, want.UpdatedAt = noon, noon
		same(t, "the user as read", s.readUser(user.ID), want)
		again := newcomer(t, "another@example.com")
		same(t, "the user at the second time", s.bind(introduction("1", "another@example.com"), again), user.ID)
		same(t, "how many users there are", len(s.allUsers()), 1)
		for _, other := range []models.Subject{
			{Issuer: "https://id.example", Subject: "2"}, {Issuer: "https://id.other", Subject: "1"},
		} {
			_, err := s.UserOfSubject(s.ctx(), other)
			isError(t, "another subject", err, models.ErrUserNotFound)
		}
	},

	"one_whose_verified_address_is_known_is_that_user": func(t *testing.T, s *shop) {
		known := s.userNamed("Jane", "Jane@Example.com")
		who := introduction("1", "jane@EXAMPLE.com")
		same(t, "the user", s.bind(who, newcomer(t, "jane@EXAMPLE.com")), known.ID)
		s.bound(who, known.ID)
		same(t, "the user as read", s.readUser(known.ID), known)
		same(t, "how many users there are", len(s.allUsers()), 1)
	},

	"an_address_that_is_not_verified_takes_nobody_over": func(t *testing.T, s *shop) {
		known := s.userNamed("Jane", "jane@example.com")
		_, err := s.BindSubject(s.ctx(), introduction("1", ""), newcomer(t, "JANE@example.com"))
		isError(t, "BindSubject", err, models.ErrEmailTaken)
		subjects, err := s.SubjectsOf(s.ctx(), known.ID)
		if err != nil || len(subjects) != 0 {
			t.Errorf("the user has the subjects %v, %v", subjects, err)
		}
		who, user := introduction("1", ""), newcomer(t, "else@example.com")
		same(t, "the user", s.bind(who, user), user.ID)
		s.bound(who, user.ID)
	},

	"a_user_is_one_subjects_alone": func(t *testing.T, s *shop) {
		first, user := introduction("1", "jane@example.com"), s.userNamed("Jane", "jane@example.com")
		s.bind(first, newcomer(t, "jane@example.com"))
		_, err := s.BindSubject(s.ctx(), introduction("2", "jane@example.com"), newcomer(t, "jane@example.com"))
		isError(t, "BindSubject", err, models.ErrEmailTaken)
		_, err = s.UserOfSubject(s.ctx(), introduction("2", "").Subject)
		isError(t, "the second subject", err, models.ErrUserNotFound)
		other := newcomer(t, "second@example.com")
		same(t, "the second subject's user", s.bind(introduction("2", "jane@example.com"), other), other.ID)
		s.bound(first, user.ID)
		s.bound(introduction("2", ""), other.ID)
	},

	"of_many_who_bind_one_at_once_all_get_the_same": func(t *testing.T, s *shop) {
		ports := []Port{s, s.beside()}
		for name, email := range map[string]func(i int) string{
			"one address":        func(int) string { return "john@example.com" },
			"address by address": func(i int) string { return fmt.Sprintf("john%d@example.org", i) },
		} {
			who := introduction(name, "")
			var mu sync.Mutex
			got := map[models.UserID]int{}
			crowd(32, func(i int) {
				who := who
				if name == "one address" {
					who.Email = email(i)
				}
				user, _ := models.NewUser("John", email(i))
				id, err := ports[i%2].BindSubject(s.ctx(), who, user)
				if err != nil {
					t.Errorf("%s: BindSubject gave %v", name, err)
				}
				mu.Lock()
				defer mu.Unlock()
				got[id]++
			})
			same(t, name+": how many users were answered", len(got), 1)
			for id := range got {
				s.bound(who, id)
			}
		}
		same(t, "how many users there are", len(s.allUsers()), 2)
	},

	"of_many_with_one_address_one_gets_the_user": func(t *testing.T, s *shop) {
		ports := []Port{s, s.beside()}
		for _, known := range []bool{true, false} {
			email := fmt.Sprintf("john-%v@example.com", known)
			if known {
				s.userNamed("John", email)
			}
			errs := make([]error, 16)
			crowd(len(errs), func(i int) {
				user, _ := models.NewUser("John", email)
				_, errs[i] = ports[i%2].BindSubject(s.ctx(), introduction(fmt.Sprint(known, i), email), user)
			})
			bound := 0
			for _, err := range errs {
				switch {
				case err == nil:
					bound++
				case !errors.Is(err, models.ErrEmailTaken):
					t.Errorf("BindSubject gave %v", err)
				}
			}
			same(t, "how many were bound", bound, 1)
		}
		same(t, "how many users there are", len(s.allUsers()), 2)
	},

	"one_whose_user_is_erased_is_nobody_again": func(t *testing.T, s *shop) {
		who, user := introduction("1", "john@example.com"), newcomer(t, "john@example.com")
		s.bind(who, user)
		s.grows("a subject's user is erased", true, func() {
			s.ok("deleting", s.DeleteUser(s.ctx(), models.Everything, user.ID, nil, 0))
		})
		_, err := s.UserOfSubject(s.ctx(), who.Subject)
		isError(t, "UserOfSubject", err, models.ErrUserNotFound)
		subjects, err := s.SubjectsOf(s.ctx(), user.ID)
		if err != nil || len(subjects) != 0 {
			t.Errorf("the erased user has the subjects %v, %v", subjects, err)
		}
		plain := s.user()
		s.grows("a user of no subject is erased", false, func() {
			s.ok("deleting", s.DeleteUser(s.ctx(), models.Everything, plain.ID, nil, 0))
		})
		again := newcomer(t, "john@example.com")
		same(t, "the user at the next time", s.bind(who, again), again.ID)
		s.bound(who, again.ID)
	},

	"binding_one_races_an_organizers_edit_and_one_is_first": func(t *testing.T, s *shop) {
		mine := s.organizer("Mine")
		for i := range 12 {
			user := newcomer(t, fmt.Sprintf("john%d@example.com", i))
			user.Organizer = mine.ID
			_, err := s.CreateUser(s.ctx(), user)
			s.ok("creating a user", err)
			var edited error
			crowd(2, func(n int) {
				if n == 0 {
					_, edited = s.UpdateUser(s.ctx(), within(mine), user.ID, models.UserPatch{Name: new("Jane")}, nil)
					return
				}
				id, err := s.BindSubject(s.ctx(), introduction(fmt.Sprint(i), user.Email), user)
				if err != nil || id != user.ID {
					t.Errorf("BindSubject gave %v, %v", id, err)
				}
			})
			if edited != nil && !errors.Is(edited, models.ErrForbidden) {
				t.Errorf("UpdateUser gave %v", edited)
			}
			same(t, "the name", s.readUser(user.ID).Name == "Jane", edited == nil)
		}
	},
}
