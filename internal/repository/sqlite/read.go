package sqlite

import (
	"context"

	"quantix/internal/models"
)

// list reads all rows of a statement, on a connection of the readers.
func list[T any](ctx context.Context, s *Store, what, text string, values args, read func(*row) T) ([]T, error) {
	return listOn(ctx, s.readers, what, text, values, read)
}

// listForLoops does so on a connection of the background loops.
func listForLoops[T any](
	ctx context.Context, s *Store, what, text string, values args, read func(*row) T,
) ([]T, error) {
	return listOn(ctx, s.loops, what, text, values, read)
}

func listOn[T any](
	ctx context.Context, pool *readers, what, text string, values args, read func(*row) T,
) (items []T, err error) {
	err = pool.do(ctx, func(c *conn) error {
		items, err = collect(ctx, c, text, values, read)
		return err
	})
	return items, wrap(what, err)
}

// single reads the one row of a statement, on a connection of the readers.
func single[T any](
	ctx context.Context, s *Store, what string, missing *models.Error, text string, values args, read func(*row) T,
) (T, error) {
	items, err := list(ctx, s, what, text, values, read)
	if err != nil || len(items) == 0 {
		var none T
		if err == nil {
			err = missing
		}
		return none, err
	}
	return items[0], nil
}

// collect reads all rows of a statement; never nil.
func collect[T any](ctx context.Context, c *conn, text string, values args, read func(*row) T) ([]T, error) {
	items := []T{}
	err := c.query(ctx, text, values, func(r *row) error {
		items = append(items, read(r))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// maybe reads the first row of a statement; nil when there is none.
func maybe[T any](ctx context.Context, c *conn, text string, values args, read func(*row) T) (*T, error) {
	items, err := collect(ctx, c, text, values, read)
	if err != nil || len(items) == 0 {
		return nil, err
	}
	return &items[0], nil
}

// readID reads a row that is one id.
func readID[I ~[16]byte](r *row) I { return I(r.id()) }
