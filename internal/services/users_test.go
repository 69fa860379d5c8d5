package services

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
)

type userStore = UserStore

// slowUsers is a store whose changes take a second of the bubble's clock.
type slowUsers struct {
	userStore
	counted
}

func (s *slowUsers) DeleteUser(ctx context.Context, _ models.Scope, _ models.UserID, _ *int64, _ time.Duration) error {
	_, err := s.query(ctx, "")
	return err
}

func (s *slowUsers) UpdateUser(ctx context.Context, _ models.Scope, _ models.UserID, _ models.UserPatch, _ *int64) (models.User, error) {
	_, err := s.query(ctx, "")
	return models.User{}, err
}

// Changes of users leave the store to others: one of a user at a time, two of all, and few may wait.
func TestUsers_changes_are_bounded(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		users, atOnce, refused int64
	}{
		"one user": {1, 1, 300 - maxOfOneUser}, "many users": {300, userChangesAtOnce, 300 - maxUserChanges},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &slowUsers{}
				users := NewUsers(store)
				ids := make([]models.UserID, test.users)
				for i := range ids {
					ids[i] = models.NewID[models.UserID]()
				}
				var group sync.WaitGroup
				var refused atomic.Int64
				for i := range int64(300) {
					group.Go(func() {
						var err error
						if i%2 == 0 {
							_, err = users.Update(t.Context(), models.TheOperator, ids[i%test.users], models.UserPatch{}, nil)
						} else {
							err = users.Delete(t.Context(), models.TheOperator, ids[i%test.users], nil)
						}
						if errors.Is(err, models.ErrUnavailable) {
							refused.Add(1)
						}
					})
				}
				synctest.Wait()
				if refused.Load() < test.refused || store.most.Load() != test.atOnce {
					t.Errorf("%d refused at once, want %d; %d at once, want %d", refused.Load(), test.refused, store.most.Load(), test.atOnce)
				}
				group.Wait()
				if n := len(users.turns.users); n != 0 || users.turns.all != 0 {
					t.Errorf("%d users are remembered, %d changes", n, users.turns.all)
				}
			})
		})
	}
}
