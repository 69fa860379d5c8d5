package sqlite

import (
	"context"

	"quantix/internal/models"
)

const organizerColumns = `id, name, version, created_at, updated_at`

func readOrganizer(r *row) models.Organizer {
	return models.Organizer{ID: r.id(), Name: r.text(), Version: r.int(), CreatedAt: r.time(), UpdatedAt: r.time()}
}

const insertOrganizer = `INSERT INTO organizers (` + organizerColumns + `) VALUES (?, ?, ?, ?, ?)`

// CreateOrganizer writes a new organizer and returns it with its times set.
func (s *Store) CreateOrganizer(ctx context.Context, o models.Organizer) (models.Organizer, error) {
	err := s.write(ctx, "create an organizer", func(c *conn) error {
		o.CreatedAt = s.now()
		o.UpdatedAt = o.CreatedAt
		return c.one(insertOrganizer, o.ID[:], o.Name, o.Version, micros(o.CreatedAt), micros(o.UpdatedAt))
	})
	if err != nil {
		return models.Organizer{}, err
	}
	return o, nil
}

const selectOrganizer = `SELECT ` + organizerColumns + ` FROM organizers WHERE id = ?`

// organizerIsThere looks whether there is an organizer. There is one writer: it stays for as long as the transaction
// takes.
func organizerIsThere(c *conn, id models.OrganizerID) error {
	_, err := organizerAt(c, id)
	return err
}

func organizerAt(c *conn, id models.OrganizerID) (*models.Organizer, error) {
	o, err := maybe(context.Background(), c, selectOrganizer, args{id[:]}, readOrganizer)
	if err == nil && o == nil {
		err = models.ErrOrganizerNotFound
	}
	return o, err
}

// Organizer returns one. Error: models.ErrOrganizerNotFound.
func (s *Store) Organizer(
	ctx context.Context, scope models.Scope, id models.OrganizerID,
) (models.Organizer, error) {
	condition, values := organizersIn(scope, "id", 1)
	return single(ctx, s, "read an organizer", models.ErrOrganizerNotFound, selectOrganizer+condition,
		with(args{id[:]}, values), readOrganizer)
}

const (
	organizersAfter = `SELECT ` + organizerColumns + ` FROM organizers WHERE id > ?1`
	firstByID       = ` ORDER BY id LIMIT ?2`
)

// Organizers lists by id, which is the order of creation.
func (s *Store) Organizers(
	ctx context.Context, scope models.Scope, page models.Page,
) ([]models.Organizer, error) {
	after := position(page)
	condition, values := organizersIn(scope, "id", 2)
	return list(ctx, s, "list organizers", organizersAfter+condition+firstByID,
		with(args{after.ID[:], int64(page.Limit)}, values), readOrganizer)
}

const updateOrganizer = `UPDATE organizers SET name = ?, version = ?, updated_at = ? WHERE id = ?`

// UpdateOrganizer applies the patch and writes it.
func (s *Store) UpdateOrganizer(
	ctx context.Context, id models.OrganizerID, patch models.OrganizerPatch, ifVersion *int64,
) (models.Organizer, error) {
	var made models.Organizer
	err := s.write(ctx, "update an organizer", func(c *conn) error {
		o, err := organizerAt(c, id)
		if err != nil {
			return err
		}
		changed, err := o.Apply(patch, ifVersion, s.now())
		if made = *o; err != nil || !changed {
			return err
		}
		return c.one(updateOrganizer, o.Name, o.Version, micros(o.UpdatedAt), id[:])
	})
	if err != nil {
		return models.Organizer{}, err
	}
	return made, nil
}

const (
	hasEvents        = `SELECT EXISTS (SELECT 1 FROM events WHERE organizer_id = ?)`
	deleteKeysOf     = `DELETE FROM api_keys WHERE organizer_id = ?`
	disownUsersOf    = `UPDATE users SET organizer_id = NULL WHERE organizer_id = ?`
	deleteOrganizer  = `DELETE FROM organizers WHERE id = ?`
	growIdentity     = `UPDATE installation SET identity_version = identity_version + 1`
	selectIdentity   = `SELECT identity_version FROM installation`
	deleteSubjectsOf = `DELETE FROM subjects WHERE user_id = ?`
)

// DeleteOrganizer drops an organizer that never had an event.
func (s *Store) DeleteOrganizer(ctx context.Context, id models.OrganizerID, ifVersion *int64) error {
	if id == models.DefaultOrganizer {
		return models.ErrOrganizerFixed
	}
	return s.write(ctx, "delete an organizer", func(c *conn) error {
		o, err := organizerAt(c, id)
		if err != nil {
			return err
		}
		if ifVersion != nil && *ifVersion != o.Version {
			return models.ErrVersionMismatch
		}
		has, err := c.number(context.Background(), hasEvents, id[:])
		if err != nil {
			return err
		}
		if has > 0 {
			return models.ErrOrganizerHasEvents
		}
		if err := dropIdentities(c, deleteKeysOf, id[:]); err != nil {
			return err
		}
		if _, err := c.exec(disownUsersOf, id[:]); err != nil {
			return err
		}
		return c.one(deleteOrganizer, id[:])
	})
}

// dropIdentities deletes keys or subjects, and has the identity version grow if there were any.
func dropIdentities(c *conn, deletion string, of []byte) error {
	dropped, err := c.exec(deletion, of)
	if err == nil && dropped > 0 {
		err = c.one(growIdentity)
	}
	return err
}
