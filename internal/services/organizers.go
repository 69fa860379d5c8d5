package services

import (
	"context"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// Organizers is the use cases of organizers.
type Organizers struct{ store repository.Organizers }

// NewOrganizers works on a store.
func NewOrganizers(store repository.Organizers) *Organizers { return &Organizers{store: store} }

// Create makes an organizer. Error: models.ErrInvalid.
func (o *Organizers) Create(ctx context.Context, name string) (models.Organizer, error) {
	organizer, err := models.NewOrganizer(name)
	if err != nil {
		return models.Organizer{}, err
	}
	return retried(ctx, func() (models.Organizer, error) { return o.store.CreateOrganizer(ctx, organizer) })
}

// Get returns one organizer. Error: models.ErrOrganizerNotFound.
func (o *Organizers) Get(ctx context.Context, who models.Caller, id models.OrganizerID) (models.Organizer, error) {
	return explained(o.store.Organizer(ctx, who.Scope(), id))
}

// List returns organizers in the order of their creation.
func (o *Organizers) List(ctx context.Context, who models.Caller, p models.Page) ([]models.Organizer, error) {
	return explained(o.store.Organizers(ctx, who.Scope(), page(p)))
}

// Update changes an organizer. Errors: models.ErrOrganizerNotFound, models.ErrInvalid, models.ErrVersionMismatch;
// models.ErrForbidden for who is limited to some events.
func (o *Organizers) Update(
	ctx context.Context, who models.Caller, id models.OrganizerID, patch models.OrganizerPatch, ifVersion *int64,
) (models.Organizer, error) {
	if _, err := o.Get(ctx, who, id); err != nil {
		return models.Organizer{}, err
	}
	if who.Scope().Only != "" {
		return models.Organizer{}, models.ErrForbidden
	}
	return retried(ctx, func() (models.Organizer, error) { return o.store.UpdateOrganizer(ctx, id, patch, ifVersion) })
}

// Delete drops an organizer without events, and revokes its keys. Errors: models.ErrOrganizerNotFound,
// models.ErrOrganizerHasEvents, models.ErrOrganizerFixed, models.ErrVersionMismatch.
func (o *Organizers) Delete(ctx context.Context, id models.OrganizerID, ifVersion *int64) error {
	_, err := retried(ctx, func() (struct{}, error) { return struct{}{}, o.store.DeleteOrganizer(ctx, id, ifVersion) })
	return err
}
