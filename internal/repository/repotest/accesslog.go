package repotest

import (
	"slices"
	"testing"
	"time"

	"quantix/internal/models"
)

// access lists the access log by pages.
func (s *shop) access(filter models.AccessFilter, size int) []models.AccessEntry {
	s.t.Helper()
	list := func(page models.Page) ([]models.AccessEntry, error) { return s.AccessEntries(s.ctx(), filter, page) }
	return pages(s.t, size, list, func(e models.AccessEntry) models.Position {
		return models.Position{Time: e.At, ID: e.ID}
	}, func() {})
}

// looks notes so many accesses, one a minute, each of one of the users by turns, and returns them newest first.
func (s *shop) looks(n int, users ...models.UserID) (all []models.AccessEntry) {
	s.t.Helper()
	for i := range n {
		entry := models.AccessEntry{
			ID: models.NewID[models.AccessID](), Actor: "key 1", Action: models.ReadUser, User: users[i%len(users)],
			IP: "2001:db8::1", RequestID: "r",
		}
		s.ok("writing the log", s.LogAccess(s.ctx(), []models.AccessEntry{entry}))
		entry.At = s.clock.Now()
		all = append(all, entry)
		s.clock.Pass(time.Minute)
	}
	slices.Reverse(all)
	return all
}

// accessRules are the promises of the access log.
var accessRules = rules{
	"entries_are_read_as_they_were_written_newest_first": func(t *testing.T, s *shop) {
		s.ok("writing nothing", s.LogAccess(s.ctx(), nil))
		same(t, "the empty log", len(s.access(models.AccessFilter{}, 2)), 0)
		first := models.AccessEntry{
			ID: models.NewID[models.AccessID](), Actor: "subject 音楽 of https://id.example", Action: models.ListUsers,
			IP: "192.0.2.1", RequestID: "abc",
		}
		second := models.AccessEntry{
			ID: models.NewID[models.AccessID](), Action: models.EraseUser, User: models.NewID[models.UserID](),
		}
		s.ok("writing two at once", s.LogAccess(s.ctx(), []models.AccessEntry{first, second}))
		first.At, second.At = noon, noon
		got := s.access(models.AccessFilter{}, all)
		same(t, "the log", got, []models.AccessEntry{second, first})
		isInstant(t, "at", got[0].At)
	},

	"pages_are_of_all_or_of_one_user": func(t *testing.T, s *shop) {
		one, other := models.NewID[models.UserID](), models.NewID[models.UserID]()
		entries := s.looks(9, one, other, models.UserID{})
		for _, size := range []int{1, 2, 9, 10} {
			same(t, "all", s.access(models.AccessFilter{}, size), entries)
			same(t, "one user's", s.access(models.AccessFilter{User: one}, size),
				[]models.AccessEntry{entries[2], entries[5], entries[8]})
		}
		same(t, "nobody's", len(s.access(models.AccessFilter{User: models.NewID[models.UserID]()}, 2)), 0)
		clean := s.looks(1, one)
		same(t, "at the same time, by id", s.access(models.AccessFilter{}, 1)[0], clean[0])
	},

	"texts_of_any_kind_are_kept": func(t *testing.T, s *shop) {
		entry := models.AccessEntry{
			ID: models.NewID[models.AccessID](), Actor: "a\x00b\xff", Action: models.ReadUser, RequestID: "\x00",
		}
		s.ok("writing", s.LogAccess(s.ctx(), []models.AccessEntry{entry}))
		same(t, "the actor", s.access(models.AccessFilter{}, 1)[0].Actor, "a\uFFFDb\uFFFD")
	},

	"entries_outlive_their_user": func(t *testing.T, s *shop) {
		user := s.user()
		entries := s.looks(2, user.ID)
		s.ok("deleting", s.DeleteUser(s.ctx(), models.Everything, user.ID, nil, 0))
		same(t, "the log", s.access(models.AccessFilter{User: user.ID}, all), entries)
	},

	"no_entry_is_changed": func(t *testing.T, s *shop) {
		entries := s.looks(2, models.NewID[models.UserID]())
		if err := s.exec(s.ctx(), "UPDATE access_log SET actor = 'nobody'"); err == nil {
			t.Error("an entry was changed by hand")
		}
		same(t, "the log", s.access(models.AccessFilter{}, all), entries)
	},

	"old_entries_are_pruned_in_pieces": func(t *testing.T, s *shop) {
		entries := s.looks(7, models.NewID[models.UserID]()) // the newest a minute ago, the oldest seven
		prune := func(age time.Duration, limit, want int) {
			t.Helper()
			n, err := s.PruneAccessLog(s.ctx(), age, limit)
			s.ok("pruning", err)
			same(t, "how many are gone", n, want)
		}
		prune(7*time.Minute, all, 0)
		prune(3*time.Minute, 3, 3)
		same(t, "the log", s.access(models.AccessFilter{}, all), entries[:4])
		prune(3*time.Minute, 3, 1)
		prune(3*time.Minute, 3, 0)
		same(t, "the log", s.access(models.AccessFilter{}, all), entries[:3])
	},
}
