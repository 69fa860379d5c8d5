package postgres_test

import (
	"testing"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

// TestBindingWaitsForAnEdit: whoever edits a user has looked whether a subject has it; until that is written, no
// subject gets it.
func TestBindingWaitsForAnEdit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user(t)
	edit, err := b.connect(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edit.Exec(t.Context(), `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`, user.ID.String()); err != nil {
		t.Fatal(err)
	}
	bound := make(chan error, 1)
	go func() {
		_, err := b.BindSubject(t.Context(), models.Introduction{Subject: models.Subject{Issuer: "i", Subject: "s"}, Email: user.Email}, user)
		bound <- err
	}()
	testkit.Eventually(t, patience, func() error {
		if len(bound) > 0 {
			return nil // it did not wait
		}
		return b.waits(t, "transactionid")
	})
	if len(bound) > 0 {
		t.Errorf("a subject was bound while its user was edited: %v", <-bound)
		return
	}
	if err := edit.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-bound; err != nil {
		t.Errorf("binding after the edit: %v", err)
	}
}
