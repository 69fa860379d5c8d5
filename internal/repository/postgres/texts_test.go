package postgres_test

import (
	"errors"
	"io"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"quantix/internal/database"
	"quantix/internal/models"
	"quantix/internal/repository/postgres"
	"quantix/internal/testkit"
)

// Which addresses are the same is not the locale's to say.
func TestAnAddressIsOneInEveryLocale(t *testing.T) {
	t.Parallel()
	server := testkit.NewPostgres(t, testkit.Options{Texts: []string{"-E", "UTF8", "--locale=C"}})
	address := server.Database(t, nil)
	if err := database.MigratePostgres(t.Context(), address, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	store := postgres.New(postgres.Pools{Desk: pool}, postgres.Options{})
	t.Cleanup(func() { _ = store.Close() })
	user, err := models.NewUser("One", "\u00e4rger@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	again, err := models.NewUser("Two", "\u00c4RGER@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.CreateUser(t.Context(), again); !errors.Is(err, models.ErrEmailTaken) {
		t.Errorf("the same address in capitals gave %v", err)
	}
}
