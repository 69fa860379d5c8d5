package services

import (
	"context"
	"sync"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// LetterStore is what the use cases of dead letters need of the store.
type LetterStore interface {
	DeadLetters(ctx context.Context, scope models.Scope, page models.Page) ([]models.DeadLetter, error)
	DeadLettersOf(
		ctx context.Context, scope models.Scope, filter models.LetterFilter, page models.Page,
	) ([]models.DeadLetter, error)
	DeadLetter(ctx context.Context, scope models.Scope, id models.LetterID) (models.DeadLetter, error)
	DropMessageLetter(ctx context.Context, id models.LetterID) error
	CloseStray(ctx context.Context, id models.LetterID) error
}

// Letters is the manual review of payments that the machine gave up.
type Letters struct {
	store    LetterStore
	office   *boxoffice.Office
	retrying sync.Mutex // held by RetryAll
}

// NewLetters works on a store and a box office.
func NewLetters(store LetterStore, office *boxoffice.Office) *Letters {
	return &Letters{store: store, office: office}
}

var errStrayNotRetryable = models.ErrNotRetryable.Say(
	"The booking of this payment is not here; there is nothing to retry. Give the money back at the gateway, or book again, and discard the letter.")

// List returns dead letters, oldest first.
func (l *Letters) List(ctx context.Context, who models.Caller, p models.Page) ([]models.DeadLetter, error) {
	return explained(l.store.DeadLetters(ctx, who.Scope(), page(p)))
}

// Retry returns a letter's payment a new round of attempts. Errors: models.ErrLetterNotFound,
// models.ErrBookingNotPending, models.ErrNotRetryable.
func (l *Letters) Retry(ctx context.Context, who models.Caller, id models.LetterID) error {
	letter, err := explained(l.store.DeadLetter(ctx, who.Scope(), id))
	switch {
	case err != nil:
		return err
	case letter.Kind == models.LetterMessage:
		return models.ErrNotRetryable
	case letter.Kind == models.LetterStray:
		return errStrayNotRetryable
	}
	_, err = l.office.Ask(ctx, letter.Event, &sale.RetryLetter{Kind: letter.Kind, Charge: letter.ChargeKey})
	return err
}

// Discard drops a letter that no money hangs on. Errors: models.ErrLetterNotFound, models.ErrLetterUnknown,
// models.ErrRefundOwed.
func (l *Letters) Discard(ctx context.Context, who models.Caller, id models.LetterID) error {
	letter, err := explained(l.store.DeadLetter(ctx, who.Scope(), id))
	switch {
	case err != nil:
		return err
	case letter.Kind == models.LetterMessage:
		return repository.ToDomain(l.store.DropMessageLetter(ctx, id))
	case letter.Kind == models.LetterStray: // the money is given back at the gateway, or its booking was made again
		return repository.ToDomain(l.store.CloseStray(ctx, id))
	}
	_, err = l.office.Ask(ctx, letter.Event, &sale.DiscardLetter{Kind: letter.Kind, Charge: letter.ChargeKey})
	return err
}

// Close ends a letter as a person has decided, with the reason for it; the booking stays as it is. Error:
// models.ErrLetterNotFound.
func (l *Letters) Close(ctx context.Context, who models.Caller, id models.LetterID, reason string) error {
	letter, err := explained(l.store.DeadLetter(ctx, who.Scope(), id))
	switch {
	case err != nil:
		return err
	case letter.Kind == models.LetterMessage:
		return repository.ToDomain(l.store.DropMessageLetter(ctx, id))
	case letter.Kind == models.LetterStray:
		return repository.ToDomain(l.store.CloseStray(ctx, id))
	}
	_, err = l.office.Ask(ctx, letter.Event, &sale.CloseLetter{
		Kind: letter.Kind, Charge: letter.ChargeKey, Reason: reason,
	})
	return err
}
