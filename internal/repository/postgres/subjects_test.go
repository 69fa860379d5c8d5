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

// TestDeletingAnOrganizerHoldsNobodyUp: whoever erases a user whom an organizer has made has the user's row, and wants
// the identity version; the organizer's deletion must not have that while it waits for the row.
func TestDeletingAnOrganizerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	organizer, err := models.NewOrganizer("Theirs")
	if err == nil {
		organizer, err = b.CreateOrganizer(t.Context(), organizer)
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := models.NewAPIKey(models.KeyDraft{Name: "k", Role: models.RoleDoor, Organizer: organizer.ID})
	if err == nil {
		_, err = b.CreateKey(t.Context(), key, models.KeyHash{1})
	}
	if err != nil {
		t.Fatal(err)
	}
	user := b.user(t)
	b.exec(t, `UPDATE users SET organizer_id = $1 WHERE id = $2`, organizer.ID.String(), user.ID.String())
	erasure, err := b.connect(t).Begin(t.Context())
	if err == nil {
		_, err = erasure.Exec(t.Context(), `SELECT FROM users WHERE id = $1 FOR UPDATE`, user.ID.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	deleted := make(chan error, 1)
	go func() { deleted <- b.DeleteOrganizer(t.Context(), organizer.ID, nil) }()
	testkit.Eventually(t, patience, func() error { return b.waits(t, "transactionid") })
	_, err = erasure.Exec(t.Context(), `UPDATE installation SET identity_version = identity_version + 1`)
	if err == nil {
		err = erasure.Commit(t.Context())
	}
	if err != nil {
		t.Errorf("the erasure: %v", err)
	}
	if err := <-deleted; err != nil {
		t.Errorf("the deletion: %v", err)
	}
}
