package identity

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// EachKey looks at all keys that are not revoked, until one is enough.
func EachKey(ctx context.Context, store repository.Identities, look func(*models.APIKey) (enough bool)) error {
	page := models.Page{Limit: models.MaxLimit}
	for {
		keys, err := store.Keys(ctx, models.Everything, page)
		if err != nil {
			return err
		}
		for i := range keys {
			if look(&keys[i]) {
				return nil
			}
		}
		if len(keys) < page.Limit {
			return nil
		}
		page.After = &models.Position{ID: keys[len(keys)-1].ID}
	}
}

// FindAdmin returns a key by which somebody can run the installation; nil when there is none.
func FindAdmin(ctx context.Context, store repository.Identities) (*models.APIKey, error) {
	var found *models.APIKey
	err := EachKey(ctx, store, func(key *models.APIKey) bool {
		if IsAdmin(key) {
			found = key
		}
		return found != nil
	})
	return found, err
}

// IsAdmin reports whether a key is an admin's and in force.
func IsAdmin(key *models.APIKey) bool { return key.Role == models.RoleAdmin && key.InForce(time.Now()) }
