// Package payments holds the port to payment gateways. The adapter simulator is the one that is always there.
package payments

import (
	"context"
	"time"

	"quantix/internal/models"
)

// ChargeRequest asks a gateway for a booking's money.
type ChargeRequest struct {
	Reference         string // ours; the same reference is charged at most once, however often it is sent
	ProviderReference string // the gateway's, once it has given one
	Booking           models.BookingID
	Amount            models.Money
	Method            models.PaymentMethod
	Deadline          time.Time // of the booking
}

// RefundRequest asks a gateway to give a charge back.
type RefundRequest struct {
	Key               string // "refund:<charge reference>"; the same key is refunded at most once
	Reference         string // ours, of the charge
	ProviderReference string // the gateway's, of the charge
	Amount            models.Money
}

// Gateway takes money and gives it back. Its methods answer within the context's time or with models.Unknown; they
// give results, not errors, because every answer of a gateway, a broken line too, is something to record.
type Gateway interface {
	// Name is stored with each charge, so that its later questions go to the same gateway.
	Name() string
	// Charge takes the money: Succeeded, Declined, StillOpen, Unknown or Unavailable (surely not taken).
	Charge(ctx context.Context, request ChargeRequest) models.Result
	// Find asks what became of a charge: Succeeded, Declined, StillOpen, Voided, Absent or Unknown.
	Find(ctx context.Context, request ChargeRequest) models.Result
	// Void makes sure that a charge is not made any more: Voided, also for one never heard of, which a later Charge then
	// cannot make; Succeeded or Declined when it is too late; or Unknown.
	Void(ctx context.Context, request ChargeRequest) models.Result
	// Refund gives a charge back: Succeeded, also when it was given back before, or Unknown or Unavailable.
	Refund(ctx context.Context, request RefundRequest) models.Result
}
