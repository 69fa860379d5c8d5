package models

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Status is where a booking stands.
type Status string

// The statuses of a booking. docs/states.md draws who moves it from one to the next.
const (
	StatusPending   Status = "PENDING"
	StatusConfirmed Status = "CONFIRMED"
	StatusCancelled Status = "CANCELLED"
)

// CancelReason says why a booking is CANCELLED; empty otherwise.
type CancelReason string

// The reasons of a cancellation.
const (
	ReasonUser           CancelReason = "user"
	ReasonExpired        CancelReason = "expired"
	ReasonDeclined       CancelReason = "payment_declined"
	ReasonEventCancelled CancelReason = "event_cancelled"
)

// Booking is a user's claim on a number of one event's tickets.
type Booking struct {
	ID              BookingID
	UserID          UserID
	EventID         EventID
	Quantity        int64
	Status          Status
	UnitPrice       Money
	TotalAmount     Money
	PaymentMethod   PaymentMethod
	PaymentDeadline time.Time
	CancelReason    CancelReason
	ConfirmedAt     time.Time
	CancelledAt     time.Time
	IdempotencyKey  string // empty: none
	RequestHash     RequestHash
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// Ref names the booking together with its event, as every statement that changes it does.
func (b *Booking) Ref() BookingRef { return BookingRef{Event: b.EventID, Booking: b.ID} }

// Payable reports whether a booking still waits for its payment. What its event says of it is not known here.
func (b *Booking) Payable(now time.Time) bool {
	return b.Status == StatusPending && now.Before(b.PaymentDeadline)
}

// BookingRef names a booking and the event it belongs to.
type BookingRef struct {
	Event   EventID
	Booking BookingID
}

// AsFirstAnswered is the booking as its creation answered it, rebuilt from columns that never change, so that a
// replay of an Idempotency-Key gives the first answer whatever has happened since.
func (b Booking) AsFirstAnswered() Booking {
	b.Status, b.CancelReason = StatusPending, ""
	b.ConfirmedAt, b.CancelledAt, b.UpdatedAt = time.Time{}, time.Time{}, b.CreatedAt
	return b
}

// RequestHash tells two requests with the same Idempotency-Key apart.
type RequestHash [sha256.Size]byte

// HashRequest hashes what a buyer asked for.
func HashRequest(event EventID, user UserID, quantity int64, method PaymentMethod) RequestHash {
	return sha256.Sum256(fmt.Appendf(nil, "%x/%x/%d/%s", event[:], user[:], quantity, method))
}

// ReplayKey is the scope of an Idempotency-Key: one user's keys never meet another's. It is exact within an event. That
// a key was used for another event is told as far as it is seen: events do not wait for each other, so that two of them
// asked at the same moment may both book under one key, and each replays its own.
type ReplayKey struct {
	User UserID
	Key  string
}

// MaxKeyLength bounds an Idempotency-Key, in bytes of printable ASCII.
const MaxKeyLength = 255

// CheckKey refuses an Idempotency-Key that is too long or not printable ASCII. Empty means none.
func CheckKey(key string) error {
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return Invalid([]FieldError{{Field: FieldKey, Message: "must be printable ASCII"}})
		}
	}
	if len(key) > MaxKeyLength {
		return Invalid([]FieldError{{Field: FieldKey, Message: "must have at most 255 characters"}})
	}
	return nil
}
