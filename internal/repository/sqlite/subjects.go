package sqlite

import (
	"context"

	"quantix/internal/models"
)

const selectSubject = `SELECT user_id FROM subjects WHERE issuer = ? AND subject = ?`

// UserOfSubject returns the user that a subject is bound to. Error: models.ErrUserNotFound.
func (s *Store) UserOfSubject(ctx context.Context, subject models.Subject) (models.UserID, error) {
	return single(ctx, s, "look a subject up", models.ErrUserNotFound, selectSubject,
		args{subject.Issuer, subject.Subject}, readID[models.UserID])
}

const insertSubject = `INSERT INTO subjects (issuer, subject, user_id, bound_at) VALUES (?, ?, ?, ?)`

// BindSubject binds a subject who comes for the first time to a user. There is one writer: nobody binds the same
// meanwhile.
func (s *Store) BindSubject(
	ctx context.Context, who models.Introduction, user models.User,
) (id models.UserID, err error) {
	err = s.write(ctx, "bind a subject to a user", func(c *conn) error {
		id, err = s.bind(c, who, user)
		return err
	})
	if err != nil {
		return models.UserID{}, err
	}
	return id, nil
}

func (s *Store) bind(c *conn, who models.Introduction, user models.User) (id models.UserID, err error) {
	bound, err := maybe(context.Background(), c, selectSubject, args{who.Issuer, who.Subject.Subject},
		readID[models.UserID])
	if err != nil {
		return id, err
	}
	if bound != nil {
		return *bound, nil
	}
	if id, err = unboundByEmail(c, who.Email); err != nil {
		return id, err
	}
	if id.IsZero() {
		id = user.ID
		if err := s.insertUser(c, &user); err != nil {
			return id, err
		}
	}
	return id, c.one(insertSubject, who.Issuer, who.Subject.Subject, id[:], micros(s.now()))
}

// unboundByEmail returns the user who has a verified address, zero when there is none, or when another subject has that
// user.
func unboundByEmail(c *conn, email string) (none models.UserID, err error) {
	if email == "" {
		return none, nil
	}
	user, err := maybe(context.Background(), c, selectUserByEmail, args{models.EmailKey(email)}, readUser)
	if err != nil || user == nil {
		return none, err
	}
	bound, err := c.number(context.Background(), hasSubject, user.ID[:])
	if err != nil || bound > 0 {
		return none, err
	}
	return user.ID, nil
}

const selectSubjectsOf = `SELECT issuer, subject FROM subjects WHERE user_id = ?`

// SubjectsOf returns whom a user is bound to.
func (s *Store) SubjectsOf(ctx context.Context, user models.UserID) ([]models.Subject, error) {
	return list(ctx, s, "list a user's subjects", selectSubjectsOf, args{user[:]}, func(r *row) models.Subject {
		return models.Subject{Issuer: r.text(), Subject: r.text()}
	})
}
