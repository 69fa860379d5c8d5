// Package payments holds the port to payment gateways. The adapter simulator is the one that is always there.
package payments

import (
	"context"
	"errors"
	"time"

	"quantix/internal/models"
)

// Methods is how buyers may pay with a gateway.
type Methods struct {
	Default models.PaymentMethod            // of a booking that names none; empty: only free ones may leave it out
	Accept  func(models.PaymentMethod) bool // whether the gateway may know a method that was named
	Rule    string                          // what buyers are told of a method that it cannot know
}

// ChargeRequest asks a gateway for a booking's money.
type ChargeRequest struct {
	Reference         string // ours; the same reference is charged at most once, however often it is sent
	ProviderReference string // the gateway's, once it has given one
	Booking           models.BookingID
	Amount            models.Money
	Method            models.PaymentMethod
	Deadline          time.Time // of the booking
	EventName         string    // for people to read, where a gateway is told of it (Preparer); otherwise empty
}

// RefundRequest asks a gateway to give a charge back.
type RefundRequest struct {
	Key               string // models.RefundKey.GatewayKey; the same key is refunded at most once
	Part              int    // of the charge's money, from 1
	Reference         string // ours, of the charge
	ProviderReference string // the gateway's, of the charge
	Amount            models.Money
}

// Gateway takes money and gives it back. Its methods answer within the context's time or with models.OutcomeUnknown;
// they give results, not errors, because every answer of a gateway, a broken line too, is something to record.
type Gateway interface {
	// Name is stored with each charge, so that its later questions go to the same gateway.
	Name() string
	// Charge takes the money: Succeeded, Declined, Pending, Unknown or Unavailable (surely not taken).
	Charge(ctx context.Context, request ChargeRequest) models.Result
	// Find asks what became of a charge: Succeeded, Declined, Pending, Voided, Absent or Unknown.
	Find(ctx context.Context, request ChargeRequest) models.Result
	// Void makes sure that a charge is not made any more: Voided, also for one never heard of, which a later Charge
	// then cannot make; Succeeded or Declined when it is too late; or Unknown.
	Void(ctx context.Context, request ChargeRequest) models.Result
	// Refund gives a charge, or a part of it, back: Succeeded, also when that was done before; Pending while the
	// gateway has it and has not finished; Moved when so much is not left; or Unknown or Unavailable.
	Refund(ctx context.Context, request RefundRequest) models.Result
}

// Preparer is a gateway that makes a reference of its own before any money moves, which must be on disk before Charge:
// one that cannot be asked about ours.
type Preparer interface {
	// Prepare announces a charge: Prepared with its ProviderReference, or Declined, Unknown or Unavailable. Announced
	// twice, a charge may get two references, of which the one that is charged counts.
	Prepare(ctx context.Context, request ChargeRequest) models.Result
}

// Teller is a gateway that tells all that became of a charge's money, whoever moved it.
type Teller interface {
	// Look asks for a charge by the references that are known of it, the gateway's or ours.
	Look(ctx context.Context, request ChargeRequest) Statement
}

// Chronicler is a gateway that lists what happened to charges' money, so that what its callbacks did not bring is
// found.
type Chronicler interface {
	Teller
	// Since reads its list from a place that it gave before; empty: from not long ago.
	Since(ctx context.Context, place string) Chronicle
}

// Chronicle is a piece of a gateway's list, oldest first.
type Chronicle struct {
	Charges []string      // whose money may have moved, by the gateway's references; each once
	Place   string        // where to go on
	More    bool          // there is more, at once
	Result  models.Result // Succeeded, or why the list could not be read
}

// Statement is what a gateway knows of a charge.
type Statement struct {
	Reference string        // ours; empty: it is no charge of ours
	Result    models.Result // as of Find; when Unknown, the rest is, too
	Movements []models.Movement
}

// Shared is a gateway whose account several installations may use.
type Shared interface {
	// BelongTo names the installation whose payments are made. What a callback tells of another's is irrelevant.
	BelongTo(installation string)
}

// Limited is a gateway that cannot charge every amount.
type Limited interface {
	// CanCharge returns nil for an amount that can be charged, otherwise why it cannot, for an organiser to read.
	CanCharge(amount models.Money) error
}

// Notifier is a gateway that reports outcomes by itself, in signed callbacks.
type Notifier interface {
	// CheckHeader refuses a callback before its body is read, by what its headers say alone. Errors: ErrForged for a
	// signature that is missing or none, ErrStale.
	CheckHeader(header func(name string) string, now time.Time) error
	// ReadCallback checks a callback's signature and age and reads it. header gives a request header's value. Errors:
	// ErrForged, ErrStale, ErrUnreadable, and ErrIrrelevant for what is genuine but tells nothing about our charges.
	ReadCallback(header func(name string) string, body []byte, now time.Time) (Notice, error)
}

// Notice is what a callback reports: the outcome of a charge, by our reference. Moved: only that money of it went back,
// or came back, and the gateway is to be asked; our reference may then be missing.
type Notice struct {
	Reference string
	Result    models.Result
	Moved     bool
}

// What can be wrong with a callback.
var (
	ErrForged     = errors.New("the callback's signature is not the gateway's")
	ErrStale      = errors.New("the callback is too old, or from the future")
	ErrUnreadable = errors.New("the callback makes no sense")
	ErrIrrelevant = errors.New("the callback tells nothing about a charge of ours")
)
