package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const userColumns = `id, organizer_id, name, email, version, deleted_at, created_at, updated_at`

func scanUser(row pgx.Row, u *models.User) error {
	err := row.Scan((*[16]byte)(&u.ID), (*zeronull.UUID)(&u.Organizer), &u.Name, &u.Email, &u.Version,
		intoTime(&u.DeletedAt), &u.CreatedAt, &u.UpdatedAt)
	utc(&u.DeletedAt, &u.CreatedAt, &u.UpdatedAt)
	return err
}

const insertUser = `
	INSERT INTO users (id, name, email, email_key, version, organizer_id, created_at, updated_at)
	SELECT $2, $3, $4, $6, $5, $7, now, now FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
	RETURNING ` + userColumns

// CreateUser writes a new user and returns it with its times set. Errors: models.ErrEmailTaken,
// models.ErrOrganizerNotFound.
func (s *Store) CreateUser(ctx context.Context, user models.User) (models.User, error) {
	var made models.User
	batch := &pgx.Batch{}
	batch.Queue(insertUser, s.newUser(user)...).
		QueryRow(func(row pgx.Row) error { return scanUser(row, &made) })
	err := s.inBatch(ctx, s.read, batch, "create a user")
	return made, err
}

// newUser gives the parameters of insertUser.
func (s *Store) newUser(user models.User) []any {
	return []any{s.now(), uuid(user.ID), user.Name, user.Email, user.Version, models.EmailKey(user.Email),
		zeronull.UUID(user.Organizer)}
}

const selectUser = `SELECT ` + userColumns + ` FROM users WHERE id = $1 AND deleted_at IS NULL`

// User returns one user. Error: models.ErrUserNotFound.
func (s *Store) User(ctx context.Context, scope models.Scope, id models.UserID) (models.User, error) {
	return s.oneUser(ctx, "read a user", scope, selectUser, uuid(id))
}

func (s *Store) oneUser(
	ctx context.Context, what string, scope models.Scope, query string, key any,
) (user models.User, err error) {
	condition, values := usersIn(scope, 1)
	err = scanUser(s.read.QueryRow(ctx, query+condition, append([]any{key}, values...)...), &user)
	if noRows(err) {
		return models.User{}, models.ErrUserNotFound
	}
	return user, wrap(what, err)
}

const selectUserKnown = `SELECT count(*) > 0 FROM users WHERE id = $1`

// UserKnown reports whether there is such a user, or was one.
func (s *Store) UserKnown(ctx context.Context, scope models.Scope, id models.UserID) (known bool, err error) {
	condition, values := usersIn(scope, 1)
	err = s.read.QueryRow(ctx, selectUserKnown+condition, append([]any{uuid(id)}, values...)...).Scan(&known)
	return known, wrap("look for a user", err)
}

const selectUserByEmail = `SELECT ` + userColumns + ` FROM users WHERE coalesce(email_key, lower(email)) = $1 AND deleted_at IS NULL`

// UserByEmail returns the user who has an address, in any case. Error: models.ErrUserNotFound.
func (s *Store) UserByEmail(ctx context.Context, scope models.Scope, email string) (models.User, error) {
	return s.oneUser(ctx, "look an e-mail address up", scope, selectUserByEmail, models.EmailKey(email))
}

const selectUsers = `SELECT ` + userColumns + ` FROM users WHERE deleted_at IS NULL AND id > $1 ORDER BY id LIMIT $2`

// Users lists by id, which is the order of creation.
func (s *Store) Users(ctx context.Context, page models.Page) ([]models.User, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	rows, err := s.read.Query(ctx, selectUsers, uuid(after.ID), page.Limit)
	list, err := collect(rows, err, scanUser)
	return list, wrap("list users", err)
}

// Editing a user does not stop bookings, which lock it FOR KEY SHARE; deleting does.
const (
	lockToEdit   = ` FOR NO KEY UPDATE`
	lockToDelete = ` FOR UPDATE`
	// A statement of its own, so that the clock is read after the lock was taken.
	selectClock = `SELECT clock_timestamp()`
	updateUser  = `UPDATE users SET name = $2, email = $3, version = $4, deleted_at = $5, updated_at = $6, email_key = $7 WHERE id = $1`
)

// UpdateUser locks the user, applies the patch and writes it.
func (s *Store) UpdateUser(
	ctx context.Context, scope models.Scope, id models.UserID, patch models.UserPatch, ifVersion *int64,
) (models.User, error) {
	var user models.User
	err := s.changeUser(ctx, lockToEdit, scope, id, func(_ pgx.Tx, u *models.User, now time.Time) (bool, error) {
		changed, err := u.Apply(patch, ifVersion, now)
		user = *u
		return changed, err
	})
	if err != nil {
		return models.User{}, wrap("update a user", err)
	}
	return user, nil
}

const (
	isLive = `(b.status = 'PENDING' OR b.status = 'CONFIRMED'
		AND EXISTS (SELECT FROM events e WHERE e.id = b.event_id AND (e.date_time > $3 OR e.sales_end > $3
			OR b.total_amount > 0 AND (e.date_time > $4 OR e.sales_end > $4))))`
	// pieceOfBookings looks at a user's bookings from the newest on, some at a time: whether one is live, how many
	// there were, and the first and the last.
	pieceOfBookings = `
		WITH piece AS MATERIALIZED (
			SELECT id, event_id, status, total_amount FROM bookings WHERE user_id = $1 AND id < $2 ORDER BY id DESC LIMIT 2000
		)
		SELECT EXISTS (SELECT FROM piece b WHERE ` + isLive + `), (SELECT count(*) FROM piece) = 2000,
			(SELECT id FROM piece ORDER BY id DESC LIMIT 1), (SELECT id FROM piece ORDER BY id LIMIT 1)`
	hasLiveBookingsSince = `SELECT EXISTS (SELECT FROM bookings b WHERE b.user_id = $1 AND b.id >= $2 AND ` + isLive + `)`
)

