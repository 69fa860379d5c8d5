package services

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// Users is the use cases of users.
type Users struct {
	store  repository.Users
	turns  *turns
	window time.Duration // how long a paid booking may still have to be refunded
}

// NewUsers works on a store.
func NewUsers(store repository.Users) *Users {
	return &Users{store: store, turns: newTurns(), window: models.DefaultRefundWindow}
}

// Refunded returns the same use cases for another refund window.
func (u *Users) Refunded(window time.Duration) *Users {
	other := *u
	other.window = window
	return &other
}

// Create registers a user. Errors: models.ErrInvalid, models.ErrEmailTaken.
func (u *Users) Create(ctx context.Context, name, email string) (models.User, error) {
	user, err := models.NewUser(name, email)
	if err != nil {
		return models.User{}, err
	}
	return retried(ctx, func() (models.User, error) { return u.store.CreateUser(ctx, user) })
}

// Get returns one user. Error: models.ErrUserNotFound.
func (u *Users) Get(ctx context.Context, id models.UserID) (models.User, error) {
	return explained(u.store.User(ctx, id))
}

// List returns users in the order of their creation.
func (u *Users) List(ctx context.Context, p models.Page) ([]models.User, error) {
	return explained(u.store.Users(ctx, page(p)))
}

// ByEmail returns the user who has an address, in any case, or none: a list of at most one.
func (u *Users) ByEmail(ctx context.Context, email string) ([]models.User, error) {
	user, err := u.store.UserByEmail(ctx, email)
	if errors.Is(err, models.ErrUserNotFound) {
		return []models.User{}, nil
	}
	return explained([]models.User{user}, err)
}

// Update changes a user. Errors: models.ErrUserNotFound, models.ErrInvalid, models.ErrEmailTaken,
// models.ErrVersionMismatch.
func (u *Users) Update(
	ctx context.Context, id models.UserID, patch models.UserPatch, ifVersion *int64,
) (models.User, error) {
	done, err := u.turns.take(ctx, id)
	if err != nil {
		return models.User{}, err
	}
	defer done()
	return retried(ctx, func() (models.User, error) { return u.store.UpdateUser(ctx, id, patch, ifVersion) })
}

// Delete hides a user. Errors: models.ErrUserNotFound, models.ErrUserHasBookings, models.ErrVersionMismatch.
func (u *Users) Delete(ctx context.Context, id models.UserID, ifVersion *int64) error {
	done, err := u.turns.take(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	_, err = retried(ctx, func() (struct{}, error) { return struct{}{}, u.store.DeleteUser(ctx, id, ifVersion, u.window) })
	return err
}
