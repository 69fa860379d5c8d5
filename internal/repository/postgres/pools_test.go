package postgres_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/models"
	"quantix/internal/repository/postgres"
)

// exhaust takes all connections of a pool until the test ends.
func exhaust(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	for range pool.Config().MaxConns {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Release)
	}
}

// Changes of users, however many and however slow, take none of the connections that sell tickets, and whether the
// database answers can be asked while all others are taken.
func TestPools_keep_users_and_health_apart(t *testing.T) {
	t.Parallel()
	b := setup(t)
	another := func() *pgxpool.Pool {
		pool, err := pgxpool.NewWithConfig(t.Context(), b.pool.Config())
		if err != nil {
			t.Fatal(err)
		}
		return pool
	}
	desk, read, health := another(), another(), another()
	store := postgres.New(postgres.Pools{Desk: desk, Read: read, Health: health}, postgres.Options{})
	t.Cleanup(func() { _ = store.Close() })
	user, err := models.NewUser("John", "john@example.com")
	if err == nil {
		user, err = store.CreateUser(t.Context(), user)
	}
	if err != nil {
		t.Fatal(err)
	}
	exhaust(t, desk)
	if _, err := store.UpdateUser(t.Context(), models.Everything, user.ID, models.UserPatch{Name: new("Jane")}, nil); err != nil {
		t.Errorf("changing: %v", err)
	}
	if err := store.DeleteUser(t.Context(), models.Everything, user.ID, nil, time.Hour); err != nil {
		t.Errorf("deleting: %v", err)
	}
	exhaust(t, read)
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if version, _, err := store.SchemaVersion(t.Context()); err != nil || version == 0 {
		t.Errorf("version %d: %v", version, err)
	}
}
