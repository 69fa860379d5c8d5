package postgres_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

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
	if err := database.MigratePostgres(t.Context(), address, slog.New(slog.DiscardHandler)); err != nil {
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
	// A change of the case alone is no older program's, which names no key.
	if _, err := store.UpdateUser(t.Context(), models.Everything, user.ID, models.UserPatch{Email: &again.Email}, nil); err != nil {
		t.Fatal(err)
	}
	if found, err := store.UserByEmail(t.Context(), models.Everything, "\u00e4RGER@example.com"); err != nil || found.ID != user.ID {
		t.Errorf("after a change of the case, the address is that of %+v, %v", found, err)
	}
}

// TestAnOlderProgramChangesAnAddress: a program that does not know email_key beside one that does.
func TestAnOlderProgramChangesAnAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := func(name string) models.User {
		user, err := models.NewUser(name, name+"@example.com")
		if err == nil {
			user, err = b.CreateUser(t.Context(), user)
		}
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	ann, bob := made("ann"), made("bob")
	is := func(email string, want *models.User) {
		t.Helper()
		found, err := b.UserByEmail(t.Context(), models.Everything, email)
		switch {
		case want == nil && !errors.Is(err, models.ErrUserNotFound), want != nil && (err != nil || found.ID != want.ID):
			t.Errorf("%s is the address of %+v, %v", email, found, err)
		}
	}
	const older = `UPDATE users SET name = $2, email = $3, version = version + 1, deleted_at = $4, updated_at = now() WHERE id = $1`
	b.exec(t, older, ann.ID.String(), "Anne", "Anne@example.com", nil)
	is("anne@example.com", &ann)
	is("ann@example.com", nil)
	if _, err := b.UpdateUser(t.Context(), models.Everything, bob.ID, models.UserPatch{Email: new("ANNE@example.com")}, nil); !errors.Is(err, models.ErrEmailTaken) {
		t.Errorf("the address that the older program gave away was taken again: %v", err)
	}
	if _, err := b.UpdateUser(t.Context(), models.Everything, bob.ID, models.UserPatch{Email: &ann.Email}, nil); err != nil {
		t.Errorf("the address that the older program freed is not free: %v", err)
	}
	b.exec(t, older, bob.ID.String(), "Bob", ann.Email, nil) // changes no address
	is(ann.Email, &bob)
	b.exec(t, older, bob.ID.String(), "erased", "x@erased.invalid", time.Now())
	var left int
	if err := b.connect(t).QueryRow(t.Context(), `SELECT count(*) FROM users WHERE email_key LIKE 'ann@%'`).Scan(&left); err != nil || left != 0 {
		t.Errorf("the erased user's address is still there: %d, %v", left, err)
	}
}
