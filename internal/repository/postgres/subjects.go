package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const selectSubject = `SELECT user_id FROM subjects WHERE issuer = $1 AND subject = $2`

// UserOfSubject returns the user that a subject is bound to. Error: models.ErrUserNotFound. It goes the way that
// bookings go, which wait for it.
func (s *Store) UserOfSubject(ctx context.Context, subject models.Subject) (models.UserID, error) {
	user, err := userOfSubject(ctx, s.desk, subject)
	return user, wrap("look a subject up", err)
}

func userOfSubject(ctx context.Context, on querier, subject models.Subject) (user models.UserID, err error) {
	err = scanID(on.QueryRow(ctx, selectSubject, subject.Issuer, subject.Subject), &user)
	if noRows(err) {
		err = models.ErrUserNotFound
	}
	return user, err
}

const (
	lockUserByEmail = selectUserByEmail + lockToEdit
	insertSubject   = `
		INSERT INTO subjects (issuer, subject, user_id, bound_at) VALUES ($2, $3, $4, coalesce($1::timestamptz, now()))
		ON CONFLICT DO NOTHING`
)

// BindSubject binds a subject who comes for the first time to a user. Nothing keeps others from binding the same
// meanwhile, or from making a user with the same address: but of all of them the database lets one, and the others look
// again.
func (s *Store) BindSubject(
	ctx context.Context, who models.Introduction, user models.User,
) (id models.UserID, err error) {
	const tries = 4
	for range tries {
		err = s.inTx(ctx, func(tx pgx.Tx) error {
			id, err = s.bind(ctx, tx, who, user)
			return err
		})
		if err = wrap("bind a subject to a user", err); !errors.Is(err, repository.ErrConflict) &&
			!errors.Is(err, models.ErrEmailTaken) {
			break
		}
	}
	if err != nil {
		return models.UserID{}, err
	}
	return id, nil
}

func (s *Store) bind(
	ctx context.Context, tx pgx.Tx, who models.Introduction, user models.User,
) (models.UserID, error) {
	bound, err := userOfSubject(ctx, tx, who.Subject)
	if !errors.Is(err, models.ErrUserNotFound) {
		return bound, err
	}
	known, err := unboundByEmail(ctx, tx, who.Email)
	if err != nil {
		return known, err
	}
	if known.IsZero() {
		known = user.ID
		if _, err := tx.Exec(ctx, insertUser, s.newUser(user)...); err != nil {
			return known, err
		}
	}
	tag, err := tx.Exec(ctx, insertSubject, s.now(), who.Issuer, who.Subject.Subject, uuid(known))
	if err == nil && tag.RowsAffected() == 0 {
		err = repository.ErrConflict // somebody has bound the subject, or the user
	}
	return known, err
}

// unboundByEmail returns the user who has a verified address, zero when there is none, or when another subject has that
// user. The user's row is locked, as it is by those who edit it: they look whether it is bound.
func unboundByEmail(ctx context.Context, tx pgx.Tx, email string) (none models.UserID, err error) {
	if email == "" {
		return none, nil
	}
	var user models.User
	var bound bool
	err = scanUser(tx.QueryRow(ctx, lockUserByEmail, models.EmailKey(email)), &user)
	if noRows(err) {
		return none, nil
	}
	if err == nil {
		err = tx.QueryRow(ctx, hasSubject, uuid(user.ID)).Scan(&bound)
	}
	if err != nil || bound {
		return none, err
	}
	return user.ID, nil
}

const selectSubjectsOf = `SELECT issuer, subject FROM subjects WHERE user_id = $1`

// SubjectsOf returns whom a user is bound to.
func (s *Store) SubjectsOf(ctx context.Context, user models.UserID) ([]models.Subject, error) {
	rows, err := s.read.Query(ctx, selectSubjectsOf, uuid(user))
	list, err := collect(rows, err, func(row pgx.Row, s *models.Subject) error {
		return row.Scan(&s.Issuer, &s.Subject)
	})
	return list, wrap("list a user's subjects", err)
}
