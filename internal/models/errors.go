package models

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Kind is the class of an error; each has one HTTP status.
type Kind string

// The kinds of errors.
const (
	KindInvalid      Kind = "invalid"       // the request is wrong in itself
	KindNotFound     Kind = "not_found"     // what it names is unknown
	KindConflict     Kind = "conflict"      // the state of things forbids it
	KindGone         Kind = "gone"          // what it names was there once
	KindPrecondition Kind = "precondition"  // If-Match named an older version
	KindUnprocessed  Kind = "unprocessable" // an Idempotency-Key used again for another request
	KindLimited      Kind = "limited"       // too much of one client; ask again after RetryAfter
	KindUnavailable  Kind = "unavailable"   // not now; ask again after RetryAfter
	KindInternal     Kind = "internal"      // a fault of ours

	KindUnauthorized Kind = "unauthorized" // who asks has not shown who they are
	KindForbidden    Kind = "forbidden"    // who asks may see it and not do this
)

// Kinds lists every kind, for tests that must cover them all.
var Kinds = []Kind{
	KindInvalid, KindNotFound, KindConflict, KindGone, KindPrecondition, KindUnprocessed, KindLimited, KindUnavailable,
	KindInternal, KindUnauthorized, KindForbidden,
}

// FieldError says what is wrong with one field of a request.
type FieldError struct {
	// its name, such as "ticket_price"; a front end says where it stands, or gives places of its own, with a dot
	Field   string
	Message string
	Value   any // what was sent, where it is short and safe to repeat; otherwise nil
}

// FieldKey is what the domain calls a booking's Idempotency-Key.
const FieldKey = "idempotency_key"

// Error is every error that a caller of Quantix is meant to tell apart: by Code, which is stable.
// Detail is a sentence that is safe to show and says what to do. Err is the hidden cause, for the log only.
type Error struct {
	Kind       Kind
	Code       string
	Detail     string
	Fields     []FieldError
	Attrs      map[string]any // extra members of the answer, such as "available"
	RetryAfter time.Duration  // with KindLimited and KindUnavailable: when to ask again
	Err        error
}

// Error returns the code, the sentence and, for logs, the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Err)
	}
	return e.Code + ": " + e.Detail
}

// Unwrap returns the hidden cause.
func (e *Error) Unwrap() error { return e.Err }

// Is compares by code, so that a sentinel still matches after With.
func (e *Error) Is(target error) bool {
	other, ok := errors.AsType[*Error](target)
	return ok && other.Code == e.Code
}

// With returns a copy that carries the cause.
func (e *Error) With(cause error) *Error {
	c := *e
	c.Err = cause
	return &c
}

