package sqlite

import (
	"errors"
	"fmt"
	"runtime/debug"

	"quantix/internal/repository"
)

// attempt does one piece of work, and undoes it if it fails. The error is of the transaction as a whole: then nothing
// that was done in it stands.
func (w *writer) attempt(j *job, amongOthers bool) error {
	if !amongOthers {
		w.run(j)
		if j.err != nil {
			return errUndone
		}
		return nil
	}
	if _, err := w.conn.exec("SAVEPOINT work"); err != nil {
		return err
	}
	w.run(j)
	if j.err != nil {
		if errors.Is(j.err, repository.ErrUnavailable) {
			return j.err // the disk: SQLite may have rolled back more than this work
		}
		if _, err := w.conn.exec("ROLLBACK TO work"); err != nil {
			return err
		}
	}
	_, err := w.conn.exec("RELEASE work")
	return err
}

// errUndone makes a lone failed piece of work roll its transaction back; its own error is what its caller gets.
var errUndone = errors.New("the work failed")

// run calls the work. It must not take the writer down with it.
func (w *writer) run(j *job) {
	defer func() {
		if fault := recover(); fault != nil {
			j.err = fmt.Errorf("%w: the store panicked: %v\n%s", repository.ErrRejected, fault, debug.Stack())
		}
	}()
	if err := j.work(w.conn); err != nil {
		j.err = translate(err)
	}
}
