package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/database"
	"quantix/internal/repository"
)

// groupLimit bounds how many pieces of work share a commit, so that the first of them does not wait long for the last.
const groupLimit = 256

// writer owns the one connection that writes. Its goroutine takes whatever work waits and commits it together: the more
// there is to do, the more work shares one flush to the disk.
type writer struct {
	conn    *conn
	beside  bool // another process sells
	jobs    chan *job
	stopped chan struct{} // closed when the goroutine has ended

	mu     sync.RWMutex // held for reading while a job is sent
	closed bool

	checkpoints *checkpointer
}

// job is a piece of work that waits for the writer.
type job struct {
	work  func(*conn) error
	state atomic.Int32 // jobWaiting, then one of the others for good
	err   error
	done  chan struct{}
}

const (
	jobWaiting = iota
	jobTaken
	jobGivenUp
)

func startWriter(ctx context.Context, db *database.SQLite) (*writer, error) {
	raw, err := db.Writer(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: newConn(raw), beside: db.Beside(), jobs: make(chan *job, groupLimit), stopped: make(chan struct{})}
	w.checkpoints = startCheckpointer(db)
	go w.loop()
	return w, nil
}

// do has a piece of work done and returns its error. A caller whose context ends gives up only work that was not begun.
// A panic of the work is an error.
func (w *writer) do(ctx context.Context, work func(*conn) error) error {
	j := &job{work: work, done: make(chan struct{})}
	if err := w.send(ctx, j); err != nil {
		return err
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobGivenUp) {
			return fmt.Errorf("%w: waiting to write: %w", repository.ErrUnavailable, ctx.Err())
		}
		<-j.done
	}
	return j.err
}

func (w *writer) send(ctx context.Context, j *job) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return fmt.Errorf("%w: the store is closed", repository.ErrUnavailable)
	}
	select {
	case w.jobs <- j:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: waiting to write: %w", repository.ErrUnavailable, ctx.Err())
	}
}

// close lets the goroutine finish what was sent, and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	again := w.closed
	if !again {
		w.closed = true
		close(w.jobs)
	}
	w.mu.Unlock()
	<-w.stopped
	if again {
		return nil
	}
	return errors.Join(w.checkpoints.stop(), w.conn.close()) // the last connection to close empties the log
}

func (w *writer) loop() {
	defer close(w.stopped)
	group := make([]*job, 0, groupLimit)
	for first := range w.jobs {
		group = w.gather(append(group[:0], first))
		for rest := group; len(rest) > 0; {
			rest = w.serve(rest)
		}
		w.checkpoints.afterCommit(w.conn)
	}
}

// gather adds what waits by now.
func (w *writer) gather(group []*job) []*job {
	letCallersSend(w.jobs)
	for len(group) < groupLimit {
		select {
		case j, open := <-w.jobs:
			if !open {
				return group
			}
			group = append(group, j)
		default:
			return group
		}
	}
	return group
}

// letCallersSend gives way as long as work keeps coming in: those who were answered by the last commit are about to ask
// for more, and would otherwise find the writer gone with the first of them, to the disk, for a commit of its own.
// There is no timer in this; a lone caller waits for nothing.
func letCallersSend(jobs <-chan *job) {
	for before := -1; len(jobs) > before; {
		before = len(jobs)
		runtime.Gosched()
	}
}

// serve does a group's work in one transaction and answers it. Each piece stands behind a savepoint, so that it fails
// alone; but when the disk fails, the whole transaction does. It returns what was not begun then.
func (w *writer) serve(group []*job) (rest []*job) {
	if err := w.begin(); err != nil {
		answer(group, translate(err))
		return nil
	}
	begun := make([]*job, 0, len(group))
	for i, j := range group {
		if !j.state.CompareAndSwap(jobWaiting, jobTaken) {
			continue
		}
		begun = append(begun, j)
		if err := w.attempt(j, len(group) > 1); err != nil {
			w.abandon(begun, translate(err))
			return group[i+1:]
		}
	}
	if _, err := w.conn.exec("COMMIT"); err != nil {
		w.abandon(begun, translateCommit(err))
		return nil
	}
	answer(begun, nil)
	return nil
}

// For how long a change waits for a moment in which the process that sells does not write, and how often it looks.
const (
	besideWait = 30 * time.Second
	besideLook = time.Millisecond
)

// begin begins a transaction that writes. Beside the process that sells it looks often for a moment between two of that
// one's (see database.SQLite.Beside).
func (w *writer) begin() error {
	for until := time.Now().Add(besideWait); ; time.Sleep(besideLook) {
		_, err := w.conn.exec("BEGIN IMMEDIATE")
		if err == nil || !w.beside || !isBusy(err) || time.Now().After(until) {
			return err
		}
	}
}

// abandon rolls the transaction back and fails all of its work.
func (w *writer) abandon(begun []*job, err error) {
	_, _ = w.conn.exec("ROLLBACK") // SQLite may have done so itself
	answer(begun, err)
}

// answer tells callers that they may go on, with the error of the whole unless they have their own.
func answer(jobs []*job, err error) {
	for _, j := range jobs {
		if j.err == nil {
			j.err = err
		}
		close(j.done)
	}
}
