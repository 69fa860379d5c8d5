package services

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// StrayKeeper is where money that was taken for an unknown booking leaves its trace.
type StrayKeeper interface {
	KeepStrays(ctx context.Context, strays []models.Stray, lease time.Duration) error
}

// StrayStore is what the use cases of strays need of the store.
type StrayStore interface {
	StrayKeeper
	DueStrays(ctx context.Context, limit int, lease time.Duration) ([]repository.DueStray, error)
	ForgetStray(ctx context.Context, id models.LetterID) error
	StrayLetter(ctx context.Context, stray models.Stray) error
	Booking(ctx context.Context, scope models.Scope, id models.BookingID) (models.Booking, error)
}

// strayLease is how often the booking of a stray is looked for.
const strayLease = time.Minute

func keepStrays(ctx context.Context, keeper StrayKeeper, strays []models.Stray) error {
	if len(strays) == 0 {
		return nil
	}
	_, err := retried(ctx, func() (struct{}, error) { return struct{}{}, keeper.KeepStrays(ctx, strays, strayLease) })
	return err
}

// ResolveStrays takes up strays: what has found its booking is settled or charged like anything else, and what has not
// in models.StrayFor becomes a dead letter. It returns how many it took up.
func (p *Payments) ResolveStrays(ctx context.Context) (int, error) {
	due, err := retried(ctx, func() ([]repository.DueStray, error) {
		return p.store.DueStrays(ctx, maxDue, strayLease)
	})
	for i := range due {
		if strayErr := p.resolveStray(ctx, &due[i]); strayErr != nil {
			err = firstOf(err, strayErr) // the others are looked for all the same, this one when its lease runs out
		}
	}
	return len(due), err
}

func (p *Payments) resolveStray(ctx context.Context, d *repository.DueStray) error {
	found, err := p.bringHome(ctx, &d.Stray)
	switch {
	case err != nil:
		return err
	case found:
		return repository.ToDomain(p.store.ForgetStray(ctx, d.Stray.LetterID()))
	case d.Age >= models.StrayFor:
		return p.giveStrayUp(ctx, d)
	}
	return nil
}

// bringHome reports whether the booking is known by now. If so, its money is settled, or the message's work is done.
func (p *Payments) bringHome(ctx context.Context, s *models.Stray) (found bool, err error) {
	if s.Reported() {
		_, err = p.office.Tell(ctx, s.Event, &sale.Settle{Charge: s.ChargeKey, Result: s.Result, Backoff: callbackPoll})
	} else if _, err = p.store.Booking(ctx, models.Everything, s.Booking); err == nil {
		err = p.Charge(ctx, []models.BookingRef{s.BookingRef})
	}
	if errors.Is(err, models.ErrBookingNotFound) {
		return false, nil
	}
	return err == nil, repository.ToDomain(err)
}

// giveStrayUp makes a letter of a stray whose money was taken, or may be. Of a message it is the gateway that knows: as
// long as that does not answer it is asked again, for a day.
func (p *Payments) giveStrayUp(ctx context.Context, d *repository.DueStray) error {
	s := &d.Stray
	if !s.Reported() {
		s.Result = p.askForStray(ctx, s)
	}
	switch s.Result.Outcome {
	case models.OutcomeDeclined, models.OutcomeVoided, models.OutcomeAbsent:
		p.options.Logger.Warn("a message of a booking that is not here is dropped; nothing was charged for it",
			"event_id", s.Event, "booking_id", s.Booking)
		return repository.ToDomain(p.store.ForgetStray(ctx, s.LetterID()))
	case models.OutcomeUnknown, models.OutcomeUnavailable:
		if d.Age < models.StrayMax {
			return nil // asked again when the lease runs out
		}
	}
	p.options.Logger.Error("money was taken, or may be, for a booking that is not here: it is in the dead letters",
		"gateway", s.Gateway, "reference", s.Reference(), "provider_reference", s.Result.ProviderReference,
		"outcome", s.Result.Outcome)
	p.options.Observer.Payment("charge", "dead_letter")
	return repository.ToDomain(p.store.StrayLetter(ctx, *s))
}

// askForStray asks the gateway to which the message's charge would have gone, if that is still the one that is set up.
// What it has not decided is not voided: the booking may be in the database that this one is a copy of.
func (p *Payments) askForStray(ctx context.Context, s *models.Stray) models.Result {
	if s.Gateway != p.gateway.Name() {
		return otherGateway(s.Gateway)
	}
	return p.call(ctx, payments.ChargeRequest{Reference: s.Reference(), Booking: s.Booking}, p.gateway.Find)
}
