package sqlite

import (
	"context"
	"time"

	"quantix/internal/models"
)

const (
	accessColumns = `id, actor, action, user_id, at, ip, request_id`
	insertAccess  = `INSERT INTO access_log (` + accessColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?)`
)

// LogAccess writes entries, with the store's clock as At.
func (s *Store) LogAccess(ctx context.Context, entries []models.AccessEntry) error {
	return s.write(ctx, "write the access log", func(c *conn) error {
		now := micros(s.now())
		for _, e := range entries {
			err := c.one(insertAccess, e.ID[:], clean(e.Actor), string(e.Action), nullID(e.User), now, clean(e.IP),
				clean(e.RequestID))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	selectAccess   = `SELECT ` + accessColumns + ` FROM access_log WHERE (at, id) < (?1, ?2)`
	newestAccess   = ` ORDER BY at DESC, id DESC LIMIT ?3`
	selectAccessOf = selectAccess + ` AND user_id = ?4` + newestAccess
)

// AccessEntries lists entries, newest first.
func (s *Store) AccessEntries(
	ctx context.Context, filter models.AccessFilter, page models.Page,
) ([]models.AccessEntry, error) {
	before := models.Position{ID: lastID}
	if page.After != nil {
		before = *page.After
	}
	text, values := selectAccess+newestAccess, args{microsOr(before.Time, last), before.ID[:], int64(page.Limit)}
	if !filter.User.IsZero() {
		text, values = selectAccessOf, append(values, filter.User[:])
	}
	return list(ctx, s, "list the access log", text, values, func(r *row) models.AccessEntry {
		return models.AccessEntry{ID: r.id(), Actor: r.text(), Action: models.AccessAction(r.text()), User: r.id(),
			At: r.time(), IP: r.text(), RequestID: r.text()}
	})
}

const pruneAccess = `DELETE FROM access_log WHERE (at, id) IN (
	SELECT at, id FROM access_log WHERE at < ?1 ORDER BY at, id LIMIT ?2)`

// PruneAccessLog drops up to limit entries that are older than an age, the oldest first, and returns how many.
func (s *Store) PruneAccessLog(ctx context.Context, age time.Duration, limit int) (n int, err error) {
	err = s.write(ctx, "prune the access log", func(c *conn) error {
		dropped, err := c.exec(pruneAccess, micros(s.now().Add(-age)), int64(limit))
		n = int(dropped)
		return err
	})
	return n, err
}
