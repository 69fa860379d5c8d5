package repository

import (
	"context"
	"time"

	"quantix/internal/models"
)

// Organizers is who owns events. A scope has all of them, its own one, or none.
type Organizers interface {
	// CreateOrganizer writes a new organizer and returns it with its times set.
	CreateOrganizer(ctx context.Context, organizer models.Organizer) (models.Organizer, error)
	// Organizer returns one. Error: models.ErrOrganizerNotFound.
	Organizer(ctx context.Context, scope models.Scope, id models.OrganizerID) (models.Organizer, error)
	// Organizers lists by id, which is the order of creation. page.After holds the id of the last one seen.
	Organizers(ctx context.Context, scope models.Scope, page models.Page) ([]models.Organizer, error)
	// UpdateOrganizer locks the organizer, applies the patch by Organizer.Apply and writes it. Errors:
	// models.ErrOrganizerNotFound, those of Organizer.Apply.
	UpdateOrganizer(
		ctx context.Context, id models.OrganizerID, patch models.OrganizerPatch, ifVersion *int64,
	) (models.Organizer, error)
	// DeleteOrganizer drops an organizer that never had an event, and its keys, which are not found any more. Users
	// whose row it made are nobody's then. Errors: models.ErrOrganizerNotFound, models.ErrOrganizerHasEvents,
	// models.ErrOrganizerFixed for the default one, models.ErrVersionMismatch.
	DeleteOrganizer(ctx context.Context, id models.OrganizerID, ifVersion *int64) error
}

// Identities is the API keys, and the users of subjects. A scope of keys has all of them, or an organizer's.
type Identities interface {
	// CreateKey writes a new key with the hash of its secret and returns it with its time set. Errors:
	// models.ErrOrganizerNotFound, and models.ErrEventNotFound when one of its events is not its organizer's, or
	// deleted.
	CreateKey(ctx context.Context, key models.APIKey, hash models.KeyHash) (models.APIKey, error)
	// KeyByHash returns a key, revoked and expired ones too, and the time by the store's clock. Error:
	// models.ErrKeyNotFound.
	KeyByHash(ctx context.Context, hash models.KeyHash) (models.APIKey, time.Time, error)
	// Keys lists the keys that are not revoked, by id. page.After holds the id of the last one seen.
	Keys(ctx context.Context, scope models.Scope, page models.Page) ([]models.APIKey, error)
	// RevokeKey ends a key for good. Error: models.ErrKeyNotFound, also for one that was revoked before.
	RevokeKey(ctx context.Context, scope models.Scope, id models.KeyID) error
	// TouchKeys notes when keys were used last; an older time than the one kept changes nothing.
	TouchKeys(ctx context.Context, used map[models.KeyID]time.Time) error
	// IdentityVersion returns a number that grows, in the same transaction, whenever a key is revoked or a subject's
	// user is erased: whoever remembers either must ask again when it has moved.
	IdentityVersion(ctx context.Context) (int64, error)

	// UserOfSubject returns the user that a subject is bound to. Error: models.ErrUserNotFound.
	UserOfSubject(ctx context.Context, subject models.Subject) (models.UserID, error)
	// BindSubject binds a subject who comes for the first time to a user, for good, and returns the user: the one it is
	// bound to already, the one who has the verified e-mail address if no other subject has it, otherwise the given new
	// one, which it writes. Of several at once one binds, and all return the same. Error: models.ErrEmailTaken when the
	// new user's address is somebody's whom another subject has.
	BindSubject(ctx context.Context, who models.Introduction, user models.User) (models.UserID, error)
	// SubjectsOf returns whom a user is bound to.
	SubjectsOf(ctx context.Context, user models.UserID) ([]models.Subject, error)
}

// AccessLog is who looked at whose personal data. Entries are never changed.
type AccessLog interface {
	// LogAccess writes entries, with the store's clock as At.
	LogAccess(ctx context.Context, entries []models.AccessEntry) error
	// AccessEntries lists entries, newest first. page.After holds the At and id of the last one seen.
	AccessEntries(ctx context.Context, filter models.AccessFilter, page models.Page) ([]models.AccessEntry, error)
	// PruneAccessLog drops up to limit entries that are older than an age, and returns how many.
	PruneAccessLog(ctx context.Context, age time.Duration, limit int) (int, error)
}

// BookingsLookedAt is how many of a user's bookings, from the newest on, are looked at for one of an organizer's
// events: an account that books for thousands of others does not become readable for somebody only because of one
// booking long ago, and nobody can have a million bookings read by asking for it. To read so many took PostgreSQL a
// tenth of a second.
const BookingsLookedAt = 10_000
