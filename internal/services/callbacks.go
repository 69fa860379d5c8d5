package services

import (
	"context"
	"errors"
	"time"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/sale"
)

// Callbacks receives what gateways report by themselves. Every callback becomes a Settle for the event's desk, whose
// rules make repeats and callbacks out of order harmless.
type Callbacks struct {
	gateways map[string]payments.Notifier
	office   *boxoffice.Office
	now      func() time.Time
	strays   StrayKeeper // nil: what is told of unknown bookings is dropped
}

// NewCallbacks works on a box office, for the gateways that send callbacks, by name. now is the clock that signatures
// are held against; nil is time.Now.
func NewCallbacks(office *boxoffice.Office, gateways map[string]payments.Notifier, now func() time.Time) *Callbacks {
	if now == nil {
		now = time.Now
	}
	return &Callbacks{gateways: gateways, office: office, now: now}
}

// Keeping returns the same use cases with a place for money that was taken for unknown bookings.
func (c *Callbacks) Keeping(strays StrayKeeper) *Callbacks {
	other := *c
	other.strays = strays
	return &other
}

// Expect refuses a callback before its body is read: of a gateway that is none, or without a signature that can be
// right. Errors: models.ErrGatewayNotFound, models.ErrCallbackForged, models.ErrCallbackStale.
func (c *Callbacks) Expect(gateway string, header func(string) string) error {
	notifier := c.gateways[gateway]
	if notifier == nil {
		return models.ErrGatewayNotFound
	}
	return callbackError(notifier.CheckHeader(header, c.now()))
}

// Receive checks a callback and settles the charge that it names. What is genuine but tells nothing about a charge of
// ours is accepted, so that the gateway does not send it again. Errors: those of Expect, models.ErrCallbackUnreadable,
// models.ErrUnavailable.
func (c *Callbacks) Receive(ctx context.Context, gateway string, header func(string) string, body []byte) error {
	notifier := c.gateways[gateway]
	if notifier == nil {
		return models.ErrGatewayNotFound
	}
	notice, err := notifier.ReadCallback(header, body, c.now())
	if errors.Is(err, payments.ErrIrrelevant) {
		return nil
	}
	if err != nil {
		return callbackError(err)
	}
	if notice.Moved {
		return c.look(ctx, gateway, notice)
	}
	return c.settle(ctx, gateway, notice)
}

// callbackError says what is wrong with a callback in our words.
func callbackError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, payments.ErrForged):
		return models.ErrCallbackForged.With(err)
	case errors.Is(err, payments.ErrStale):
		return models.ErrCallbackStale.With(err)
	}
	return models.ErrCallbackUnreadable.With(err)
}

func (c *Callbacks) settle(ctx context.Context, gateway string, notice payments.Notice) error {
	key, err := models.ParseReference(notice.Reference)
	if err != nil {
		return models.ErrCallbackUnreadable.With(err)
	}
	_, err = c.office.Tell(ctx, key.Event, &sale.Settle{Charge: key, Result: notice.Result, Backoff: callbackPoll})
	if !errors.Is(err, models.ErrBookingNotFound) {
		return err
	}
	if c.strays == nil || notice.Result.Outcome != models.OutcomeSucceeded {
		return nil // no money hangs on it
	}
	stray := models.Stray{ChargeKey: key, Gateway: gateway, Result: notice.Result}
	return keepStrays(ctx, c.strays, []models.Stray{stray})
}

// callbackPoll is when a charge that a callback calls still open is asked about next.
const callbackPoll = 30 * time.Second
