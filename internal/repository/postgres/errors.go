package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// SQLSTATEs that mean something in particular.
const (
	undefinedTable       = "42P01"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	stalePlan            = "0A000" // "cached plan must not change result type": a migration came by; pgx plans anew
	lockNotAvailable     = "55P03"
	queryCancelled       = "57014"
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	ioError              = "58030"
	diskFull             = "53100"
)

// constraintErrors are the constraints whose violation is an answer, not a fault.
var constraintErrors = map[string]error{
	"users_email_key":      models.ErrEmailTaken,
	"users_email_fold_key": models.ErrEmailTaken,
	// Somebody made a booking under this key since it was looked for; a repeat will find it.
	"bookings_idempotency_key": repository.ErrConflict,
	"payments_pkey":            repository.ErrConflict, // likewise a first charge
	"sim_charges_pkey":         repository.ErrConflict, // and a record of the simulated gateway
}

// wrap translates an error of the driver before anything was committed; nil stays nil.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, translate(err))
}

// translate adds the port's error to the driver's. What comes from elsewhere, such as the rules of models, stays.
func translate(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return translateState(pgErr, err)
	}
	if _, ok := errors.AsType[*models.Error](err); ok || isPortError(err) {
		return err
	}
	if preprocessing(err) && !isConnectionError(err) {
		return fmt.Errorf("%w: %w", repository.ErrRejected, err)
	}
	return fmt.Errorf("%w: %w", repository.ErrUnavailable, err)
}

func translateState(pgErr *pgconn.PgError, err error) error {
	if known := constraintErrors[pgErr.ConstraintName]; known != nil && strings.HasPrefix(pgErr.Code, "23") {
		if domain, ok := errors.AsType[*models.Error](known); ok {
			return domain.With(err)
		}
		return fmt.Errorf("%w: %w", known, err)
	}
	if why := reasonOf(pgErr); why != nil {
		return fmt.Errorf("%w: %w: %w", kindOf(pgErr), why, err)
	}
	return fmt.Errorf("%w: %w", kindOf(pgErr), err)
}

// reasonOf names what somebody has to mend; nil for what is told by kindOf alone.
func reasonOf(e *pgconn.PgError) error {
	switch e.Code {
	case diskFull:
		return repository.ErrNoRoom
	case readOnlyTransaction:
		return repository.ErrReadOnly
	}
	return nil
}

// kindOf sorts a SQLSTATE. What is not known to pass by itself is a fault of ours.
func kindOf(e *pgconn.PgError) error {
	switch e.Code {
	case serializationFailure, deadlockDetected, stalePlan:
		return repository.ErrConflict
	case lockNotAvailable, queryCancelled, readOnlyTransaction, idleInTransaction, ioError:
		return repository.ErrUnavailable
	}
	switch e.Code[:min(2, len(e.Code))] {
	case "08", "53", "57", "28", "3D": // connection, resources (disk full), operator, login, no such database
		return repository.ErrUnavailable
	}
	if fatal(e) {
		return repository.ErrUnavailable
	}
	return repository.ErrRejected
}

// wrapCommit translates an error of a batch that ends in COMMIT. atCommit tells whether it came in COMMIT's own place:
// a backend that was told to end may say so after it has committed.
func wrapCommit(what string, err error, atCommit bool) error {
	pgErr, answered := errors.AsType[*pgconn.PgError](err)
	if !answered && preprocessing(err) {
		return wrap(what, err) // COMMIT was not sent
	}
	if !answered || atCommit && fatal(pgErr) {
		return fmt.Errorf("%s: %w: %w", what, repository.ErrCommitUnknown, err)
	}
	return wrap(what, err)
}

// wrapWrite translates an error of a statement that commits by itself: once it was sent, only the database's own word
// says that it did nothing.
func wrapWrite(what string, err error) error {
	if err == nil {
		return nil
	}
	_, notConnected := errors.AsType[*pgconn.ConnectError](err)
	_, domain := errors.AsType[*models.Error](err)
	if notConnected || domain || isPortError(err) || pgconn.SafeToRetry(err) {
		return wrap(what, err)
	}
	return wrapCommit(what, err, true)
}

func fatal(e *pgconn.PgError) bool {
	severity := e.SeverityUnlocalized
	if severity == "" {
		severity = e.Severity
	}
	return severity == "FATAL" || severity == "PANIC"
}

// preprocessing tells whether pgx gave up before it sent the statements themselves.
func preprocessing(err error) bool {
	_, ok := errors.AsType[pgx.ErrPreprocessingBatch](err)
	return ok
}

func isConnectionError(err error) bool {
	return pgconn.Timeout(err) || errors.Is(err, context.Canceled) || pgconn.SafeToRetry(err) ||
		strings.Contains(err.Error(), "closed")
}

func isPortError(err error) bool {
	return errors.Is(err, repository.ErrConflict) || errors.Is(err, repository.ErrUnavailable) ||
		errors.Is(err, repository.ErrRejected) || errors.Is(err, repository.ErrCommitUnknown)
}

func noRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}
