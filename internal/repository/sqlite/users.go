package sqlite

import (
	"bytes"
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const userColumns = `id, organizer_id, name, email, version, deleted_at, created_at, updated_at`

func readUser(r *row) models.User {
	return models.User{ID: r.id(), Organizer: r.id(), Name: r.text(), Email: r.text(), Version: r.int(),
		DeletedAt: r.time(), CreatedAt: r.time(), UpdatedAt: r.time()}
}

const insertUser = `INSERT INTO users (` + userColumns + `, email_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`

// CreateUser writes a new user and returns it with its times set. Errors: models.ErrEmailTaken,
// models.ErrOrganizerNotFound.
func (s *Store) CreateUser(ctx context.Context, user models.User) (models.User, error) {
	err := s.write(ctx, "create a user", func(c *conn) error { return s.insertUser(c, &user) })
	if err != nil {
		return models.User{}, err
	}
	return user, nil
}

// insertUser writes a new user, and sets its times.
func (s *Store) insertUser(c *conn, user *models.User) error {
	if !user.Organizer.IsZero() {
		if err := organizerIsThere(c, user.Organizer); err != nil {
			return err
		}
	}
	user.CreatedAt = s.now()
	user.UpdatedAt = user.CreatedAt
	return emailTaken(c.one(insertUser, user.ID[:], nullID(user.Organizer), user.Name, user.Email, user.Version,
		nullMicros(user.DeletedAt), micros(user.CreatedAt), micros(user.UpdatedAt), models.EmailKey(user.Email)))
}

const selectUser = `SELECT ` + userColumns + ` FROM users WHERE id = ? AND deleted_at IS NULL`

// User returns one user. Error: models.ErrUserNotFound.
func (s *Store) User(ctx context.Context, scope models.Scope, id models.UserID) (models.User, error) {
	condition, values := usersIn(scope, 1)
	return single(ctx, s, "read a user", models.ErrUserNotFound, selectUser+condition, with(args{id[:]}, values), readUser)
}

const selectUserKnown = `SELECT count(*) FROM users WHERE id = ?`

// UserKnown reports whether there is such a user, or was one.
func (s *Store) UserKnown(ctx context.Context, scope models.Scope, id models.UserID) (known bool, err error) {
	condition, values := usersIn(scope, 1)
	err = s.readers.do(ctx, func(c *conn) error {
		n, err := c.number(ctx, selectUserKnown+condition, with(args{id[:]}, values)...)
		known = n > 0
		return err
	})
	return known, wrap("look for a user", err)
}

const selectUserByEmail = `SELECT ` + userColumns + ` FROM users WHERE email_key = ? AND deleted_at IS NULL`

// UserByEmail returns the user who has an address, in any case. Error: models.ErrUserNotFound.
func (s *Store) UserByEmail(ctx context.Context, scope models.Scope, email string) (models.User, error) {
	condition, values := usersIn(scope, 1)
	return single(ctx, s, "look an e-mail address up", models.ErrUserNotFound, selectUserByEmail+condition,
		with(args{models.EmailKey(email)}, values), readUser)
}

const selectUsers = `SELECT ` + userColumns + ` FROM users WHERE deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?`

// Users lists by id, which is the order of creation.
func (s *Store) Users(ctx context.Context, page models.Page) ([]models.User, error) {
	after := position(page)
	return list(ctx, s, "list users", selectUsers, args{after.ID[:], int64(page.Limit)}, readUser)
}

const updateUser = `UPDATE users SET name = ?, email = ?, email_key = ?, version = ?, deleted_at = ?, updated_at = ? WHERE id = ?`

// UpdateUser applies the patch and writes it.
func (s *Store) UpdateUser(
	ctx context.Context, scope models.Scope, id models.UserID, patch models.UserPatch, ifVersion *int64,
) (models.User, error) {
	var user models.User
	err := s.changeUser(ctx, "update a user", scope, id, func(_ *conn, u *models.User, now time.Time) (bool, error) {
		changed, err := u.Apply(patch, ifVersion, now)
		user = *u
		return changed, err
	})
	if err != nil {
		return models.User{}, err
	}
	return user, nil
}

const (
	isLive = `(b.status = 'PENDING' OR b.status = 'CONFIRMED'
		AND EXISTS (SELECT 1 FROM events e WHERE e.id = b.event_id AND (e.date_time > ?3 OR e.sales_end > ?3
			OR b.total_amount > 0 AND (e.date_time > ?4 OR e.sales_end > ?4))))`
	// pieceOfBookings looks at a user's bookings from the newest on, some at a time: at each whether it is live.
	pieceOfBookings = `SELECT b.id, ` + isLive + ` FROM bookings b WHERE b.user_id = ?1 AND b.id < ?2
		ORDER BY b.id DESC LIMIT 2000`
	hasLiveBookingsSince = `SELECT EXISTS (SELECT 1 FROM bookings b WHERE b.user_id = ?1 AND b.id >= ?2 AND ` + isLive + `)`
)

// DeleteUser erases a user without live or refundable bookings. All of the user's bookings, who may be many, are looked
// at before the writer is asked, which looks at those alone that may have come since. There is one writer: no booking
// can come in between.
func (s *Store) DeleteUser(
	ctx context.Context, scope models.Scope, id models.UserID, ifVersion *int64, window time.Duration,
) error {
	since, err := s.sinceDead(ctx, scope, id, ifVersion, window)
	if err != nil {
		return wrap("delete a user", err)
	}
	erase := func(c *conn, u *models.User, now time.Time) (bool, error) {
		if ifVersion != nil && *ifVersion != u.Version {
			return false, models.ErrVersionMismatch
		}
		live, err := c.number(context.Background(), hasLiveBookingsSince, id[:], since[:], micros(now),
			micros(now.Add(-window)))
		if err != nil {
			return false, err
		}
		if live != 0 {
			return false, models.ErrUserHasBookings
		}
		u.Erase(now)
		return true, dropIdentities(c, deleteSubjectsOf, id[:])
	}
	return s.changeUser(ctx, "delete a user", scope, id, erase)
}

// sinceDead looks at all of a user's bookings, and returns repository.FirstUnseen when none is live. Errors: those of
// DeleteUser.
func (s *Store) sinceDead(
	ctx context.Context, scope models.Scope, id models.UserID, ifVersion *int64, window time.Duration,
) (since models.BookingID, err error) {
	var newest models.BookingID
	user, err := s.User(ctx, scope, id)
	if err == nil { // before anything is told of the user's bookings
		err = s.readers.do(ctx, func(c *conn) error { return mayChange(c, scope, &user) })
	}
	if err != nil {
		return since, err
	}
	if ifVersion != nil && *ifVersion != user.Version {
		return since, models.ErrVersionMismatch
	}
	before, now := bytes.Repeat([]byte{0xff}, 16), s.now()
	for more := true; more; {
		live, count := false, 0
		err := s.readers.do(ctx, func(c *conn) error {
			return c.query(ctx, pieceOfBookings, args{id[:], before, micros(now), micros(now.Add(-window))}, func(r *row) error {
				booking := models.BookingID(r.id())
				if newest == (models.BookingID{}) {
					newest = booking
				}
				live, count, before = live || r.int() != 0, count+1, booking[:]
				return nil
			})
		})
		if err != nil {
			return since, err
		}
		if live {
			return since, models.ErrUserHasBookings
		}
		more = count == 2000
	}
	return repository.FirstUnseen(newest, now), nil
}

const hasSubject = `SELECT count(*) FROM subjects WHERE user_id = ?`

// mayChange reports, as models.ErrForbidden, that an organizer sees a user but has not made the row, or that a subject
// has it since.
func mayChange(c *conn, scope models.Scope, u *models.User) error {
	if scope.All || scope.Organizer.IsZero() {
		return nil
	}
	if u.Organizer != scope.Organizer {
		return models.ErrForbidden
	}
	bound, err := c.number(context.Background(), hasSubject, u.ID[:])
	if err == nil && bound > 0 {
		err = models.ErrForbidden
	}
	return err
}

// changeUser runs a change of one user, whom the scope has and may change, in a transaction.
func (s *Store) changeUser(
	ctx context.Context, what string, scope models.Scope, id models.UserID,
	change func(*conn, *models.User, time.Time) (bool, error),
) error {
	return s.write(ctx, what, func(c *conn) error {
		condition, values := usersIn(scope, 1)
		user, err := maybe(context.Background(), c, selectUser+condition, with(args{id[:]}, values), readUser)
		if err != nil {
			return err
		}
		if user == nil {
			return models.ErrUserNotFound
		}
		if err := mayChange(c, scope, user); err != nil {
			return err
		}
		changed, err := change(c, user, s.now())
		if err != nil || !changed {
			return err
		}
		return emailTaken(c.one(updateUser, user.Name, user.Email, models.EmailKey(user.Email), user.Version,
			nullMicros(user.DeletedAt), micros(user.UpdatedAt), id[:]))
	})
}
