package models

import (
	"slices"
	"time"
)

// MaxKeyEvents is how many events a key may be limited to.
const MaxKeyEvents = 100

// KeyRoles lists the roles that an API key may have. A customer is known by a token alone.
var KeyRoles = []Role{RoleAdmin, RoleOrganizer, RoleBoxOffice, RoleDoor}

// APIKey is a key that programs and devices show, without its secret, of which only KeyHash is kept.
type APIKey struct {
	ID         KeyID
	Name       string
	Role       Role
	Organizer  OrganizerID // zero for RoleAdmin
	Only       EventSet    // of these events alone, if not empty
	ExpiresAt  time.Time   // zero: never
	LastUsedAt time.Time   // to a minute; zero: never
	RevokedAt  time.Time   // zero: in force
	CreatedAt  time.Time
}

// KeyHash is the SHA-256 of a key's secret: of 32 random bytes, so that nothing slower is needed.
type KeyHash [32]byte

// KeyDraft is what a key is made of.
type KeyDraft struct {
	Name      string
	Role      Role
	Organizer OrganizerID
	Events    []EventID
	ExpiresAt time.Time
}

// NewAPIKey checks a draft and makes a key of it. Whether its maker may is for who knows them to say. The store sets
// the time of creation, and knows whether its organizer and events are there. Error: ErrInvalid.
func NewAPIKey(d KeyDraft) (APIKey, error) {
	fields := checkName(nil, d.Name)
	if !slices.Contains(KeyRoles, d.Role) {
		fields = append(fields, FieldError{Field: "role", Message: "must be admin, organizer, box_office or door"})
	}
	switch {
	case d.Role == RoleAdmin && (!d.Organizer.IsZero() || len(d.Events) > 0):
		fields = append(fields, FieldError{Field: "role", Message: "admin is of the whole installation: without organizer_id and event_ids"})
	case d.Role != RoleAdmin && d.Organizer.IsZero():
		fields = append(fields, FieldError{Field: "organizer_id", Message: "is required for this role"})
	}
	if len(d.Events) > MaxKeyEvents {
		fields = append(fields, FieldError{Field: "event_ids", Message: "must be at most " + itoa(MaxKeyEvents)})
	}
	if !d.ExpiresAt.IsZero() {
		fields = checkInstant(fields, "expires_at", d.ExpiresAt)
	}
	k := APIKey{
		ID: NewID[KeyID](), Name: d.Name, Role: d.Role, Organizer: d.Organizer, Only: NewEventSet(d.Events),
		ExpiresAt: instant(d.ExpiresAt),
	}
	return k, Invalid(fields)
}

// InForce reports whether a key counts at a time.
func (k *APIKey) InForce(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// Principal returns who shows the key.
func (k *APIKey) Principal() *Principal {
	return &Principal{
		Role: k.Role, Name: "key " + k.ID.String(), ID: k.ID, Key: k.ID, Organizer: k.Organizer, Only: k.Only,
		Expires: k.ExpiresAt,
	}
}
