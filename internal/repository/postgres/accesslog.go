package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
)

const insertAccess = `
	INSERT INTO access_log (at, id, actor, action, user_id, ip, request_id)
	SELECT coalesce($1::timestamptz, now()), v.*
	FROM unnest($2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[]) AS v`

// LogAccess writes entries, with the store's clock as At.
func (s *Store) LogAccess(ctx context.Context, entries []models.AccessEntry) error {
	if len(entries) == 0 {
		return nil
	}
	text := func(of func(*models.AccessEntry) string) column[pgtype.Text] {
		return columnOf(entries, func(e models.AccessEntry) pgtype.Text { return word(clean(of(&e))) })
	}
	batch := &pgx.Batch{}
	batch.Queue(insertAccess, s.now(),
		columnOf(entries, func(e models.AccessEntry) pgtype.UUID { return uuid(e.ID) }),
		text(func(e *models.AccessEntry) string { return e.Actor }),
		text(func(e *models.AccessEntry) string { return string(e.Action) }),
		columnOf(entries, func(e models.AccessEntry) zeronull.UUID { return zeronull.UUID(e.User) }),
		text(func(e *models.AccessEntry) string { return e.IP }),
		text(func(e *models.AccessEntry) string { return e.RequestID }))
	return s.inBatch(ctx, s.read, batch, "write the access log")
}

const (
	selectAccess   = `SELECT id, actor, action, user_id, at, ip, request_id FROM access_log WHERE (at, id) < ($1, $2)`
	newestAccess   = ` ORDER BY at DESC, id DESC LIMIT $3`
	selectAccessOf = selectAccess + ` AND user_id = $4` + newestAccess
)

// AccessEntries lists entries, newest first.
func (s *Store) AccessEntries(
	ctx context.Context, filter models.AccessFilter, page models.Page,
) ([]models.AccessEntry, error) {
	before := models.Position{ID: lastUUID}
	if page.After != nil {
		before = *page.After
	}
	sql, values := selectAccess+newestAccess, []any{timeOr(before.Time, pgtype.Infinity), uuid(before.ID), page.Limit}
	if !filter.User.IsZero() {
		sql, values = selectAccessOf, append(values, uuid(filter.User))
	}
	rows, err := s.read.Query(ctx, sql, values...)
	list, err := collect(rows, err, func(row pgx.Row, e *models.AccessEntry) error {
		err := row.Scan((*[16]byte)(&e.ID), &e.Actor, (*string)(&e.Action), (*zeronull.UUID)(&e.User), &e.At, &e.IP,
			&e.RequestID)
		utc(&e.At)
		return err
	})
	return list, wrap("list the access log", err)
}

const pruneAccess = `
	DELETE FROM access_log WHERE (at, id) IN (
		SELECT at, id FROM access_log WHERE at < coalesce($1::timestamptz, now()) - $2::interval ORDER BY at, id LIMIT $3
	)`

// PruneAccessLog drops up to limit entries that are older than an age, the oldest first, and returns how many.
func (s *Store) PruneAccessLog(ctx context.Context, age time.Duration, limit int) (n int, err error) {
	batch := &pgx.Batch{}
	batch.Queue(pruneAccess, s.now(), age, limit).Exec(func(tag pgconn.CommandTag) error {
		n = int(tag.RowsAffected())
		return nil
	})
	err = s.inBatch(ctx, s.read, batch, "prune the access log")
	return n, err
}
