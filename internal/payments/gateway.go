// Package payments holds the port to payment gateways. The adapter simulator is the one that is always there.
package payments

import (
	"context"
	"errors"
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
	EventName         string    // for people to read, where a gateway is told of it (Preparer); else empty
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

// Preparer is a gateway that makes a reference of its own before any money moves, which must be on disk before Charge: one
// that cannot be asked about ours.
type Preparer interface {
	// Prepare announces a charge: Prepared with its ProviderReference, or Declined, Unknown or Unavailable. Announced
	// twice, a charge may get two references, of which the one that is charged counts.
	Prepare(ctx context.Context, request ChargeRequest) models.Result
}

// Shared is a gateway whose account several installations may use.
type Shared interface {
	// BelongTo names the installation whose payments are made. What a callback tells of another's is irrelevant.
	BelongTo(installation string)
}

// Limited is a gateway that cannot charge every amount.
type Limited interface {
	// CanCharge gives nil for an amount that can be charged, else why it cannot, for an organiser to read.
	CanCharge(amount models.Money) error
}

// Notifier is a gateway that reports outcomes by itself, in signed callbacks.
type Notifier interface {
	// ReadCallback checks a callback's signature and age and reads it. header gives a request header's value. Errors:
	// ErrForged, ErrStale, ErrUnreadable, and ErrIrrelevant for what is genuine but tells nothing about our charges.
	ReadCallback(header func(name string) string, body []byte, now time.Time) (Notice, error)
}

// Notice is what a callback reports: the outcome of a charge, by our reference.
type Notice struct {
	Reference string
	Result    models.Result
}

// What can be wrong with a callback.
var (
	ErrForged     = errors.New("the callback's signature is not the gateway's")
	ErrStale      = errors.New("the callback is too old, or from the future")
	ErrUnreadable = errors.New("the callback makes no sense")
	ErrIrrelevant = errors.New("the callback tells nothing about a charge of ours")
)
