package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// errNotOne says that a row which must be there was not.
var errNotOne = fmt.Errorf("%w: the row to be changed is not there", repository.ErrRejected)

// wrap translates an error of the driver; nil stays nil. What comes from the rules of models stays as it is.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, translate(err))
}

// translate adds the port's error to the driver's. What is neither SQLite's own word, nor that of the file system, nor
// a context's end is a fault of ours, such as a value that cannot be bound.
func translate(err error) error {
	if repository.IsKnown(err) {
		return err
	}
	if cause, ok := errors.AsType[*sqlite.Error](err); ok {
		if why := reasonOf(cause); why != nil {
			return fmt.Errorf("%w: %w: %w", kindOf(cause), why, err)
		}
		return fmt.Errorf("%w: %w", kindOf(cause), err)
	}
	if _, ofTheFiles := errors.AsType[syscall.Errno](err); ofTheFiles || isOver(err) {
		return fmt.Errorf("%w: %w", repository.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", repository.ErrRejected, err)
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

// isBusy tells of a lock that somebody else holds.
func isBusy(err error) bool {
	cause, ok := errors.AsType[*sqlite.Error](err)
	return ok && cause.Code()&0xff == sqlite3.SQLITE_BUSY
}

// isOver tells of a context or a connection that ended.
func isOver(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, driver.ErrBadConn)
}

// emailTaken tells what a user's row met: its address is all of it that is unique beside its id, which has a code of
// its own.
func emailTaken(err error) error {
	cause, ok := errors.AsType[*sqlite.Error](err)
	if ok && cause.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return models.ErrEmailTaken.With(err)
	}
	return err
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
