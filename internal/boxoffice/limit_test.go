package boxoffice

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// What a user holds is asked for under the limit, and never without. Who has reached it is none of the latch's: others
// still buy, until nothing is left.
func TestReserve_up_to_what_a_user_may_hold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := newScripted(5)
		store.before = func(_ int, need sale.Reads) error {
			if !need.Customers {
				t.Error("what users hold was not asked for")
			}
			return nil
		}
		office := New(store, Options{Rules: sale.Rules{MaxLivePerUser: 3}})
		john, jane := models.NewID[models.UserID](), models.NewID[models.UserID]()
		asks := func(user models.UserID, quantity int64, key string, want *models.Error) {
			t.Helper()
			c := buy(quantity)
			c.User, c.Key = user, key
			_, err := office.Reserve(t.Context(), store.id, c)
			if want == nil && err != nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%d tickets: %v; want %v", quantity, err, want)
			}
		}
		asks(john, 4, "", models.ErrUserLimitReached)
		asks(john, 3, "k", nil)
		asks(john, 1, "", models.ErrUserLimitReached)
		asks(john, 3, "k", nil)
		asks(jane, 2, "", nil)
		asks(jane, 1, "", models.ErrSoldOut)
		asks(john, 1, "", models.ErrSoldOut) // by the latch, which knows no users
		asks(john, 3, "k", nil)
		if err := office.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestReserve_without_a_limit_asks_for_no_customers(t *testing.T) {
	t.Parallel()
	store := newScripted(5)
	store.before = func(_ int, need sale.Reads) error {
		if need.Customers {
			t.Error("what users hold was asked for")
		}
		return nil
	}
	if _, err := New(store, Options{}).Reserve(t.Context(), store.id, buy(1)); err != nil {
		t.Error(err)
	}
}
