package database

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// wrongURL says what is wrong with an address without repeating it: pgx hides the password only where it finds one.
func wrongURL(err error) error {
	if wrong, ok := errors.AsType[*pgconn.ParseConfigError](err); ok && errors.Unwrap(wrong) != nil {
		return fmt.Errorf("the database's URL cannot be read: %w", errors.Unwrap(wrong))
	}
	return errors.New("the database's URL cannot be read")
}
