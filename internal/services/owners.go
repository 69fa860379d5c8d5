package services

import (
	"context"
	"sync"

	"quantix/internal/models"
)

// owners remembers whose events are: that never changes, so who asks for an event that is known costs no query.
type owners struct {
	reads *sharedReads[models.EventID, models.OrganizerID]

	mu    sync.RWMutex
	known map[models.EventID]models.OrganizerID
}

// maxOwners bounds what is remembered: some megabytes. Beyond it all is forgotten, and asked again as it is needed.
const maxOwners = 100_000

// ownerStore is what tells whose events are.
type ownerStore interface {
	OwnerOf(ctx context.Context, id models.EventID) (models.OrganizerID, error)
}

func newOwners(store ownerStore) *owners {
	return &owners{
		reads: newSharedReads(singleBounds, store.OwnerOf), known: make(map[models.EventID]models.OrganizerID),
	}
}

// within says models.ErrEventNotFound of an event beyond a scope. Who reaches everything is asked nothing.
func (o *owners) within(ctx context.Context, scope models.Scope, event models.EventID) error {
	if scope.All {
		return nil
	}
	owner, err := o.of(ctx, event)
	if err == nil && !scope.HasEvent(owner, event) {
		err = models.ErrEventNotFound
	}
	return err
}

// has reports whether an event is known to be within a scope, and asks nobody.
func (o *owners) has(scope models.Scope, event models.EventID) bool {
	if scope.All {
		return true
	}
	owner, known := o.remembered(event)
	return known && scope.HasEvent(owner, event)
}

func (o *owners) remembered(event models.EventID) (owner models.OrganizerID, known bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	owner, known = o.known[event]
	return owner, known
}

func (o *owners) of(ctx context.Context, event models.EventID) (models.OrganizerID, error) {
	if owner, known := o.remembered(event); known {
		return owner, nil
	}
	owner, err := explained(o.reads.get(ctx, event))
	if err != nil {
		return owner, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.known) >= maxOwners {
		clear(o.known)
	}
	o.known[event] = owner
	return owner, nil
}

// ownOrganizer returns whose something new is to be: the caller's organizer, or, for who reaches all, the one that was
// named. Errors: models.ErrOrganizerNotFound for another's; models.ErrForbidden for who is limited to some events, and
// would not see what they have made.
func ownOrganizer(who models.Caller, named models.OrganizerID) (models.OrganizerID, error) {
	scope := who.Scope()
	switch {
	case scope.All:
		return named, nil
	case scope.Only != "" || scope.Organizer.IsZero():
		return named, models.ErrForbidden
	case !named.IsZero() && named != scope.Organizer:
		return named, models.ErrOrganizerNotFound
	}
	return scope.Organizer, nil
}
