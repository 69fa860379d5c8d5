package services

import (
	"context"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// accessStore keeps the access log.
type accessStore interface {
	LogAccess(ctx context.Context, entries []models.AccessEntry) error
}

// accessLog notes who looks at or changes another's personal data, before they are shown or changed: what cannot be
// noted is not done.
type accessLog struct{ store accessStore }

// add notes what a caller does with a user's data; the zero user stands for many. Nothing is noted of one's own data,
// nor where nobody is asked who they are, for there would be nobody to name.
func (l accessLog) add(ctx context.Context, who models.Caller, action models.AccessAction, user models.UserID) error {
	if who.Principal == models.Operator || who.User == user && !user.IsZero() {
		return nil
	}
	return repository.ToDomain(l.store.LogAccess(ctx, []models.AccessEntry{{
		ID: models.NewID[models.AccessID](), Actor: who.Name, Action: action, User: user, IP: who.IP,
		RequestID: who.RequestID,
	}}))
}
