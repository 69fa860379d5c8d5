package repository

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"quantix/internal/models"
)

// Explain turns what a store said into what a caller may be told. Errors of the domain stay as they are.
func Explain(err error) error {
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

// Bounds of Retry: in all about a second and a half at most.
const (
	retryTries = 6
	retryBase  = 25 * time.Millisecond
)

// Retry repeats a transaction that lost against another one (ErrConflict), a few times and with jitter, so that the
// two do not meet again; then it gives up with the last error.
func Retry(ctx context.Context, transact func() error) error {
	for try := 1; ; try++ {
		err := transact()
		if !errors.Is(err, ErrConflict) || try == retryTries {
			return err
		}
		if !Pause(ctx, Backoff(retryBase, try, time.Second)) {
			return err
		}
	}
}

// Backoff is how long to wait before the next try: exponential from base, at most most, with full jitter on its upper
// half, so that many who failed together do not come back together.
func Backoff(base time.Duration, failures int, most time.Duration) time.Duration {
	wait := base << min(max(failures-1, 0), 20)
	if wait <= 0 || wait > most {
		wait = most
	}
	return wait/2 + rand.N(wait/2+1)
}

// Pause waits, and tells whether the context let it.
func Pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
