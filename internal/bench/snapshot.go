package bench

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// heldSnapshot is a reader who does not go home: as long as it is held, PostgreSQL keeps every row version that was
// visible when it was taken, or came later.
type heldSnapshot struct{ db *pgx.Conn }

// holdSnapshot takes a snapshot of the database that address names.
func holdSnapshot(ctx context.Context, address string) (*heldSnapshot, error) {
	db, err := pgx.Connect(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("hold a snapshot: %w", err)
	}
	// The first query takes the snapshot, not BEGIN.
	for _, sql := range []string{
		`SET idle_in_transaction_session_timeout = 0`, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`, sqlBookings,
	} {
		if _, err := db.Exec(ctx, sql); err != nil {
			_ = db.Close(context.WithoutCancel(ctx)) // the first error says more
			return nil, fmt.Errorf("hold a snapshot: %w", err)
		}
	}
	return &heldSnapshot{db}, nil
}

// Release lets the snapshot go. An error says that it may not have been held until now.
func (s *heldSnapshot) Release(ctx context.Context) error {
	_, err := s.db.Exec(ctx, `COMMIT`)
	if closed := s.db.Close(context.WithoutCancel(ctx)); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("release the snapshot: %w", err)
	}
	return nil
}
