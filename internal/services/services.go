// Package services holds the use cases: what the API and the background jobs ask of Quantix.
package services

import (
	"context"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/retry"
)

// explained runs a query and explains what the store said.
func explained[T any](value T, err error) (T, error) {
	return value, repository.ToDomain(err)
}

// retried runs a transaction that may lose against another one, and explains what the store said.
func retried[T any](ctx context.Context, transact func() (T, error)) (T, error) {
	var value T
	err := retry.Do(ctx, repository.IsConflict, func() (err error) {
		value, err = transact()
		return err
	})
	return explained(value, err)
}

// page fills a list's bounds.
func page(p models.Page) models.Page {
	if p.Limit <= 0 {
		p.Limit = models.DefaultLimit
	}
	p.Limit = min(p.Limit, models.MaxLimit)
	return p
}

func firstOf(err, next error) error {
	if err != nil {
		return err
	}
	return next
}
