package models

import "time"

// Organizer owns events and all under them.
type Organizer struct {
	ID        OrganizerID
	Name      string
	Version   int64 // of the ETag; grows with each edit
	CreatedAt time.Time
	UpdatedAt time.Time
}

// OrganizerPatch is a change to an organizer; nil fields keep their value.
type OrganizerPatch struct{ Name *string }

// NewOrganizer checks and makes an organizer. The store sets the times. Error: ErrInvalid.
func NewOrganizer(name string) (Organizer, error) {
	o := Organizer{ID: NewID[OrganizerID](), Name: name, Version: 1}
	return o, Invalid(checkName(nil, name))
}

// Apply changes an organizer by a patch and reports whether anything differs now. Errors: ErrInvalid, and
// ErrVersionMismatch when ifVersion is given and not the organizer's.
func (o *Organizer) Apply(patch OrganizerPatch, ifVersion *int64, now time.Time) (changed bool, err error) {
	if ifVersion != nil && *ifVersion != o.Version {
		return false, ErrVersionMismatch
	}
	next := *o
	set(&next.Name, patch.Name)
	if err := Invalid(checkName(nil, next.Name)); err != nil || next == *o {
		return false, err
	}
	next.Version++
	next.UpdatedAt = now
	*o = next
	return true, nil
}
