package services

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// UserStore is what the use cases of users need of the store.
type UserStore interface {
	repository.Users
	accessStore
}

// Users is the use cases of users.
type Users struct {
	store  UserStore
	log    accessLog
	turns  *turns
	window time.Duration // how long a paid booking may still have to be refunded
}

// NewUsers works on a store.
func NewUsers(store UserStore) *Users {
	return &Users{store: store, log: accessLog{store}, turns: newTurns(), window: models.DefaultRefundWindow}
}

// Refunded returns the same use cases for another refund window.
func (u *Users) Refunded(window time.Duration) *Users {
	other := *u
	other.window = window
	return &other
}

// Create registers a user, as one whom the caller's organizer has made. Errors: models.ErrInvalid;
// models.ErrEmailTaken, which names the user to who may see them.
func (u *Users) Create(ctx context.Context, who models.Caller, name, email string) (models.User, error) {
	user, err := models.NewUser(name, email)
	if err != nil {
		return models.User{}, err
	}
	user.Organizer = who.Scope().Organizer
	user, err = retried(ctx, func() (models.User, error) { return u.store.CreateUser(ctx, user) })
	return user, u.nameTaken(ctx, who, email, err)
}

// nameTaken adds to models.ErrEmailTaken who has the address, for who may see them: they have found them by it.
func (u *Users) nameTaken(ctx context.Context, who models.Caller, email string, err error) error {
	if !errors.Is(err, models.ErrEmailTaken) {
		return err
	}
	other, lookErr := u.store.UserByEmail(ctx, who.Scope(), email)
	if lookErr != nil || u.log.add(ctx, who, models.FindUser, other.ID) != nil {
		return err
	}
	return models.ErrEmailTaken.Attr("user_id", other.ID)
}

// Get returns one user. Error: models.ErrUserNotFound.
func (u *Users) Get(ctx context.Context, who models.Caller, id models.UserID) (models.User, error) {
	return u.look(ctx, who, models.ReadUser, id)
}

// Version returns the version of a user's row, which tells nothing of the person. Error: models.ErrUserNotFound.
func (u *Users) Version(ctx context.Context, who models.Caller, id models.UserID) (int64, error) {
	user, err := u.store.User(ctx, who.Scope(), id)
	return user.Version, repository.ToDomain(err)
}

// look returns a user within the caller's reach, and notes what for.
func (u *Users) look(
	ctx context.Context, who models.Caller, action models.AccessAction, id models.UserID,
) (models.User, error) {
	user, err := explained(u.store.User(ctx, who.Scope(), id))
	if err == nil {
		err = u.log.add(ctx, who, action, id)
	}
	if err != nil {
		return models.User{}, err
	}
	return user, nil
}

// List returns users in the order of their creation, to who reaches all. Error: models.ErrForbidden.
func (u *Users) List(ctx context.Context, who models.Caller, p models.Page) ([]models.User, error) {
	if !who.Scope().All {
		return nil, errListUsers
	}
	if err := u.log.add(ctx, who, models.ListUsers, models.UserID{}); err != nil {
		return nil, err
	}
	return explained(u.store.Users(ctx, page(p)))
}

var errListUsers = models.ErrForbidden.Say("Only an administrator may list users; ask for one by id, or with email=.")

// ByEmail returns the user who has an address, in any case, if the caller reaches them, or none: a list of at most one.
func (u *Users) ByEmail(ctx context.Context, who models.Caller, email string) ([]models.User, error) {
	user, err := u.store.UserByEmail(ctx, who.Scope(), email)
	if errors.Is(err, models.ErrUserNotFound) {
		return []models.User{}, nil
	}
	if err == nil {
		err = u.log.add(ctx, who, models.FindUser, user.ID)
	}
	return explained([]models.User{user}, err)
}

// Update changes a user. Errors: models.ErrUserNotFound, models.ErrInvalid, models.ErrEmailTaken,
// models.ErrVersionMismatch, models.ErrForbidden.
func (u *Users) Update(
	ctx context.Context, who models.Caller, id models.UserID, patch models.UserPatch, ifVersion *int64,
) (models.User, error) {
	if err := u.note(ctx, who, models.UpdateUser, id); err != nil { // before the turn, which strangers must not take
		return models.User{}, err
	}
	done, err := u.turns.take(ctx, id)
	if err != nil {
		return models.User{}, err
	}
	defer done()
	user, err := retried(ctx, func() (models.User, error) {
		return u.store.UpdateUser(ctx, who.Scope(), id, patch, ifVersion)
	})
	if patch.Email != nil {
		err = u.nameTaken(ctx, who, *patch.Email, err)
	}
	return user, err
}

// note notes a change of another's data that is about to be made. What is not there leaves no line.
func (u *Users) note(ctx context.Context, who models.Caller, action models.AccessAction, id models.UserID) error {
	if who.Principal == models.Operator || who.User == id {
		return nil
	}
	_, err := u.look(ctx, who, action, id)
	return err
}

// Delete hides a user. Errors: models.ErrUserNotFound, models.ErrUserHasBookings, models.ErrVersionMismatch,
// models.ErrForbidden.
func (u *Users) Delete(ctx context.Context, who models.Caller, id models.UserID, ifVersion *int64) error {
	if err := u.note(ctx, who, models.EraseUser, id); err != nil {
		return err
	}
	done, err := u.turns.take(ctx, id)
	if err != nil {
		return err
	}
	defer done()
	_, err = retried(ctx, func() (struct{}, error) {
		return struct{}{}, u.store.DeleteUser(ctx, who.Scope(), id, ifVersion, u.window)
	})
	return err
}
