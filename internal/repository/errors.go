package repository

import (
	"context"
	"errors"

	"quantix/internal/models"
)

// ToDomain turns what a store said into what a caller may be told. Errors of the domain stay as they are.
func ToDomain(err error) error {
	if err == nil {
		return nil
	}
	if domain, ok := errors.AsType[*models.Error](err); ok {
		return domain
	}
	switch {
	case errors.Is(err, ErrCommitUnknown):
		return models.ErrOutcomeUnknown.With(err)
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrConflict),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return models.ErrUnavailable.With(err)
	}
	return models.ErrInternal.With(err)
}

// IsConflict reports whether a transaction lost against another one, and may be repeated as it is.
func IsConflict(err error) bool { return errors.Is(err, ErrConflict) }

// IsKnown reports whether an error is one of the domain's or of the port's already, which the driver's must become.
func IsKnown(err error) bool {
	_, domain := errors.AsType[*models.Error](err)
	return domain || errors.Is(err, ErrConflict) || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRejected) ||
		errors.Is(err, ErrCommitUnknown)
}
