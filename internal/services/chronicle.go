package services

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/repository"
)

// A gateway's list of what happened is read once a minute by one process, in pieces, as long as few charges have to be
// looked at. Nothing waits for it: while the gateway limits its calls or is away, it is left alone.
const (
	chronicleEvery = time.Minute
	maxPieces      = 20
	maxLooks       = 20
)

// ReadChronicle looks at charges whose money has moved according to the gateway's own list, should a callback not have
// come. It returns how many it looked at.
func (p *Payments) ReadChronicle(ctx context.Context) (looked int, err error) {
	chronicler, is := p.gateway.(payments.Chronicler)
	if !is || p.Room(1) == 0 {
		return 0, nil
	}
	name := p.gateway.Name()
	place, due, err := p.store.ClaimChronicle(ctx, name, chronicleEvery)
	if err != nil || !due {
		return 0, repository.ToDomain(err)
	}
	for range maxPieces {
		list := p.readPiece(ctx, chronicler, place)
		if list.Result.Outcome != models.OutcomeSucceeded {
			return looked, nil // the gateway has told why; the same piece is read again in a minute
		}
		for _, reference := range list.Charges {
			if err := p.lookAt(ctx, chronicler, reference); err != nil {
				return looked, err
			}
			looked++
		}
		if list.Place != place {
			place, err = list.Place, p.store.KeepPlace(ctx, name, list.Place)
		}
		if err != nil || !list.More || looked >= maxLooks {
			return looked, repository.ToDomain(err)
		}
	}
	return looked, nil
}

func (p *Payments) readPiece(
	ctx context.Context, chronicler payments.Chronicler, place string,
) (list payments.Chronicle) {
	answer := p.ask(ctx, "the list of events", func(ctx context.Context) models.Result {
		list = chronicler.Since(ctx, place)
		return list.Result
	})
	list.Result = answer
	return list
}

// lookAt settles what the gateway knows of a charge. An error is a reason to read the list again from before it; what
// no desk will take is passed over, or nothing behind it would ever be read.
func (p *Payments) lookAt(ctx context.Context, teller payments.Teller, reference string) error {
	var statement payments.Statement
	answer := p.ask(ctx, reference, func(ctx context.Context) models.Result {
		statement = teller.Look(ctx, payments.ChargeRequest{ProviderReference: reference})
		return statement.Result
	})
	if answer.Outcome == models.OutcomeUnknown || answer.Outcome == models.OutcomeUnavailable {
		statement.Result = answer
	}
	_, err := settleStatement(ctx, p.office, statement)
	switch {
	case err == nil, errors.Is(err, models.ErrUnavailable), errors.Is(err, models.ErrShuttingDown),
		errors.Is(err, models.ErrOutcomeUnknown):
		return err
	case errors.Is(err, models.ErrBookingNotFound):
		return p.keepStray(ctx, statement)
	}
	p.options.Logger.Error("what the gateway's list tells cannot be settled", "provider_reference", reference, "error", err)
	return nil
}

// keepStray keeps money that was taken for an unknown booking, as if a callback had told of it.
func (p *Payments) keepStray(ctx context.Context, s payments.Statement) error {
	key, err := models.ParseReference(s.Reference)
	if err != nil {
		return nil //nolint:nilerr // a charge that is not ours is passed over
	}
	return keepStrays(ctx, p.store, []models.Stray{{ChargeKey: key, Gateway: p.gateway.Name(), Result: s.Result}})
}
