package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
)

const organizerColumns = `id, name, version, created_at, updated_at`

func scanOrganizer(row pgx.Row, o *models.Organizer) error {
	err := row.Scan((*[16]byte)(&o.ID), &o.Name, &o.Version, &o.CreatedAt, &o.UpdatedAt)
	utc(&o.CreatedAt, &o.UpdatedAt)
	return err
}

const insertOrganizer = `
	INSERT INTO organizers (id, name, version, created_at, updated_at)
	SELECT $2, $3, $4, now, now FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
	RETURNING ` + organizerColumns

// CreateOrganizer writes a new organizer and returns it with its times set.
func (s *Store) CreateOrganizer(ctx context.Context, o models.Organizer) (made models.Organizer, err error) {
	batch := &pgx.Batch{}
	batch.Queue(insertOrganizer, s.now(), uuid(o.ID), o.Name, o.Version).
		QueryRow(func(row pgx.Row) error { return scanOrganizer(row, &made) })
	err = s.inBatch(ctx, s.read, batch, "create an organizer")
	return made, err
}

const selectOrganizer = `SELECT ` + organizerColumns + ` FROM organizers WHERE id = $1`

// Organizer returns one. Error: models.ErrOrganizerNotFound.
func (s *Store) Organizer(
	ctx context.Context, scope models.Scope, id models.OrganizerID,
) (o models.Organizer, err error) {
	condition, values := organizersIn(scope, "id", 1)
	err = scanOrganizer(s.read.QueryRow(ctx, selectOrganizer+condition, append([]any{uuid(id)}, values...)...), &o)
	if noRows(err) {
		return models.Organizer{}, models.ErrOrganizerNotFound
	}
	return o, wrap("read an organizer", err)
}

const (
	organizersAfter = `SELECT ` + organizerColumns + ` FROM organizers WHERE id > $1`
	firstByID       = ` ORDER BY id LIMIT $2`
)

// Organizers lists by id, which is the order of creation.
func (s *Store) Organizers(
	ctx context.Context, scope models.Scope, page models.Page,
) ([]models.Organizer, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	condition, values := organizersIn(scope, "id", 2)
	rows, err := s.read.Query(ctx, organizersAfter+condition+firstByID,
		append([]any{uuid(after.ID), page.Limit}, values...)...)
	list, err := collect(rows, err, scanOrganizer)
	return list, wrap("list organizers", err)
}

const updateOrganizer = `UPDATE organizers SET name = $2, version = $3, updated_at = $4 WHERE id = $1`

// UpdateOrganizer locks the organizer, applies the patch and writes it.
func (s *Store) UpdateOrganizer(
	ctx context.Context, id models.OrganizerID, patch models.OrganizerPatch, ifVersion *int64,
) (o models.Organizer, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if o, err = lockOrganizer(ctx, tx, lockToEdit, id); err != nil {
			return err
		}
		now, err := s.clock(ctx, tx)
		if err != nil {
			return err
		}
		changed, err := o.Apply(patch, ifVersion, now)
		if err != nil || !changed {
			return err
		}
		_, err = tx.Exec(ctx, updateOrganizer, uuid(id), o.Name, o.Version, o.UpdatedAt)
		return err
	})
	if err != nil {
		return models.Organizer{}, wrap("update an organizer", err)
	}
	return o, nil
}

func lockOrganizer(
	ctx context.Context, tx pgx.Tx, lock string, id models.OrganizerID,
) (o models.Organizer, err error) {
	err = scanOrganizer(tx.QueryRow(ctx, selectOrganizer+lock, uuid(id)), &o)
	if noRows(err) {
		err = models.ErrOrganizerNotFound
	}
	return o, err
}

const (
	hasEvents        = `SELECT EXISTS (SELECT FROM events WHERE organizer_id = $1)`
	deleteKeysOf     = `DELETE FROM api_keys WHERE organizer_id = $1`
	disownUsersOf    = `UPDATE users SET organizer_id = NULL WHERE organizer_id = $1`
	deleteOrganizer  = `DELETE FROM organizers WHERE id = $1`
	growIdentity     = `UPDATE installation SET identity_version = identity_version + 1`
	selectIdentity   = `SELECT identity_version FROM installation`
	deleteSubjectsOf = `DELETE FROM subjects WHERE user_id = $1`
)

// DeleteOrganizer drops an organizer that never had an event. Whoever makes one for it meanwhile waits for its row, and
// finds it gone.
func (s *Store) DeleteOrganizer(ctx context.Context, id models.OrganizerID, ifVersion *int64) error {
	if id == models.DefaultOrganizer {
		return models.ErrOrganizerFixed
	}
	return wrap("delete an organizer", s.inTx(ctx, func(tx pgx.Tx) error {
		o, err := lockOrganizer(ctx, tx, lockToDelete, id)
		if err != nil {
			return err
		}
		if ifVersion != nil && *ifVersion != o.Version {
			return models.ErrVersionMismatch
		}
		var has bool
		if err := tx.QueryRow(ctx, hasEvents, uuid(id)).Scan(&has); err != nil {
			return err
		}
		if has {
			return models.ErrOrganizerHasEvents
		}
		if _, err := tx.Exec(ctx, disownUsersOf, uuid(id)); err != nil {
			return err
		}
		if err := dropIdentities(ctx, tx, deleteKeysOf, uuid(id)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, deleteOrganizer, uuid(id)) // whose row is locked already
		return err
	}))
}

// dropIdentities deletes keys or subjects, and has the identity version grow if there were any. That row comes last in
// every transaction that has it, so that nobody waits for anything else with it.
func dropIdentities(ctx context.Context, tx pgx.Tx, deletion string, of any) error {
	tag, err := tx.Exec(ctx, deletion, of)
	if err == nil && tag.RowsAffected() > 0 {
		_, err = tx.Exec(ctx, growIdentity)
	}
	return err
}
