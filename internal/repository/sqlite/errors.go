package sqlite

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// errNotOne says that a row which must be there was not.
var errNotOne = fmt.Errorf("%w: the row to be changed is not there", repository.ErrRejected)

// constraintErrors are the constraints whose violation is an answer, not a fault, by the columns that SQLite names.
var constraintErrors = map[string]*models.Error{
	"users.email_key": models.ErrEmailTaken,
}

// wrap translates an error of the driver; nil stays nil. What comes from the rules of models stays as it is.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, translate(err))
}

// translate adds the port's error to the driver's.
func translate(err error) error {
	if isPortError(err) {
		return err
	}
	cause, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		// A context that ended, or a connection that could not be opened.
		return fmt.Errorf("%w: %w", repository.ErrUnavailable, err)
	}
	if known := knownConstraint(cause); known != nil {
		return known.With(err)
	}
	if why := reasonOf(cause); why != nil {
		return fmt.Errorf("%w: %w: %w", kindOf(cause), why, err)
	}
	return fmt.Errorf("%w: %w", kindOf(cause), err)
}

// reasonOf names what somebody has to mend; nil for what is told by kindOf alone.
func reasonOf(cause *sqlite.Error) error {
	switch cause.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return repository.ErrNoRoom
	case sqlite3.SQLITE_READONLY:
		return repository.ErrReadOnly
	}
	return nil
}

func knownConstraint(cause *sqlite.Error) *models.Error {
	if cause.Code() != sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return nil
	}
	_, columns, _ := strings.Cut(cause.Error(), "UNIQUE constraint failed: ")
	columns, _, _ = strings.Cut(columns, " (")
	return constraintErrors[columns]
}

// kindOf sorts a result code. What is not known to pass by itself is a fault of ours.
func kindOf(cause *sqlite.Error) error {
	if cause.Code() == sqlite3.SQLITE_BUSY_SNAPSHOT {
		return repository.ErrConflict
	}
	switch cause.Code() & 0xff { // the rest of the code is the detail
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, // somebody else's lock, for longer than the busy timeout
		sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM,
		sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return repository.ErrUnavailable
	}
	return repository.ErrRejected
}

// translateCommit translates an error of COMMIT. When the disk failed while the log was written or flushed, the end of
// the transaction may be on it all the same, and be found there after a crash.
func translateCommit(err error) error {
	if cause, ok := errors.AsType[*sqlite.Error](err); ok && cause.Code()&0xff == sqlite3.SQLITE_IOERR {
		return fmt.Errorf("commit: %w: %w", repository.ErrCommitUnknown, err)
	}
	return fmt.Errorf("commit: %w", translate(err))
}

func isPortError(err error) bool {
	_, domain := errors.AsType[*models.Error](err)
	return domain || errors.Is(err, repository.ErrConflict) || errors.Is(err, repository.ErrUnavailable) ||
		errors.Is(err, repository.ErrRejected) || errors.Is(err, repository.ErrCommitUnknown)
}