// Say returns a copy with another sentence.
func (e *Error) Say(format string, args ...any) *Error {
	c := *e
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// Attr returns a copy with one more member in the answer.
func (e *Error) Attr(name string, value any) *Error {
	c := *e
	c.Attrs = make(map[string]any, len(e.Attrs)+1)
	for k, v := range e.Attrs {
		c.Attrs[k] = v
	}
	c.Attrs[name] = value
	return &c
}

// The errors of the domain. Compare with errors.Is; the code is what counts.
var (
	ErrInvalid       = &Error{Kind: KindInvalid, Code: "invalid_request", Detail: "The request is not valid; see errors for each place."}
	ErrInvalidCursor = &Error{Kind: KindInvalid, Code: "invalid_cursor", Detail: "The cursor is not one that this list gave; start again without it."}

	ErrCallbackForged     = &Error{Kind: KindInvalid, Code: "callback_forged", Detail: "The callback's signature is not the gateway's."}
	ErrCallbackStale      = &Error{Kind: KindInvalid, Code: "callback_stale", Detail: "The callback's time is too far from now; send it again with a new signature."}
	ErrCallbackUnreadable = &Error{Kind: KindInvalid, Code: "callback_unreadable", Detail: "The callback cannot be read."}

	ErrEventNotFound   = &Error{Kind: KindNotFound, Code: "event_not_found", Detail: "There is no event with this id."}
	ErrUserNotFound    = &Error{Kind: KindNotFound, Code: "user_not_found", Detail: "There is no user with this id."}
	ErrBookingNotFound = &Error{Kind: KindNotFound, Code: "booking_not_found", Detail: "There is no booking with this id."}
	ErrGatewayNotFound = &Error{Kind: KindNotFound, Code: "gateway_not_found", Detail: "There is no payment gateway of this name that sends callbacks here."}
	ErrLetterNotFound  = &Error{Kind: KindNotFound, Code: "dead_letter_not_found", Detail: "There is no dead letter with this id; it may have been retried or discarded."}

	ErrOrganizerNotFound = &Error{Kind: KindNotFound, Code: "organizer_not_found", Detail: "There is no organizer with this id."}
	ErrKeyNotFound       = &Error{Kind: KindNotFound, Code: "api_key_not_found", Detail: "There is no API key with this id; it may have been revoked."}

	ErrSoldOut             = &Error{Kind: KindConflict, Code: "sold_out", Detail: "No tickets are available now. Some may return when unpaid bookings expire."}
	ErrInsufficientTickets = &Error{Kind: KindConflict, Code: "insufficient_tickets", Detail: "Fewer tickets are available than asked for; ask for at most the number in available."}
	ErrEventStarted        = &Error{Kind: KindConflict, Code: "event_started", Detail: "The event has begun; tickets can no longer be booked."}
	ErrSalesEnded          = &Error{Kind: KindConflict, Code: "sales_ended", Detail: "The sale of this event has ended; tickets can no longer be booked."}
	ErrEventCancelled      = &Error{Kind: KindConflict, Code: "event_cancelled", Detail: "The event was cancelled."}
	ErrEventOver           = &Error{Kind: KindConflict, Code: "event_over", Detail: "The event is over; its bookings can no longer be cancelled."}
	ErrAlreadyCancelled    = &Error{Kind: KindConflict, Code: "already_cancelled", Detail: "The booking is cancelled already."}
	ErrCapacityBelowTaken  = &Error{Kind: KindConflict, Code: "capacity_below_taken", Detail: "total_tickets cannot be lower than the tickets taken; cancel bookings first, or ask for at least the number in taken."}
	ErrCurrencyFixed       = &Error{Kind: KindConflict, Code: "currency_fixed", Detail: "The currency cannot change after the first booking."}
	ErrEventHasBookings    = &Error{Kind: KindConflict, Code: "event_has_live_bookings", Detail: "The event has live bookings; cancel the event or its bookings first."}
	ErrEventRefundable     = &Error{Kind: KindConflict, Code: "event_has_refundable_bookings", Detail: "The event has tickets that may still have to be refunded; cancel the event first, or wait until its refund window is over."}
	ErrDateInPast          = &Error{Kind: KindConflict, Code: "date_in_past", Detail: "The event has live or refundable tickets, so its date cannot move into the past, nor its end before the refund window; cancel the event if it does not take place."}
	ErrUserHasBookings     = &Error{Kind: KindConflict, Code: "user_has_live_bookings", Detail: "The user has live bookings, or paid ones that may still have to be refunded; cancel them first, or wait until their events' refund windows are over."}
	ErrEmailTaken          = &Error{Kind: KindConflict, Code: "email_taken", Detail: "Another user has this e-mail address."}
	ErrLetterUnknown       = &Error{Kind: KindConflict, Code: "outcome_not_known", Detail: "Whether this charge was made is not known yet, so the letter cannot be discarded; retry it, or wait until the gateway has answered."}
	ErrRefundOwed          = &Error{Kind: KindConflict, Code: "refund_owed", Detail: "This refund is owed to the buyer, so its letter cannot be discarded; retry it."}
	ErrMoneyMoved          = &Error{Kind: KindConflict, Code: "money_moved", Detail: "This letter tells of money that has moved, so it cannot be discarded; close it with a reason, or cancel the booking."}
	ErrNotRetryable        = &Error{Kind: KindConflict, Code: "not_retryable", Detail: "This letter holds a message that cannot be read; there is nothing to retry. Discard it."}
	ErrBookingNotPending   = &Error{Kind: KindConflict, Code: "booking_not_pending", Detail: "The booking no longer waits for a payment; there is nothing to retry. Discard the letter."}

	ErrOrganizerHasEvents = &Error{Kind: KindConflict, Code: "organizer_has_events", Detail: "The organizer has events, deleted ones among them perhaps, so it stays: their bookings and money hang on it."}
	ErrOrganizerFixed     = &Error{Kind: KindConflict, Code: "organizer_fixed", Detail: "The default organizer owns the events that name no other one, so it stays."}

	ErrFeedGone  = &Error{Kind: KindGone, Code: "feed_gone", Detail: "What came after this place is no longer kept; begin again without after: the first entry opens with the sum of what is gone."}
	ErrFeedAhead = &Error{Kind: KindConflict, Code: "feed_ahead", Detail: "This place is beyond the newest entry, as after a restored backup; forget what was read, and begin again without after."}

	ErrVersionMismatch = &Error{Kind: KindPrecondition, Code: "version_mismatch", Detail: "It was changed since you read it; read it again and repeat the change."}
	ErrKeyReused       = &Error{Kind: KindUnprocessed, Code: "idempotency_key_reused", Detail: "This Idempotency-Key was used for another request; use a new key for a new request."}

	ErrUnauthorized = &Error{Kind: KindUnauthorized, Code: "unauthorized", Detail: "This needs an API key or a token that is in force, as Authorization: Bearer, once."}
	ErrForbidden    = &Error{Kind: KindForbidden, Code: "forbidden", Detail: "What you have shown does not allow this; ask an administrator for a key or a role that does."}

	ErrIdentityUnavailable = &Error{
		Kind: KindUnavailable, Code: "identity_unavailable", RetryAfter: time.Second,
		Detail: "Who you are cannot be found out now; ask again shortly. Nothing was changed.",
	}

	ErrRateLimited = &Error{Kind: KindLimited, Code: "rate_limited", Detail: "This client asks for too much; ask again after Retry-After seconds.", RetryAfter: time.Second}

	ErrBusy           = &Error{Kind: KindUnavailable, Code: "busy", Detail: "Too many bookings wait for this event; ask again shortly.", RetryAfter: time.Second}
	ErrUnavailable    = &Error{Kind: KindUnavailable, Code: "unavailable", Detail: "The store does not answer now; ask again shortly. Nothing was changed.", RetryAfter: time.Second}
	ErrOutcomeUnknown = &Error{Kind: KindUnavailable, Code: "outcome_unknown", Detail: "Whether the request took effect is not known yet; ask again with the same Idempotency-Key, or read the booking list first.", RetryAfter: 2 * time.Second}
	ErrShuttingDown   = &Error{Kind: KindUnavailable, Code: "shutting_down", Detail: "This server is stopping; ask again.", RetryAfter: time.Second}
	ErrInternal       = &Error{Kind: KindInternal, Code: "internal", Detail: "Something went wrong on our side; it was logged."}
)

// Invalid makes an ErrInvalid from its places; nil when there are none.
func Invalid(fields []FieldError) error {
	if len(fields) == 0 {
		return nil
	}
	e := *ErrInvalid
	e.Fields = fields
	return &e
}

// AlsoInvalid returns an ErrInvalid, or nil, with another's places besides, except those that it names itself. All
// other errors are given as they are.
func AlsoInvalid(err, also error) error {
	if err == nil {
		return also
	}
	first, isInvalid := errors.AsType[*Error](err)
	more, isMore := errors.AsType[*Error](also)
	if !isInvalid || !isMore || !errors.Is(first, ErrInvalid) || !errors.Is(more, ErrInvalid) {
		return err
	}
	named := make(map[string]bool, len(first.Fields)) // a request of thousands of faults must not cost their square
	for _, field := range first.Fields {
		named[field.Field] = true
	}
	fields := slices.Clone(first.Fields)
	for _, field := range more.Fields {
		if !named[field.Field] {
			fields = append(fields, field)
		}
	}
	return Invalid(fields)
}
