package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// conn is one connection with its prepared statements. It speaks to the driver without database/sql between them, whose
// locks and conversions cost as much as SQLite itself for statements this small. One goroutine at a time uses it.
type conn struct {
	raw        driver.Conn
	statements map[string]*statement
	arguments  []driver.NamedValue
}

// statement is a prepared statement with room for a row of its result.
type statement struct {
	driver.Stmt
	exec   driver.StmtExecContext
	query  driver.StmtQueryContext
	values []driver.Value
}

func newConn(raw driver.Conn) *conn {
	return &conn{raw: raw, statements: make(map[string]*statement)}
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.statements {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

// prepare returns the statement of a text; each text is prepared once.
func (c *conn) prepare(text string) (*statement, error) {
	if known := c.statements[text]; known != nil {
		return known, nil
	}
	stmt, err := c.raw.Prepare(text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	s := &statement{Stmt: stmt}
	var executes, queries bool
	s.exec, executes = stmt.(driver.StmtExecContext)
	s.query, queries = stmt.(driver.StmtQueryContext)
	if !executes || !queries {
		return nil, errors.Join(fmt.Errorf("prepare %q: the driver cannot run it with a context", text), stmt.Close())
	}
	c.statements[text] = s
	return s, nil
}

func (c *conn) bind(values []any) []driver.NamedValue {
	c.arguments = c.arguments[:0]
	for i, v := range values {
		c.arguments = append(c.arguments, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.arguments
}

// exec runs a statement to its end and returns how many rows it changed. Nothing stops it half-way: what changes the
// database is not to be torn because a caller left.
func (c *conn) exec(text string, values ...any) (int64, error) {
	s, err := c.prepare(text)
	if err != nil {
		return 0, err
	}
	result, err := s.exec.ExecContext(context.Background(), c.bind(values))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// args are the values of a statement's parameters.
type args = []any

// query hands each row of a statement's result to a function. The row is valid only during the call.
func (c *conn) query(ctx context.Context, text string, values args, each func(*row) error) (err error) {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	rows, err := s.query.QueryContext(ctx, c.bind(values))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if s.values == nil {
		s.values = make([]driver.Value, len(rows.Columns()))
	}
	for {
		switch err := rows.Next(s.values); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		r := row{values: s.values}
		if err := each(&r); err != nil {
			return err
		}
		if r.err != nil {
			return r.err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// number returns the single number that a statement answers with.
func (c *conn) number(ctx context.Context, text string, values ...any) (number int64, err error) {
	err = c.query(ctx, text, values, func(r *row) error {
		number = r.int()
		return nil
	})
	return number, err
}

// one runs a statement on exactly one row; if there is none, the program is wrong about what the database holds.
func (c *conn) one(text string, values ...any) error {
	changed, err := c.exec(text, values...)
	if err == nil && changed != 1 {
		err = fmt.Errorf("%w: %d rows were changed instead of one", errNotOne, changed)
	}
	return err
}
