package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	featureNotSupported  = "0A000"
	lockNotAvailable     = "55P03"
	queryCancelled       = "57014"
	readOnlyTransaction  = "25006"
	idleInTransaction    = "25P03"
	ioError              = "58030"
	diskFull             = "53100"
	rowHasMoved          = "22012" // see mustUpdateAll
)

// stalePlan is the routine of the server that refuses a prepared statement whose columns a migration has changed since:
// pgx prepares it anew. All else of the same SQLSTATE stays refused.
const stalePlan = "RevalidateCachedQuery"

// constraintErrors are the constraints whose violation is an answer, not a fault.
var constraintErrors = map[string]error{
	"users_email_key":      models.ErrEmailTaken,
	"users_email_fold_key": models.ErrEmailTaken,
	// Whoever names an organizer that is not there, or is being deleted. One that has events is not deleted because of
	// them, but found to have them before.
	"events_organizer_id_fkey":   models.ErrOrganizerNotFound,
	"users_organizer_id_fkey":    models.ErrOrganizerNotFound,
	"api_keys_organizer_id_fkey": models.ErrOrganizerNotFound,
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

// translate adds the port's error to the driver's. What comes from elsewhere, such as the rules of models, stays. Only
// the database's own word, and a value that pgx could not turn into the protocol's, are a refusal; all else, whatever
// it says, is a line on which nothing came.
func translate(err error) error {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return translateState(pgErr, err)
	}
	if repository.IsKnown(err) {
		return err
	}
	if unconvertible(err) {
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
	case serializationFailure, deadlockDetected, rowHasMoved:
		return repository.ErrConflict
	case featureNotSupported:
		if e.Routine == stalePlan {
			return repository.ErrConflict
		}
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

// wrapCommit translates an error of a batch that ends in COMMIT. atCommit reports whether it came in COMMIT's own
// place: a backend that was told to end may say so after it has committed. Anything but the database's word leaves the
// outcome open, unless pgx gave up before it sent any of the batch.
func wrapCommit(what string, err error, atCommit bool) error {
	pgErr, answered := errors.AsType[*pgconn.PgError](err)
	switch {
	case !answered && preprocessing(err):
		return wrap(what, err)
	case !answered, atCommit && fatal(pgErr):
		return fmt.Errorf("%s: %w: %w", what, repository.ErrCommitUnknown, err)
	}
	return wrap(what, err)
}

// wrapWrite translates an error of a batch that commits by itself: once it was sent, only the database's own word says
// that it did nothing.
func wrapWrite(what string, err error) error {
	if err == nil {
		return nil
	}
	if repository.IsKnown(err) || pgconn.SafeToRetry(err) {
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

// preprocessing reports whether pgx gave up before it sent the statements themselves: while it had them prepared, or
// while it built the messages.
func preprocessing(err error) bool {
	_, ok := errors.AsType[pgx.ErrPreprocessingBatch](err)
	return ok
}

// unconvertible tells of a value that pgx could not encode, or of an answer that it could not decode: a fault of ours,
// with a line that is whole. pgx has no type for the first, and does not tell in which step it gave a batch up. But
// such an error always wraps what the value's own codec said, and a line's does not, or wraps one of the line's.
func unconvertible(err error) bool {
	if _, is := errors.AsType[pgx.ScanArgError](err); is {
		return true
	}
	if failed, is := errors.AsType[pgx.ErrPreprocessingBatch](err); is {
		err = failed.Unwrap()
	}
	return errors.Unwrap(err) != nil && !ofTheLine(err)
}

// ofTheLine reports whether an error came from the connection, or from somebody who stopped waiting for it.
func ofTheLine(err error) bool {
	if _, is := errors.AsType[net.Error](err); is {
		return true
	}
	if _, is := errors.AsType[ofTheDriver](err); is {
		return true
	}
	if _, is := errors.AsType[*pgconn.ConnectError](err); is {
		return true
	}
	for _, known := range []error{
		io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, context.Canceled, context.DeadlineExceeded, pgconn.ErrConnClosed,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}

// ofTheDriver is what pgx makes of a connection that failed or is closed.
type ofTheDriver interface {
	error
	SafeToRetry() bool
}

func noRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

func sqlState(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pgErr.Code
	}
	return ""
}
