package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"quantix/internal/database"
	"quantix/internal/repository"
)

// readers is a pool of connections that read, opened when they are first needed.
type readers struct {
	db    *database.SQLite
	slots chan *conn // nil: a connection not opened yet

	closing sync.Once
	closed  chan struct{}
}

func newReaders(db *database.SQLite, count int) *readers {
	r := &readers{db: db, slots: make(chan *conn, count), closed: make(chan struct{})}
	for range count {
		r.slots <- nil
	}
	return r
}

// do lends a connection to a piece of reading.
func (r *readers) do(ctx context.Context, work func(*conn) error) error {
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	defer func() { r.slots <- c }()
	if c == nil {
		raw, err := r.db.Reader(ctx)
		if err != nil {
			return err
		}
		c = newConn(raw)
	}
	return work(c)
}

func (r *readers) take(ctx context.Context) (*conn, error) {
	select {
	case <-r.closed:
		return nil, fmt.Errorf("%w: the store is closed", repository.ErrUnavailable)
	default:
	}
	select {
	case c := <-r.slots:
		return c, nil
	case <-r.closed:
		return nil, fmt.Errorf("%w: the store is closed", repository.ErrUnavailable)
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: waiting to read: %w", repository.ErrUnavailable, ctx.Err())
	}
}

// close waits for the connections that are lent, and closes all.
func (r *readers) close() error {
	var errs []error
	r.closing.Do(func() {
		close(r.closed)
		for range cap(r.slots) {
			if c := <-r.slots; c != nil {
				errs = append(errs, c.close())
			}
		}
	})
	return errors.Join(errs...)
}
