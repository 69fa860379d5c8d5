package sqlite

import (
	"context"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

const (
	keepStray = `INSERT INTO strays (id, event_id, booking_id, n, gateway, provider_reference, reported, amount, currency,
		kept_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET gateway = excluded.gateway, provider_reference = excluded.provider_reference,
			reported = 1, amount = excluded.amount, currency = excluded.currency, kept_at = excluded.kept_at,
			due_at = excluded.due_at, failed_at = NULL
		WHERE excluded.reported AND NOT strays.reported`
	selectDueStrays = `SELECT event_id, booking_id, n, gateway, provider_reference, reported, amount, currency, kept_at
		FROM strays WHERE due_at <= ? ORDER BY due_at LIMIT ?`
	leaseStray  = `UPDATE strays SET due_at = ? WHERE id = ?`
	forgetStray = `DELETE FROM strays WHERE id = ? AND due_at IS NOT NULL`
	strayLetter = `UPDATE strays SET due_at = NULL, failed_at = ?, last_error = ?, provider_reference = ?,
		amount = ?, currency = ?, reported = ? WHERE id = ? AND due_at IS NOT NULL`
	closeStray = `UPDATE strays SET failed_at = NULL WHERE id = ? AND failed_at IS NOT NULL`
)

// KeepStrays keeps what was not kept before.
func (s *Store) KeepStrays(ctx context.Context, strays []models.Stray, lease time.Duration) error {
	return s.write(ctx, "keep strays", func(c *conn) error {
		now := s.now()
		for i := range strays {
			stray := &strays[i]
			id, sum := stray.LetterID(), stray.Result.Amount
			_, err := c.exec(keepStray, id[:], stray.Event[:], stray.Booking[:], int64(stray.N), stray.Gateway,
				clean(stray.Result.ProviderReference), isReported(stray), sum.Minor, nullText(sum.Currency), micros(now),
				micros(leaseEnd(now, lease)))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// DueStrays takes up to limit strays whose lease has run out; each goes to one caller only.
func (s *Store) DueStrays(ctx context.Context, limit int, lease time.Duration) (due []repository.DueStray, err error) {
	err = s.write(ctx, "take up strays", func(c *conn) error {
		now := s.now()
		due, err = collect(context.Background(), c, selectDueStrays, args{micros(now), int64(limit)}, readDueStray)
		if err != nil {
			return err
		}
		for i := range due {
			id := due[i].Stray.LetterID()
			due[i].Age = now.Sub(due[i].Stray.KeptAt)
			if err := c.one(leaseStray, micros(leaseEnd(now, lease)), id[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

func readDueStray(r *row) repository.DueStray {
	stray := models.Stray{ChargeKey: readChargeKey(r), Gateway: r.text()}
	stray.Result.ProviderReference = r.text()
	if r.int() != 0 {
		stray.Result.Outcome = models.Succeeded
	}
	stray.Result.Amount, stray.KeptAt = readMoneyColumns(r), r.time()
	return repository.DueStray{Stray: stray}
}

// ForgetStray drops one that has found its booking, or that nothing hangs on.
func (s *Store) ForgetStray(ctx context.Context, id models.LetterID) error {
	return s.write(ctx, "forget a stray", func(c *conn) error {
		_, err := c.exec(forgetStray, id[:])
		return err
	})
}

// StrayLetter makes a stray that is still kept a dead letter.
func (s *Store) StrayLetter(ctx context.Context, stray models.Stray) error {
	return s.write(ctx, "make a stray a letter", func(c *conn) error {
		id, sum := stray.LetterID(), stray.Result.Amount
		_, err := c.exec(strayLetter, micros(s.now()), clean(stray.Explain()), clean(stray.Result.ProviderReference),
			sum.Minor,
			nullText(sum.Currency), isReported(&stray), id[:])
		return err
	})
}

func isReported(stray *models.Stray) int64 {
	if stray.Reported() {
		return 1
	}
	return 0
}

// CloseStray discards a letter of kind stray. Error: models.ErrLetterNotFound.
func (s *Store) CloseStray(ctx context.Context, id models.LetterID) error {
	return s.write(ctx, "discard a stray", func(c *conn) error {
		closed, err := c.exec(closeStray, id[:])
		if err == nil && closed == 0 {
			err = models.ErrLetterNotFound
		}
		return err
	})
}
