package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

const keyColumns = `id, name, role, organizer_id, event_ids, expires_at, last_used_at, revoked_at, created_at`

// scanKey reads a row of keyColumns and, behind them, what more the statement gives.
func scanKey(row pgx.Row, k *models.APIKey, more ...any) error {
	var only []pgtype.UUID
	err := row.Scan(append([]any{(*[16]byte)(&k.ID), &k.Name, (*string)(&k.Role), (*zeronull.UUID)(&k.Organizer), &only,
		intoTime(&k.ExpiresAt), intoTime(&k.LastUsedAt), intoTime(&k.RevokedAt), &k.CreatedAt}, more...)...)
	utc(&k.ExpiresAt, &k.LastUsedAt, &k.RevokedAt, &k.CreatedAt)
	events := make([]models.EventID, len(only))
	for i, id := range only {
		events[i] = id.Bytes
	}
	k.Only = models.NewEventSet(events)
	return err
}

func scanKeyOnly(row pgx.Row, k *models.APIKey) error { return scanKey(row, k) }

const (
	insertKey = `
		INSERT INTO api_keys (id, hash, name, role, organizer_id, event_ids, expires_at, created_at)
		VALUES ($2, $3, $4, $5, $6, $7, $8, coalesce($1::timestamptz, now()))
		RETURNING ` + keyColumns
	countEventsOf = `SELECT count(*) FROM events WHERE id = ANY ($1) AND organizer_id = $2 AND deleted_at IS NULL`
)

// CreateKey writes a new key and returns it with its time set.
func (s *Store) CreateKey(
	ctx context.Context, key models.APIKey, hash models.KeyHash,
) (made models.APIKey, err error) {
	var only column[pgtype.UUID] // NULL
	if key.Only != "" {
		only = uuids(key.Only.IDs())
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		row := tx.QueryRow(ctx, insertKey, s.now(), uuid(key.ID), hash[:], key.Name, string(key.Role),
			zeronull.UUID(key.Organizer), only, nullTime(key.ExpiresAt))
		if err := scanKey(row, &made); err != nil || only == nil {
			return err
		}
		var found int
		err := tx.QueryRow(ctx, countEventsOf, only, uuid(key.Organizer)).Scan(&found)
		if err == nil && found < len(only) {
			err = models.ErrEventNotFound
		}
		return err
	})
	if err != nil {
		return models.APIKey{}, wrap("create an API key", err)
	}
	return made, nil
}

const selectKeyByHash = `SELECT ` + keyColumns + `, coalesce($2::timestamptz, now()) FROM api_keys WHERE hash = $1`

// KeyByHash returns a key, and the time by the store's clock. Error: models.ErrKeyNotFound. It goes the way that
// bookings go, which wait for it.
func (s *Store) KeyByHash(
	ctx context.Context, hash models.KeyHash,
) (key models.APIKey, now time.Time, err error) {
	err = scanKey(s.desk.QueryRow(ctx, selectKeyByHash, hash[:], s.now()), &key, &now)
	if noRows(err) {
		return models.APIKey{}, time.Time{}, models.ErrKeyNotFound
	}
	return key, now.UTC(), wrap("look an API key up", err)
}

const keysAfter = `SELECT ` + keyColumns + ` FROM api_keys WHERE id > $1 AND revoked_at IS NULL`

// Keys lists the keys that are not revoked, by id.
func (s *Store) Keys(ctx context.Context, scope models.Scope, page models.Page) ([]models.APIKey, error) {
	var after models.Position
	if page.After != nil {
		after = *page.After
	}
	condition, values := organizersIn(scope, "organizer_id", 2)
	rows, err := s.read.Query(ctx, keysAfter+condition+firstByID,
		append([]any{uuid(after.ID), page.Limit}, values...)...)
	list, err := collect(rows, err, scanKeyOnly)
	return list, wrap("list API keys", err)
}

const revokeKey = `UPDATE api_keys SET revoked_at = coalesce($1::timestamptz, now()) WHERE id = $2 AND revoked_at IS NULL`

// RevokeKey ends a key for good. Error: models.ErrKeyNotFound, also for one that was revoked before.
func (s *Store) RevokeKey(ctx context.Context, scope models.Scope, id models.KeyID) error {
	condition, values := organizersIn(scope, "organizer_id", 2)
	batch, found := &pgx.Batch{}, false
	batch.Queue(`WITH ended AS (`+revokeKey+condition+` RETURNING 1) `+growIdentity+` WHERE EXISTS (SELECT FROM ended)`,
		append([]any{s.now(), uuid(id)}, values...)...).Exec(func(tag pgconn.CommandTag) error {
		found = tag.RowsAffected() > 0
		return nil
	})
	err := s.inBatch(ctx, s.read, batch, "revoke an API key")
	if err == nil && !found {
		return models.ErrKeyNotFound
	}
	return err
}

// Several processes tell of the same keys: their rows are locked in one order.
const touchKeys = `
	WITH used AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, at)), locked AS MATERIALIZED (
		SELECT id FROM api_keys WHERE id IN (SELECT id FROM used) ORDER BY id FOR NO KEY UPDATE
	)
	UPDATE api_keys k SET last_used_at = used.at FROM locked JOIN used USING (id)
	WHERE k.id = locked.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at)`

// TouchKeys notes when keys were used last; an older time than the one kept changes nothing.
func (s *Store) TouchKeys(ctx context.Context, used map[models.KeyID]time.Time) error {
	ids := slices.SortedFunc(maps.Keys(used), models.KeyID.Compare)
	batch := &pgx.Batch{}
	batch.Queue(touchKeys, uuids(ids),
		columnOf(ids, func(id models.KeyID) pgtype.Timestamptz { return moment(instant(used[id])) }))
	return s.inBatch(ctx, s.read, batch, "note when API keys were used")
}

// IdentityVersion returns a number that grows whenever a key is revoked or a subject's user is erased.
func (s *Store) IdentityVersion(ctx context.Context) (version int64, err error) {
	err = s.desk.QueryRow(ctx, selectIdentity).Scan(&version)
	return version, wrap("read the identity version", err)
}
