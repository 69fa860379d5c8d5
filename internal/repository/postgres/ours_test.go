package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/repository/postgres"
)

// TestFaultsOfOurs: a value that cannot be sent, or an answer that cannot be read, is not "the store does not answer".
func TestFaultsOfOurs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, tooMuch := t.Context(), int64(1<<40)
	batch := func(bad int) error {
		queries := &pgx.Batch{}
		for i := range 3 {
			value := int64(i)
			if i == bad {
				value = tooMuch
			}
			queries.Queue("SELECT $1::integer", value)
		}
		return b.pool.SendBatch(ctx, queries).Close()
	}
	var number int32
	for name, err := range map[string]error{
		"first of a batch": postgres.WrapWrite("write", batch(0)),
		"last of a batch":  postgres.WrapWrite("write", batch(2)),
		"a query":          postgres.Wrap("read", b.pool.QueryRow(ctx, "SELECT $1::integer", tooMuch).Scan(&number)),
		"an answer":        postgres.Wrap("read", b.pool.QueryRow(ctx, "SELECT 'word'").Scan(&number)),
		"a dead letter":    b.AddMessageLetter(ctx, models.DeadLetter{ID: models.NewID[models.LetterID](), Attempts: int(tooMuch)}),
	} {
		if !errors.Is(err, repository.ErrRejected) || errors.Is(err, repository.ErrCommitUnknown) || errors.Is(err, repository.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrRejected", name, err)
		}
	}
	closed, cancel := context.WithCancel(ctx)
	cancel()
	if err := postgres.Wrap("read", b.pool.QueryRow(closed, "SELECT 1").Scan(&number)); !errors.Is(err, repository.ErrUnavailable) {
		t.Errorf("a caller who left: %v, want ErrUnavailable", err)
	}
}

// TestStalePlan: a migration changes a column whose statements this connection has prepared. The transaction has lost
// against it, and a repeat is planned anew.
func TestStalePlan(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *pgxpool.Config, _ *postgres.Options) { c.MaxConns = 1 })
	event, user := b.event(t, 10), b.user(t)
	b.must(t, event.ID, reserve(user.ID, 1))
	b.exec(t, "ALTER TABLE events ALTER COLUMN name TYPE varchar(300)")
	if _, err := b.decide(t.Context(), event.ID, reserve(user.ID, 1)); !errors.Is(err, repository.ErrConflict) {
		t.Errorf("a plan that went stale: %v, want ErrConflict", err)
	}
	b.must(t, event.ID, reserve(user.ID, 1))
	b.audit(t, event.ID)
}

// rollsBack has the server end each transaction by ROLLBACK where it is asked for COMMIT.
type rollsBack struct{ counter }

func (*rollsBack) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		if q.SQL == "COMMIT" {
			q.SQL = "ROLLBACK"
		}
	}
	return ctx
}

// TestCommitAnsweredByRollback: PostgreSQL answers COMMIT by ROLLBACK, and by no error, when the transaction had
// failed.
func TestCommitAnsweredByRollback(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event, user := b.event(t, 10), b.user(t)
	other := open(t, b.url, func(c *pgxpool.Config, _ *postgres.Options) { c.ConnConfig.Tracer = &rollsBack{} })
	if _, err := other.decide(t.Context(), event.ID, reserve(user.ID, 1)); !errors.Is(err, repository.ErrRejected) {
		t.Errorf("COMMIT answered by ROLLBACK: %v, want ErrRejected", err)
	}
	if after, err := b.Event(t.Context(), models.Everything, event.ID); err != nil || after.Stock.Held != 0 {
		t.Errorf("held %d (%v), want none", after.Stock.Held, err)
	}
}
