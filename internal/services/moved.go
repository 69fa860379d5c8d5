package services

import (
	"context"
	"errors"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/sale"
)

// look asks the gateway what has moved of the charge that a callback names, and tells the desk. A charge that is not
// ours is passed over, and one that is not in this database is kept as any other that succeeded. When the gateway
// cannot be asked now, it is to send the callback again.
func (c *Callbacks) look(ctx context.Context, gateway string, notice payments.Notice) error {
	teller, is := c.gateways[gateway].(payments.Teller)
	if !is {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	statement := teller.Look(ctx, payments.ChargeRequest{
		Reference: notice.Reference, ProviderReference: notice.Result.ProviderReference,
	})
	_, err := settleStatement(ctx, c.office, statement)
	if errors.Is(err, models.ErrBookingNotFound) {
		return c.settle(ctx, gateway, payments.Notice{Reference: statement.Reference, Result: statement.Result})
	}
	return err
}

// settleStatement puts what a gateway knows of a charge before the event's desk: that it succeeded, should that not be
// known yet, and what went back of it since.
func settleStatement(ctx context.Context, office *boxoffice.Office, s payments.Statement) (sale.Verdict, error) {
	if s.Result.Outcome == models.OutcomeUnknown || s.Result.Outcome == models.OutcomeUnavailable {
		return sale.Verdict{}, models.ErrUnavailable.Say("The gateway does not tell now; send it again.")
	}
	key, err := models.ParseReference(s.Reference)
	if err != nil || s.Result.Outcome != models.OutcomeSucceeded {
		return sale.Verdict{}, nil //nolint:nilerr // not ours, or nothing was taken that could go back
	}
	outcomes := office.TellAll(ctx, key.Event, []sale.Command{
		&sale.Settle{Charge: key, Result: s.Result, Backoff: callbackPoll},
		&sale.SettleMoved{Charge: key, ProviderReference: s.Result.ProviderReference, Movements: s.Movements},
	})
	return outcomes[1].Verdict, firstOf(outcomes[0].Err, outcomes[1].Err)
}
