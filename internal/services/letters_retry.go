package services

import (
	"context"
	"errors"
	"sync"

	"quantix/internal/models"
	"quantix/internal/sale"
)

// mostRetried bounds the letters that one call of RetryAll retries.
const mostRetried = 10_000

// Retried is what became of letters that were retried together.
type Retried struct {
	Retried int
	Refused int  // their bookings no longer wait, or somebody else was faster: they stay as they are
	More    bool // the call had done enough: there may be more of them
}

// RetryAll gives the payments of all letters that a filter lets pass a new round of attempts, in pieces. Error: what
// ended it before its end; what was retried until then is.
func (l *Letters) RetryAll(ctx context.Context, filter models.LetterFilter) (Retried, error) {
	var done Retried
	page := models.Page{Limit: models.MaxLimit}
	for {
		letters, err := read(l.store.DeadLettersOf(ctx, filter, page))
		if err != nil {
			return done, err
		}
		if err := l.retryPage(ctx, letters, &done); err != nil || len(letters) < page.Limit {
			return done, err
		}
		if done.Retried >= mostRetried {
			done.More = true
			return done, nil
		}
		last := letters[len(letters)-1]
		page.After = &models.Position{Time: last.FailedAt, ID: last.ID}
	}
}

// retryPage tells the desks of the letters' events, several at once.
func (l *Letters) retryPage(ctx context.Context, letters []models.DeadLetter, done *Retried) (err error) {
	byEvent := make(map[models.EventID][]sale.Command)
	for i := range letters {
		letter := &letters[i]
		byEvent[letter.Event] = append(byEvent[letter.Event], &sale.RetryLetter{Kind: letter.Kind, Charge: letter.ChargeKey})
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	turns := newSlots(desksAtOnce)
	for event, commands := range byEvent {
		if _, turnErr := turns.acquire(ctx, 1, 1); turnErr != nil {
			err = turnErr
			break
		}
		group.Go(func() {
			defer turns.release(1)
			outcomes := l.office.TellAll(ctx, event, commands)
			mu.Lock()
			defer mu.Unlock()
			for _, outcome := range outcomes {
				err = firstOf(err, done.count(outcome.Err))
			}
		})
	}
	group.Wait()
	return err
}

// count notes what became of a letter, and gives what no letter is to blame for.
func (r *Retried) count(err error) error {
	switch {
	case err == nil:
		r.Retried++
	case errors.Is(err, models.ErrLetterNotFound), errors.Is(err, models.ErrBookingNotPending):
		r.Refused++
	default:
		return err
	}
	return nil
}
