package repotest

import (
	"crypto/sha256"
	"sync/atomic"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// key makes a key, and the hash by which it is found.
func (s *shop) key(draft models.KeyDraft) (models.APIKey, models.KeyHash) {
	s.t.Helper()
	draft.Name = "A key"
	key, err := models.NewAPIKey(draft)
	s.ok("the key", err)
	hash := models.KeyHash(sha256.Sum256(key.ID[:]))
	made, err := s.CreateKey(s.ctx(), key, hash)
	s.ok("creating a key", err)
	want := key
	want.CreatedAt = s.clock.Now()
	same(s.t, "the key as created", made, want)
	return made, hash
}

func (s *shop) readKey(hash models.KeyHash) models.APIKey {
	s.t.Helper()
	key, now, err := s.KeyByHash(s.ctx(), hash)
	s.ok("reading a key", err)
	same(s.t, "the time", now, s.clock.Now())
	isInstant(s.t, "the time", now)
	return key
}

// keysWithin lists keys by pages.
func (s *shop) keysWithin(scope models.Scope) []models.KeyID {
	s.t.Helper()
	got := pages(s.t, 2, func(page models.Page) ([]models.APIKey, error) { return s.Keys(s.ctx(), scope, page) },
		func(k models.APIKey) models.Position { return models.Position{ID: k.ID} }, func() {})
	return idsOf(got, func(k models.APIKey) models.KeyID { return k.ID })
}

// keyRules are the promises of API keys.
var keyRules = rules{
	"is_found_by_its_hash_as_it_was_created": func(t *testing.T, s *shop) {
		o := s.organizer("Mine")
		events := []models.EventID{s.event(of(o)).ID, s.event(of(o)).ID}
		for _, draft := range []models.KeyDraft{
			{Role: models.RoleAdmin},
			{Role: models.RoleAdmin, ExpiresAt: noon.Add(time.Hour + time.Microsecond)},
			{Role: models.RoleOrganizer, Organizer: o.ID},
			{Role: models.RoleBoxOffice, Organizer: o.ID, Events: events},
			{Role: models.RoleDoor, Organizer: o.ID, Events: events[1:], ExpiresAt: noon.Add(time.Hour)},
		} {
			key, hash := s.key(draft)
			got := s.readKey(hash)
			same(t, "the key as read", got, key)
			isInstant(t, "created_at", got.CreatedAt)
			s.clock.Pass(time.Second)
		}
		_, _, err := s.KeyByHash(s.ctx(), models.KeyHash{1})
		isError(t, "an unknown hash", err, models.ErrKeyNotFound)
	},

	"expires_by_the_stores_clock": func(t *testing.T, s *shop) {
		_, hash := s.key(models.KeyDraft{Role: models.RoleAdmin, ExpiresAt: noon.Add(time.Hour)})
		for _, at := range []time.Time{noon, noon.Add(time.Hour - time.Microsecond), noon.Add(time.Hour)} {
			s.clock.set(at)
			key, now, err := s.KeyByHash(s.ctx(), hash)
			s.ok("reading", err)
			same(t, "whether it is in force", key.InForce(now), at.Before(noon.Add(time.Hour)))
		}
	},

	"is_of_its_organizers_events_alone": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		own, foreign, deleted := s.event(of(mine)), s.event(of(theirs)), s.event(of(mine))
		s.done(deleted.ID, &sale.DeleteEvent{})
		tries := func(organizer models.OrganizerID, want *models.Error, events ...models.EventID) string {
			t.Helper()
			key, err := models.NewAPIKey(models.KeyDraft{
				Name: "A key", Role: models.RoleDoor, Organizer: organizer, Events: events,
			})
			s.ok("the key", err)
			hash := models.KeyHash(sha256.Sum256(key.ID[:]))
			_, err = s.CreateKey(s.ctx(), key, hash)
			isError(t, "CreateKey", err, want)
			_, _, read := s.KeyByHash(s.ctx(), hash)
			isError(t, "the key that was refused", read, models.ErrKeyNotFound)
			return err.Error()
		}
		absent := tries(mine.ID, models.ErrEventNotFound, own.ID, models.NewID[models.EventID]())
		same(t, "the error of a foreign event", tries(mine.ID, models.ErrEventNotFound, own.ID, foreign.ID), absent)
		same(t, "the error of a deleted event", tries(mine.ID, models.ErrEventNotFound, deleted.ID), absent)
		tries(models.NewID[models.OrganizerID](), models.ErrOrganizerNotFound)
		tries(models.NewID[models.OrganizerID](), models.ErrOrganizerNotFound, own.ID)
		same(t, "the keys", s.keysWithin(models.Everything), []models.KeyID{})
	},

	"are_listed_by_id_within_a_scope": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		var own, everybodys []models.KeyID
		for range 5 {
			a, _ := s.key(models.KeyDraft{Role: models.RoleDoor, Organizer: mine.ID})
			b, _ := s.key(models.KeyDraft{Role: models.RoleDoor, Organizer: theirs.ID})
			c, _ := s.key(models.KeyDraft{Role: models.RoleAdmin})
			own, everybodys = append(own, a.ID), append(everybodys, a.ID, b.ID, c.ID)
		}
		gone, _ := s.key(models.KeyDraft{Role: models.RoleDoor, Organizer: mine.ID})
		s.ok("revoking", s.RevokeKey(s.ctx(), models.Everything, gone.ID))
		same(t, "all keys", s.keysWithin(models.Everything), sorted(everybodys...))
		same(t, "an organizer's", s.keysWithin(within(mine)), sorted(own...))
		same(t, "a customer's", s.keysWithin(alone(s.user())), []models.KeyID{})
		same(t, "nobody's", s.keysWithin(models.Scope{}), []models.KeyID{})
	},

	"is_revoked_for_good_and_everybody_sees_it": func(t *testing.T, s *shop) {
		mine := s.organizer("Mine")
		key, hash := s.key(models.KeyDraft{Role: models.RoleDoor, Organizer: mine.ID})
		other, otherHash := s.key(models.KeyDraft{Role: models.RoleAdmin})
		s.clock.Pass(time.Hour)
		s.grows("a key is revoked", true, func() { s.ok("revoking", s.RevokeKey(s.ctx(), within(mine), key.ID)) })
		want := key
		want.RevokedAt = noon.Add(time.Hour)
		same(t, "the revoked key", s.readKey(hash), want)
		same(t, "the other key", s.readKey(otherHash), other)
		s.clock.Pass(time.Hour)
		s.grows("it is revoked again", false, func() {
			isError(t, "RevokeKey", s.RevokeKey(s.ctx(), models.Everything, key.ID), models.ErrKeyNotFound)
		})
		same(t, "the revoked key", s.readKey(hash), want)
	},

	"only_its_own_are_revoked_by_a_scope": func(t *testing.T, s *shop) {
		mine, theirs := s.organizer("Mine"), s.organizer("Theirs")
		foreign, hash := s.key(models.KeyDraft{Role: models.RoleDoor, Organizer: theirs.ID})
		admins, _ := s.key(models.KeyDraft{Role: models.RoleAdmin})
		for _, scope := range []models.Scope{within(mine), {}, alone(s.user())} {
			s.grows("nothing is revoked", false, func() {
				absent := s.RevokeKey(s.ctx(), scope, models.NewID[models.KeyID]())
				isError(t, "an absent key", absent, models.ErrKeyNotFound)
				for _, id := range []models.KeyID{foreign.ID, admins.ID} {
					err := s.RevokeKey(s.ctx(), scope, id)
					isError(t, "a foreign key", err, models.ErrKeyNotFound)
					same(t, "the error of a foreign key", err.Error(), absent.Error())
				}
			})
		}
		same(t, "the foreign key", s.readKey(hash), foreign)
	},

	"of_many_who_revoke_one_at_once_one_does": func(t *testing.T, s *shop) {
		key, _ := s.key(models.KeyDraft{Role: models.RoleAdmin})
		before := s.identity(s)
		var done atomic.Int32
		crowd(16, func(int) {
			if s.RevokeKey(s.ctx(), models.Everything, key.ID) == nil {
				done.Add(1)
			}
		})
		same(t, "how many revoked it", done.Load(), 1)
		same(t, "how often the version grew", s.identity(s)-before, 1)
	},

	"when_it_was_used_last_only_grows": func(t *testing.T, s *shop) {
		first, firstHash := s.key(models.KeyDraft{Role: models.RoleAdmin})
		second, secondHash := s.key(models.KeyDraft{Role: models.RoleAdmin})
		touch := func(used map[models.KeyID]time.Time) {
			t.Helper()
			s.grows("a key is used", false, func() { s.ok("touching", s.TouchKeys(s.ctx(), used)) })
		}
		touch(nil)
		touch(map[models.KeyID]time.Time{first.ID: noon, models.NewID[models.KeyID](): noon})
		touch(map[models.KeyID]time.Time{first.ID: noon.Add(-time.Minute), second.ID: noon.Add(time.Minute)})
		first.LastUsedAt, second.LastUsedAt = noon, noon.Add(time.Minute)
		same(t, "the first", s.readKey(firstHash), first)
		same(t, "the second", s.readKey(secondHash), second)
	},

	"many_processes_tell_of_the_same_ones": func(t *testing.T, s *shop) {
		used := map[models.KeyID]time.Time{}
		for range 8 {
			key, _ := s.key(models.KeyDraft{Role: models.RoleAdmin})
			used[key.ID] = noon
		}
		ports := []Port{s, s.beside()}
		crowd(8, func(i int) {
			for n := range 5 {
				later := map[models.KeyID]time.Time{}
				for id := range used {
					later[id] = noon.Add(time.Duration(n*8+i) * time.Second)
				}
				if err := ports[i%2].TouchKeys(s.ctx(), later); err != nil {
					t.Errorf("TouchKeys gave %v", err)
				}
			}
		})
		list, err := s.Keys(s.ctx(), models.Everything, models.Page{Limit: all})
		s.ok("listing", err)
		for _, key := range list {
			same(t, "when a key was used last", key.LastUsedAt, noon.Add(39*time.Second))
		}
	},
}