// DeleteUser erases a user without live or refundable bookings. All of the user's bookings, who may be many, are looked
// at before the lock; under it, only those that may have come since. The lock waits for bookings that are being made
// for the user, and the look that follows sees them; bookings that come later find the user deleted.
func (s *Store) DeleteUser(
	ctx context.Context, scope models.Scope, id models.UserID, ifVersion *int64, window time.Duration,
) error {
	since, err := s.sinceDead(ctx, scope, id, ifVersion, window)
	if err != nil {
		return wrap("delete a user", err)
	}
	erase := func(tx pgx.Tx, u *models.User, now time.Time) (bool, error) {
		if ifVersion != nil && *ifVersion != u.Version {
			return false, models.ErrVersionMismatch
		}
		var live bool
		row := tx.QueryRow(ctx, hasLiveBookingsSince, uuid(id), uuid(since), now, now.Add(-window))
		if err := row.Scan(&live); err != nil {
			return false, err
		}
		if live {
			return false, models.ErrUserHasBookings
		}
		u.Erase(now)
		return true, dropIdentities(ctx, tx, deleteSubjectsOf, uuid(id))
	}
	return wrap("delete a user", s.changeUser(ctx, lockToDelete, scope, id, erase))
}

// sinceDead looks at all of a user's bookings, without a lock and with a connection for no longer than a piece of them
// takes, and gives repository.FirstUnseen when none is live. Errors: those of DeleteUser.
func (s *Store) sinceDead(
	ctx context.Context, scope models.Scope, id models.UserID, ifVersion *int64, window time.Duration,
) (since models.BookingID, err error) {
	var newest models.BookingID
	user, err := s.User(ctx, scope, id)
	if err == nil {
		err = mayChange(ctx, s.read, scope, &user) // before anything is told of the user's bookings
	}
	if err != nil {
		return since, err
	}
	if ifVersion != nil && *ifVersion != user.Version {
		return since, models.ErrVersionMismatch
	}
	var now time.Time
	if err := s.read.QueryRow(ctx, selectNow, s.now()).Scan(&now); err != nil {
		return since, err
	}
	before := pgtype.UUID{Bytes: lastUUID, Valid: true}
	for more := true; more; {
		var live bool
		var first, last pgtype.UUID
		row := s.read.QueryRow(ctx, pieceOfBookings, uuid(id), before, now, now.Add(-window))
		if err := row.Scan(&live, &more, &first, &last); err != nil {
			return since, err
		}
		if live {
			return since, models.ErrUserHasBookings
		}
		if newest == (models.BookingID{}) {
			newest = first.Bytes
		}
		before = last
	}
	return repository.FirstUnseen(newest, now), nil
}

const selectNow = `SELECT coalesce($1::timestamptz, clock_timestamp())`

const hasSubject = `SELECT EXISTS (SELECT FROM subjects WHERE user_id = $1)`

// mayChange reports, as models.ErrForbidden, that an organizer sees a user but has not made the row, or that a subject
// has it since.
func mayChange(ctx context.Context, on querier, scope models.Scope, u *models.User) error {
	if scope.All || scope.Organizer.IsZero() {
		return nil
	}
	if u.Organizer != scope.Organizer {
		return models.ErrForbidden
	}
	var bound bool
	err := on.QueryRow(ctx, hasSubject, uuid(u.ID)).Scan(&bound)
	if err == nil && bound {
		err = models.ErrForbidden
	}
	return err
}

// querier is a transaction, or a pool.
type querier interface {
	QueryRow(ctx context.Context, sql string, values ...any) pgx.Row
}

// changeUser runs a change of one user, whom the scope has and may change, under its lock.
func (s *Store) changeUser(
	ctx context.Context, lock string, scope models.Scope, id models.UserID,
	change func(pgx.Tx, *models.User, time.Time) (bool, error),
) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		var user models.User
		condition, values := usersIn(scope, 1)
		err := scanUser(tx.QueryRow(ctx, selectUser+condition+lock, append([]any{uuid(id)}, values...)...), &user)
		if noRows(err) {
			return models.ErrUserNotFound
		} else if err != nil {
			return err
		}
		if err := mayChange(ctx, tx, scope, &user); err != nil {
			return err
		}
		now, err := s.clock(ctx, tx)
		if err != nil {
			return err
		}
		changed, err := change(tx, &user, now)
		if err != nil || !changed {
			return err
		}
		_, err = tx.Exec(ctx, updateUser, uuid(id), user.Name, user.Email, user.Version, nullTime(user.DeletedAt),
			user.UpdatedAt,
			models.EmailKey(user.Email))
		return err
	})
}

// clock returns the time of a transaction that has its locks.
func (s *Store) clock(ctx context.Context, tx pgx.Tx) (now time.Time, err error) {
	if s.options.Clock != nil {
		return instant(s.options.Clock()), nil
	}
	err = tx.QueryRow(ctx, selectClock).Scan(&now)
	return now.UTC(), err
}

// inTx runs a plain transaction, for the rare changes that need no speed, on a connection of the readers: those of the
// desk sell tickets.
func (s *Store) inTx(ctx context.Context, work func(pgx.Tx) error) error {
	conn, err := s.acquireFrom(ctx, s.read)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer s.rollback(ctx, conn)
	if err := work(tx); err != nil {
		return err
	}
	ctx, cancel := s.finish(ctx)
	defer cancel()
	if err := tx.Commit(ctx); err != nil {
		return wrapCommit("commit", err, true)
	}
	return nil
}
