package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// principalOf is who a subject is, without a role.
func principalOf(s *models.Subject) *models.Principal {
	sum := sha256.Sum256([]byte(s.Issuer + "\x00" + s.Subject))
	return &models.Principal{
		Name: "subject " + s.Subject + " of " + cleaned(s.Issuer, maxSubject), ID: [16]byte(sum[:]),
	}
}

// person returns the customer that a subject is, whose row is made when they come for the first time.
func (t *tokens) person(ctx context.Context, who *models.Introduction) (*models.Principal, error) {
	if p, known := t.people.get(who.Subject); known {
		return p, nil
	}
	return t.people.ask(ctx, who.Subject, func(ctx context.Context) (*models.Principal, error) {
		user, err := t.userOf(ctx, *who)
		if err != nil {
			return nil, models.ErrIdentityUnavailable.With(repository.ToDomain(err))
		}
		p := principalOf(&who.Subject)
		p.Role, p.User = models.RoleCustomer, user
		return p, nil
	})
}

// userOf returns the row of a subject. An address that is another subject's is kept out of it.
func (t *tokens) userOf(ctx context.Context, who models.Introduction) (models.UserID, error) {
	id, err := t.gate.store.UserOfSubject(ctx, who.Subject)
	if !errors.Is(err, models.ErrUserNotFound) {
		return id, err
	}
	user, err := newcomer(&who)
	if err != nil {
		return id, err
	}
	id, err = t.gate.store.BindSubject(ctx, who, user)
	if errors.Is(err, models.ErrEmailTaken) {
		who.Email = ""
		if user, err = newcomer(&who); err != nil {
			return id, err
		}
		return t.gate.store.BindSubject(ctx, who, user)
	}
	return id, err
}

// newcomer makes the row of a subject of whom nothing is known but what the issuer tells. An address that is none, or
// that the issuer does not vouch for, is left out of the introduction as well.
func newcomer(who *models.Introduction) (models.User, error) {
	name := who.Name
	if strings.TrimSpace(name) == "" {
		name = "customer"
	}
	if who.Email != "" {
		if user, err := models.NewUser(name, who.Email); err == nil {
			return user, nil
		}
		who.Email = ""
	}
	user, err := models.NewUser(name, "unknown@unknown.invalid")
	user.Email = user.ID.String() + "@unknown.invalid"
	return user, err
}
