package sqlite

import (
	"context"
	"maps"
	"slices"
	"time"

	"quantix/internal/models"
)

const keyColumns = `id, name, role, organizer_id, event_ids, expires_at, last_used_at, revoked_at, created_at`

func readKey(r *row) models.APIKey {
	return models.APIKey{ID: r.id(), Name: r.text(), Role: models.Role(r.text()), Organizer: r.id(),
		Only: models.EventSet(r.bytes()), ExpiresAt: r.time(), LastUsedAt: r.time(), RevokedAt: r.time(), CreatedAt: r.time()}
}

const (
	insertKey = `INSERT INTO api_keys (id, hash, name, role, organizer_id, event_ids, expires_at, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	countEventsOf = `SELECT count(*) FROM json_each(?1) k CROSS JOIN events ON events.id = unhex(k.value)
		WHERE organizer_id = ?2 AND deleted_at IS NULL`
)

// CreateKey writes a new key and returns it with its time set.
func (s *Store) CreateKey(ctx context.Context, key models.APIKey, hash models.KeyHash) (models.APIKey, error) {
	err := s.write(ctx, "create an API key", func(c *conn) error {
		if !key.Organizer.IsZero() {
			if err := organizerIsThere(c, key.Organizer); err != nil {
				return err
			}
		}
		only := key.Only.IDs()
		found, err := c.number(context.Background(), countEventsOf, idSet(only), key.Organizer[:])
		if err != nil {
			return err
		}
		if found < int64(len(only)) {
			return models.ErrEventNotFound
		}
		var events any // NULL
		if key.Only != "" {
			events = []byte(key.Only)
		}
		key.CreatedAt = s.now()
		return c.one(insertKey, key.ID[:], hash[:], key.Name, string(key.Role), nullID(key.Organizer), events,
			nullMicros(key.ExpiresAt), micros(key.CreatedAt))
	})
	if err != nil {
		return models.APIKey{}, err
	}
	return key, nil
}

const selectKeyByHash = `SELECT ` + keyColumns + ` FROM api_keys WHERE hash = ?`

// KeyByHash returns a key, and the time by the store's clock. Error: models.ErrKeyNotFound.
func (s *Store) KeyByHash(ctx context.Context, hash models.KeyHash) (models.APIKey, time.Time, error) {
	key, err := single(ctx, s, "look an API key up", models.ErrKeyNotFound, selectKeyByHash, args{hash[:]}, readKey)
	if err != nil {
		return models.APIKey{}, time.Time{}, err
	}
	return key, s.now(), nil
}

const keysAfter = `SELECT ` + keyColumns + ` FROM api_keys WHERE id > ?1 AND revoked_at IS NULL`

// Keys lists the keys that are not revoked, by id.
func (s *Store) Keys(ctx context.Context, scope models.Scope, page models.Page) ([]models.APIKey, error) {
	after := position(page)
	condition, values := organizersIn(scope, "organizer_id", 2)
	return list(ctx, s, "list API keys", keysAfter+condition+firstByID,
		with(args{after.ID[:], int64(page.Limit)}, values), readKey)
}

const revokeKey = `UPDATE api_keys SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL`

// RevokeKey ends a key for good. Error: models.ErrKeyNotFound, also for one that was revoked before.
func (s *Store) RevokeKey(ctx context.Context, scope models.Scope, id models.KeyID) error {
	condition, values := organizersIn(scope, "organizer_id", 2)
	return s.write(ctx, "revoke an API key", func(c *conn) error {
		ended, err := c.exec(revokeKey+condition, with(args{micros(s.now()), id[:]}, values)...)
		if err != nil {
			return err
		}
		if ended == 0 {
			return models.ErrKeyNotFound
		}
		return c.one(growIdentity)
	})
}

const touchKey = `UPDATE api_keys SET last_used_at = ?1 WHERE id = ?2 AND (last_used_at IS NULL OR last_used_at < ?1)`

// TouchKeys notes when keys were used last; an older time than the one kept changes nothing.
func (s *Store) TouchKeys(ctx context.Context, used map[models.KeyID]time.Time) error {
	return s.write(ctx, "note when API keys were used", func(c *conn) error {
		for _, id := range slices.SortedFunc(maps.Keys(used), models.KeyID.Compare) {
			if _, err := c.exec(touchKey, micros(used[id]), id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// IdentityVersion returns a number that grows whenever a key is revoked or a subject's user is erased. It does not wait
// for those who read lists and audits: without it no key counts.
func (s *Store) IdentityVersion(ctx context.Context) (version int64, err error) {
	err = s.health.do(ctx, func(c *conn) error {
		version, err = c.number(ctx, selectIdentity)
		return err
	})
	return version, wrap("read the identity version", err)
}
