package services

import (
	"context"
	"errors"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/sale"
)

// A call of RetryAll looks at so many letters, and puts so many before the desks at once. That is little beside what
// settles payments in the same lane; in the organisers' own lane it would keep them out.
const (
	maxRetried = 10_000
	retryPiece = 128
)

// Retried is what became of letters that were retried together.
type Retried struct {
	Retried int
	Refused int              // their bookings no longer wait, or they cannot be retried now: they stay as they are
	Next    *models.Position // where to go on, when the call had done enough; nil: there are no more
}

var errRetrying = models.ErrBusy.Say("Dead letters are being retried already; ask again when that has ended. Nothing was changed.")

// RetryAll gives the payments of the letters that a filter lets pass a new round of attempts, after a position, in
// pieces. Error: what ended it before its end, what was retried until then is; models.ErrBusy while another call does
// the same in this process.
func (l *Letters) RetryAll(
	ctx context.Context, who models.Caller, filter models.LetterFilter, after *models.Position,
) (Retried, error) {
	var done Retried
	if !l.retrying.TryLock() {
		return done, errRetrying
	}
	defer l.retrying.Unlock()
	page := models.Page{Limit: retryPiece, After: after}
	for looked := 0; looked < maxRetried; looked += retryPiece {
		letters, err := explained(l.store.DeadLettersOf(ctx, who.Scope(), filter, page))
		if err != nil {
			return done, err
		}
		if err := l.retryPage(ctx, letters, &done); err != nil || len(letters) < page.Limit {
			return done, err
		}
		last := letters[len(letters)-1]
		page.After = &models.Position{Time: last.FailedAt, ID: last.ID}
	}
	done.Next = page.After
	return done, nil
}

// retryPage tells the desks of the letters' events, several at once.
func (l *Letters) retryPage(ctx context.Context, letters []models.DeadLetter, done *Retried) (err error) {
	byEvent := make(map[models.EventID][]sale.Command)
	for i := range letters {
		letter := &letters[i]
		byEvent[letter.Event] = append(byEvent[letter.Event], &sale.RetryLetter{Kind: letter.Kind, Charge: letter.ChargeKey})
	}
	told := l.office.TellMany(ctx, byEvent, func(outcome boxoffice.Outcome) {
		err = firstOf(err, done.count(outcome.Err))
	})
	return firstOf(err, told)
}

// count notes what became of a letter. One that cannot be retried, for whatever reason, does not keep those behind it;
// only a server that stops ends the call.
func (r *Retried) count(err error) error {
	switch {
	case err == nil:
		r.Retried++
	case errors.Is(err, models.ErrShuttingDown):
		return err
	default:
		r.Refused++
	}
	return nil
}
