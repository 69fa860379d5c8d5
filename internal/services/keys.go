package services

import (
	"cmp"
	"context"
	"time"

	"quantix/internal/identity"
	"quantix/internal/models"
	"quantix/internal/repository"
)

// KeyStore is what the use cases of API keys need of the store.
type KeyStore interface {
	CreateKey(ctx context.Context, key models.APIKey, hash models.KeyHash) (models.APIKey, error)
	Keys(ctx context.Context, scope models.Scope, page models.Page) ([]models.APIKey, error)
	RevokeKey(ctx context.Context, scope models.Scope, id models.KeyID) error
}

// Keys is the use cases of API keys.
type Keys struct{ store KeyStore }

// NewKeys works on a store.
func NewKeys(store KeyStore) *Keys { return &Keys{store: store} }

// Create makes a key and returns it with its text, which is shown this once. Errors: models.ErrInvalid,
// models.ErrOrganizerNotFound, models.ErrEventNotFound; models.ErrForbidden for a key that may do more than its maker.
func (k *Keys) Create(ctx context.Context, who models.Caller, d models.KeyDraft) (models.APIKey, string, error) {
	scope := who.Scope()
	if d.Organizer.IsZero() && d.Role != models.RoleAdmin {
		d.Organizer = cmp.Or(scope.Organizer, models.DefaultOrganizer)
	}
	key, err := models.NewAPIKey(d)
	if err == nil {
		err = mayMake(who, &key)
	}
	if err != nil {
		return models.APIKey{}, "", err
	}
	text, hash := identity.NewKey()
	key, err = explained(k.store.CreateKey(ctx, key, hash))
	if err != nil {
		return models.APIKey{}, "", err
	}
	return key, text, nil
}

// mayMake says why a caller may not make a key: it must reach no further than they do, and live no longer than the key
// that they show.
func mayMake(who models.Caller, key *models.APIKey) error {
	scope := who.Scope()
	if scope.All {
		return outlives(who.Expires, key)
	}
	if key.Role == models.RoleAdmin || scope.Organizer.IsZero() {
		return errKeyAbove
	}
	if key.Organizer != scope.Organizer {
		return models.ErrOrganizerNotFound
	}
	if scope.Only != "" && key.Only == "" {
		return errKeyAbove
	}
	for _, event := range key.Only.IDs() {
		if !scope.Only.Admits(event) {
			return models.ErrEventNotFound
		}
	}
	return outlives(who.Expires, key)
}

func outlives(end time.Time, key *models.APIKey) error {
	if !end.IsZero() && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(end)) {
		return models.ErrForbidden.Say("The key would outlive yours; give it an expires_at of %s or before.", end.UTC().Format(time.RFC3339))
	}
	return nil
}

var errKeyAbove = models.ErrForbidden.Say("A key may do no more than its maker: yours is limited to an organizer, or to some of its events, and so must this one be.")

// List returns the keys that are not revoked, in the order of their making.
func (k *Keys) List(ctx context.Context, who models.Caller, p models.Page) ([]models.APIKey, error) {
	if who.Scope().Only != "" {
		return nil, models.ErrForbidden
	}
	return explained(k.store.Keys(ctx, who.Scope(), page(p)))
}

// Revoke ends a key for good, within a second everywhere. Errors: models.ErrKeyNotFound; models.ErrForbidden for who is
// limited to some events, unless it is their own.
func (k *Keys) Revoke(ctx context.Context, who models.Caller, id models.KeyID) error {
	if who.Scope().Only != "" && id != who.Key {
		return models.ErrForbidden
	}
	_, err := retried(ctx, func() (struct{}, error) { return struct{}{}, k.store.RevokeKey(ctx, who.Scope(), id) })
	return err
}

// AccessLog is the reading of who looked at whose personal data.
type AccessLog struct{ store repository.AccessLog }

// NewAccessLog works on a store.
func NewAccessLog(store repository.AccessLog) *AccessLog { return &AccessLog{store: store} }

// List returns entries, newest first.
func (l *AccessLog) List(
	ctx context.Context, filter models.AccessFilter, p models.Page,
) ([]models.AccessEntry, error) {
	return explained(l.store.AccessEntries(ctx, filter, page(p)))
}
