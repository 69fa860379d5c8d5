package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	keepStray = `
		INSERT INTO strays AS s (id, event_id, booking_id, n, gateway, provider_reference, reported, amount, currency, kept_at, due_at)
		SELECT $2, $3, $4, $5, $6, $7, $8, $9::bigint * $10::numeric, $11, now, now + $12::interval
		FROM (SELECT coalesce($1::timestamptz, now()) AS now) clock
		ON CONFLICT (id) DO UPDATE SET gateway = excluded.gateway, provider_reference = excluded.provider_reference,
			reported = true, amount = excluded.amount, currency = excluded.currency, kept_at = excluded.kept_at,
			due_at = excluded.due_at, failed_at = NULL
		WHERE excluded.reported AND NOT s.reported`
	claimStrays = `
		WITH free AS MATERIALIZED (
			SELECT ctid FROM strays WHERE due_at <= coalesce($1::timestamptz, now()) ORDER BY due_at LIMIT $2
			FOR NO KEY UPDATE SKIP LOCKED
		)
		UPDATE strays s SET due_at = coalesce($1::timestamptz, now()) + $3::interval
		FROM free WHERE s.ctid = free.ctid
		RETURNING s.event_id, s.booking_id, s.n, s.gateway, s.provider_reference, s.reported, s.amount::text, s.currency,
			s.kept_at, coalesce($1::timestamptz, now()) - s.kept_at`
	forgetStray = `DELETE FROM strays WHERE id = $1 AND due_at IS NOT NULL`
	strayLetter = `
		UPDATE strays SET due_at = NULL, failed_at = coalesce($1::timestamptz, now()), last_error = $3,
			provider_reference = $4, amount = $5::bigint * $6::numeric, currency = $7, reported = $8
		WHERE id = $2 AND due_at IS NOT NULL`
	closeStray = `UPDATE strays SET failed_at = NULL WHERE id = $1 AND failed_at IS NOT NULL`
)

// KeepStrays keeps what was not kept before.
func (s *Store) KeepStrays(ctx context.Context, strays []models.Stray, lease time.Duration) error {
	batch := &pgx.Batch{}
	for i := range strays {
		stray := &strays[i]
		sum := stray.Result.Amount
		batch.Queue(keepStray, s.now(), uuid(stray.LetterID()), uuid(stray.Event), uuid(stray.Booking), stray.N,
			stray.Gateway,
			clean(stray.Result.ProviderReference), stray.Reported(), sum.Minor, factor(sum.Currency),
			zeronull.Text(sum.Currency), lease)
	}
	return s.inBatch(ctx, s.desk, batch, "keep strays")
}

// DueStrays takes up to limit strays whose lease has run out; each goes to one caller only.
func (s *Store) DueStrays(ctx context.Context, limit int, lease time.Duration) (list []repository.DueStray, err error) {
	batch := &pgx.Batch{}
	batch.Queue(claimStrays, s.now(), limit, lease).Query(func(rows pgx.Rows) (err error) {
		list, err = collect(rows, nil, scanDueStray)
		return err
	})
	if err := s.inBatch(ctx, s.desk, batch, "take up strays"); err != nil {
		return nil, err
	}
	return list, nil
}

func scanDueStray(row pgx.Row, d *repository.DueStray) error {
	var sum amount
	var currency zeronull.Text
	var reported bool
	stray := &d.Stray
	err := row.Scan((*[16]byte)(&stray.Event), (*[16]byte)(&stray.Booking), &stray.N, &stray.Gateway,
		&stray.Result.ProviderReference, &reported, &sum, &currency, &stray.KeptAt, &d.Age)
	if err != nil {
		return err
	}
	if reported {
		stray.Result.Outcome = models.Succeeded
	}
	utc(&stray.KeptAt)
	return money(&stray.Result.Amount, sum, string(currency))
}

// ForgetStray drops one that has found its booking, or that nothing hangs on.
func (s *Store) ForgetStray(ctx context.Context, id models.LetterID) error {
	batch := &pgx.Batch{}
	batch.Queue(forgetStray, uuid(id))
	return s.inBatch(ctx, s.desk, batch, "forget a stray")
}

// StrayLetter makes a stray that is still kept a dead letter.
func (s *Store) StrayLetter(ctx context.Context, stray models.Stray) error {
	sum := stray.Result.Amount
	batch := &pgx.Batch{}
	batch.Queue(strayLetter, s.now(), uuid(stray.LetterID()), clean(stray.Explain()),
		clean(stray.Result.ProviderReference),
		sum.Minor, factor(sum.Currency), zeronull.Text(sum.Currency), stray.Reported())
	return s.inBatch(ctx, s.desk, batch, "make a stray a letter")
}

// CloseStray discards a letter of kind stray. Error: models.ErrLetterNotFound.
func (s *Store) CloseStray(ctx context.Context, id models.LetterID) error {
	batch, found := &pgx.Batch{}, false
	batch.Queue(closeStray, uuid(id)).Exec(func(tag pgconn.CommandTag) error {
		found = tag.RowsAffected() > 0
		return nil
	})
	if err := s.inBatch(ctx, s.desk, batch, "discard a stray"); err != nil {
		return err
	}
	if !found {
		return models.ErrLetterNotFound
	}
	return nil
}
