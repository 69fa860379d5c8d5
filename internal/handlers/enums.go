package handlers

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
)

// Enums are components of the document that are referred to, so that a generated client has one type for each. Those
// that only this contract's next version may extend are closed; the others are open: new values may come with any
// release, and a client must expect them.

// componentPrefix is where the document keeps its schemas.
const componentPrefix = "#/components/schemas/"

// enumOf refers to an enum, and makes it a component the first time.
func enumOf[S ~string](r huma.Registry, name, doc string, values []S) *huma.Schema {
	if r.Map()[name] == nil {
		s := &huma.Schema{Type: huma.TypeString, Description: doc}
		for _, v := range values {
			s.Enum = append(s.Enum, string(v))
		}
		s.PrecomputeMessages()
		r.Map()[name] = s
	}
	return &huma.Schema{Ref: componentPrefix + name}
}

// openEnumOf is an enum or any other text. A Go generator would make a union of that; a named string holds any text
// there.
func openEnumOf[S ~string](r huma.Registry, name, doc string, values []S) *huma.Schema {
	known := enumOf(r, name, doc+" New values may come with any release: take one that you do not know for something else.", values)
	return &huma.Schema{
		AnyOf:      []*huma.Schema{known, {Type: huma.TypeString, MinLength: new(1)}},
		Extensions: map[string]any{goType: name},
		Examples:   []any{string(values[0])},
	}
}

// goType has oapi-codegen use a type instead of what it would make.
const goType = "x-go-type"

// orNull lets a schema be null, in the one form that leaves an enum its own type.
func orNull(s *huma.Schema) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{s, {Type: "null"}}}
}

// The types of the wire that document the domain's: see aliases.
type (
	bookingStatus   string
	saleState       string
	letterKind      string
	currencyCode    string
	cancelReason    string // null but for CANCELLED bookings
	reasonOrNothing string // an attribute of problems
	paymentStatus   string
	paymentKind     string
	errorCode       string
	factKind        string
	uuidText        string
)

// aliases documents types of the domain by types of the wire.
var aliases = map[reflect.Type]reflect.Type{
	reflect.TypeFor[models.EventID]():   reflect.TypeFor[uuidText](),
	reflect.TypeFor[models.UserID]():    reflect.TypeFor[uuidText](),
	reflect.TypeFor[models.BookingID](): reflect.TypeFor[uuidText](),
	reflect.TypeFor[models.LetterID]():  reflect.TypeFor[uuidText](),

	reflect.TypeFor[models.OrganizerID](): reflect.TypeFor[uuidText](),
	reflect.TypeFor[models.KeyID]():       reflect.TypeFor[uuidText](),

	reflect.TypeFor[models.Status]():     reflect.TypeFor[bookingStatus](),
	reflect.TypeFor[models.LetterKind](): reflect.TypeFor[letterKind](),
	reflect.TypeFor[models.Currency]():   reflect.TypeFor[currencyCode](),
	reflect.TypeFor[models.SaleState]():  reflect.TypeFor[saleState](),
}

// Schema is a string in a UUID's form.
func (uuidText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

// Schema is a code in capitals. The list of all is the ISO's, and changes with the world.
func (currencyCode) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Pattern: "^[A-Z]{3}$", Description: "An ISO 4217 code.", Examples: []any{"USD"},
	}
}

// Schema refers to the statuses.
func (bookingStatus) Schema(r huma.Registry) *huma.Schema {
	return enumOf(r, "BookingStatus", "PENDING bookings wait for their payment, CONFIRMED ones are paid; both hold their tickets.", models.Statuses)
}

// Schema refers to the states.
func (saleState) Schema(r huma.Registry) *huma.Schema {
	return enumOf(r, "SaleState", "How an event's sale stands: on_sale, closed (it has ended, and the event is not cancelled) or cancelled.", models.SaleStates)
}

func reasons(r huma.Registry) *huma.Schema {
	return enumOf(r, "CancelReason", "Why a booking is CANCELLED.", models.CancelReasons)
}

// Schema refers to the reasons; null has to be said beside them.
func (cancelReason) Schema(r huma.Registry) *huma.Schema {
	s := orNull(reasons(r))
	s.Description = "Why the booking is CANCELLED; null in every other status."
	return s
}

// Schema refers to the reasons.
func (reasonOrNothing) Schema(r huma.Registry) *huma.Schema { return reasons(r) }

// Schema refers to the kinds.
func (letterKind) Schema(r huma.Registry) *huma.Schema {
	return openEnumOf(r, "DeadLetterKind", "What was given up; message: something in the queue that cannot be read; stray: money that the gateway has taken for a booking that is not in this database; moved: money that somebody gave back at the gateway; dispute: money that the buyer's bank has taken.", models.LetterKinds)
}

// Schema refers to the statuses of charges, refunds and payments as a whole, which are one vocabulary.
func (paymentStatus) Schema(r huma.Registry) *huma.Schema {
	return openEnumOf(r, "PaymentStatus", "Where a payment stands. Of a charge: started, doubtful (a try had no answer), pending, unknown, succeeded, declined, failed or voided; of a refund: pending or succeeded. "+
		"Of a booking's payment as a whole also: queued, refunding, refunded, not_required (a free booking) or none (cancelled before any charge).", models.PaymentStatuses())
}

// Schema refers to the kinds.
func (paymentKind) Schema(r huma.Registry) *huma.Schema {
	return openEnumOf(r, "PaymentKind", "A charge takes money for a booking, a refund gives a charge's back.", []paymentKind{kindCharge, kindRefund})
}

// The kinds of payments.
const (
	kindCharge paymentKind = "charge"
	kindRefund paymentKind = "refund"
)

// Schema is a text: with the dots of their names the kinds would make no constants.
func (factKind) Schema(huma.Registry) *huma.Schema {
	kinds := make([]string, len(models.FactKinds))
	for i, kind := range models.FactKinds {
		kinds[i] = string(kind)
	}
	return &huma.Schema{
		Type: huma.TypeString, Pattern: `^[a-z_]+\.[a-z_]+$`, Examples: []any{string(models.FactBooked)},
		Description: "What happened: " + strings.Join(kinds, ", ") + ". docs/feed.md tells each with its fields. New values may come with any release: pass over those that you do not know.",
	}
}

// Schema refers to the codes; each is explained under /problems.
func (errorCode) Schema(r huma.Registry) *huma.Schema {
	codes := make([]string, len(problemTypes))
	for i, e := range problemTypes {
		codes[i] = e.Code
	}
	return openEnumOf(r, "ErrorCode", "What went wrong, for programs to compare; stable. Each is explained under /problems.", codes)
}
