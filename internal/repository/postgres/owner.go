package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"quantix/internal/models"
)

const (
	selectOwner = `SELECT id::text, coalesce(token::text, ''), coalesce(previous::text, '') FROM installation`
	turnOwner   = `
		UPDATE installation SET previous = token, token = gen_random_uuid(), turned_at = coalesce($1::timestamptz, now())
		WHERE turned_at IS NULL OR turned_at <= coalesce($1::timestamptz, now()) - $2::interval`
	renewInstallation = `
		UPDATE installation SET id = gen_random_uuid(), token = NULL, previous = NULL, turned_at = NULL RETURNING id::text`
	forgetMark = `DELETE FROM queue_state`
	// A copy goes its own way from here: places in the other's feed mean nothing in its own.
	renewEpoch = `UPDATE journal_state SET epoch = floor(random() * 2147483647)::integer`
)

func scanOwner(row pgx.Row, o *models.Owner) error {
	return row.Scan(&o.Installation, &o.Token, &o.Previous)
}

// Owner returns what tells this database from its copies.
func (s *Store) Owner(ctx context.Context) (o models.Owner, err error) {
	err = scanOwner(s.read.QueryRow(ctx, selectOwner), &o)
	return o, wrap("read the installation's owner", err)
}

// TurnOwner gives this database a new token, unless it has one that is younger.
func (s *Store) TurnOwner(ctx context.Context, every time.Duration) (o models.Owner, err error) {
	batch := &pgx.Batch{}
	batch.Queue(turnOwner, s.now(), every)
	batch.Queue(selectOwner).QueryRow(func(row pgx.Row) error { return scanOwner(row, &o) })
	if err := s.inBatch(ctx, s.desk, batch, "turn the installation's token"); err != nil {
		return models.Owner{}, err
	}
	return o, nil
}

// RenewInstallation gives this database a name of its own.
func (s *Store) RenewInstallation(ctx context.Context) (name string, err error) {
	batch := &pgx.Batch{}
	batch.Queue(forgetMark)
	batch.Queue(renewEpoch)
	batch.Queue(renewInstallation).QueryRow(func(row pgx.Row) error { return row.Scan(&name) })
	if err := s.inBatch(ctx, s.desk, batch, "name the installation anew"); err != nil {
		return "", err
	}
	return name, nil
}
