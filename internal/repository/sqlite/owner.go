package sqlite

import (
	"context"
	"time"

	"quantix/internal/models"
)

const (
	selectOwner = `SELECT lower(hex(id)), lower(hex(coalesce(token, x''))), lower(hex(coalesce(previous, x''))) FROM installation`
	turnOwner   = `UPDATE installation SET previous = token, token = randomblob(16), turned_at = ?1
		WHERE turned_at IS NULL OR turned_at <= ?2`
	renewInstallation = `UPDATE installation SET id = randomblob(16), token = NULL, previous = NULL, turned_at = NULL`
	forgetMark        = `DELETE FROM queue_state`
	// A copy goes its own way from here: places in the other's feed mean nothing in its own.
	renewEpoch = `UPDATE journal_state SET epoch = random() & 2147483647`
)

func readOwner(r *row) models.Owner {
	return models.Owner{Installation: r.text(), Token: r.text(), Previous: r.text()}
}

// Owner returns what tells this database from its copies.
func (s *Store) Owner(ctx context.Context) (models.Owner, error) {
	return single(ctx, s, "read the installation's owner", models.ErrInternal, selectOwner, nil, readOwner)
}

// TurnOwner gives this database a new token, unless it has one that is younger.
func (s *Store) TurnOwner(ctx context.Context, every time.Duration) (models.Owner, error) {
	now := s.now()
	err := s.write(ctx, "turn the installation's token", func(c *conn) error {
		_, err := c.exec(turnOwner, micros(now), micros(now.Add(-every)))
		return err
	})
	if err != nil {
		return models.Owner{}, err
	}
	return s.Owner(ctx)
}

// RenewInstallation gives this database a name of its own.
func (s *Store) RenewInstallation(ctx context.Context) (string, error) {
	err := s.write(ctx, "name the installation anew", func(c *conn) error {
		if _, err := c.exec(forgetMark); err != nil {
			return err
		}
		if err := c.one(renewEpoch); err != nil {
			return err
		}
		return c.one(renewInstallation)
	})
	if err != nil {
		return "", err
	}
	return s.Installation(ctx)
}
