package models

import (
	"net/mail"
	"strings"
	"time"
)

// Limits of what users may be called; VARCHAR(255) and the longest address of RFC 5321.
const (
	MaxNameLength  = 255
	MaxEmailLength = 254
)

// User is somebody who books. Deleted ones are kept, for their bookings' sake, without name and e-mail (Erase), and
// answered as unknown.
type User struct {
	ID        UserID
	Organizer OrganizerID // who made the row; zero: an admin, or they themselves
	Name      string
	Email     string
	Version   int64 // of the ETag; grows with each edit
	DeletedAt time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// UserPatch is a change to a user; nil fields keep their value.
type UserPatch struct {
	Name  *string
	Email *string
}

// NewUser checks and makes a user. The store sets the times.
func NewUser(name, email string) (User, error) {
	u := User{ID: NewID[UserID](), Name: name, Email: email, Version: 1}
	return u, u.check()
}

// Apply changes a user by a patch and reports whether anything differs now. Errors: ErrInvalid, and
// ErrVersionMismatch when ifVersion is given and not the user's.
func (u *User) Apply(patch UserPatch, ifVersion *int64, now time.Time) (changed bool, err error) {
	if ifVersion != nil && *ifVersion != u.Version {
		return false, ErrVersionMismatch
	}
	next := *u
	set(&next.Name, patch.Name)
	set(&next.Email, patch.Email)
	if err := next.check(); err != nil || next == *u {
		return false, err
	}
	next.Version++
	next.UpdatedAt = now
	*u = next
	return true, nil
}

// Erase deletes a user for good: their bookings keep the id, and nothing else tells who it was.
func (u *User) Erase(now time.Time) {
	u.Name, u.Email = "erased", u.ID.String()+"@erased.invalid"
	u.DeletedAt, u.UpdatedAt = now, now
}

func (u *User) check() error {
	var fields []FieldError
	fields = checkName(fields, u.Name)
	fields = checkEmail(fields, u.Email)
	return Invalid(fields)
}

// EmailKey is what makes two addresses the same: case does not count.
func EmailKey(email string) string { return strings.ToLower(email) }

func checkEmail(fields []FieldError, email string) []FieldError {
	const place = "email"
	if len(email) > MaxEmailLength {
		return append(fields, FieldError{Field: place, Message: "must have at most 254 characters"})
	}
	address, err := mail.ParseAddress(email)
	if err != nil || address.Address != email || !isPrintable(email) || strings.ContainsFunc(email, turnsText) {
		return append(fields, FieldError{Field: place, Message: "must be an e-mail address such as john@example.com", Value: Clip(email, 64)})
	}
	return fields
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}
