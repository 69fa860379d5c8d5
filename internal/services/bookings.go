package services

import (
	"context"
	"strconv"

	"quantix/internal/boxoffice"
	"quantix/internal/models"
	"quantix/internal/payments"
	"quantix/internal/repository"
	"quantix/internal/sale"
)

// BookingStore is what the use cases of bookings read.
type BookingStore interface {
	repository.Bookings
	ownerStore
	accessStore
	UserKnown(ctx context.Context, scope models.Scope, id models.UserID) (bool, error)
	PaymentsOf(ctx context.Context, booking models.BookingRef) ([]models.Charge, []models.Refund, error)
}

// Bookings is the use cases of bookings.
type Bookings struct {
	store   BookingStore
	office  *boxoffice.Office
	owners  *owners
	log     accessLog
	options BookingOptions
}

// BookingOptions are the settings of bookings.
type BookingOptions struct {
	MaxTickets int64            // that one booking may take
	Methods    payments.Methods // of the gateway in use
}

// NewBookings works on a store and a box office.
func NewBookings(store BookingStore, office *boxoffice.Office, o BookingOptions) *Bookings {
	return &Bookings{store: store, office: office, owners: newOwners(store), log: accessLog{store}, options: o}
}

// BookingRequest is what a buyer asks for.
type BookingRequest struct {
	User     models.UserID
	Event    models.EventID
	Quantity int64
	Method   models.PaymentMethod // empty: the default of payments.Methods
	Key      string               // the Idempotency-Key; empty: none
}

// Create books tickets at an event that the caller reaches, for anyone; a customer, at any event, for themselves. The
// answer is a PENDING booking that is on disk and waits for its payment. replayed tells that the Idempotency-Key
// was answered before, and so again. Errors: models.ErrInvalid, models.ErrEventNotFound, models.ErrUserNotFound,
// models.ErrSoldOut, models.ErrInsufficientTickets, models.ErrUserLimitReached, models.ErrEventStarted,
// models.ErrSalesEnded, models.ErrEventCancelled, models.ErrKeyReused, models.ErrBusy, models.ErrUnavailable,
// models.ErrOutcomeUnknown.
func (b *Bookings) Create(
	ctx context.Context, who models.Caller, r BookingRequest,
) (booking models.Booking, replayed bool, err error) {
	if err := b.Check(r); err != nil {
		return models.Booking{}, false, err
	}
	if err := b.within(ctx, who, &r); err != nil {
		return models.Booking{}, false, err
	}
	if r.Method == "" {
		r.Method = b.options.Methods.Default
	}
	command := &sale.Reserve{
		Booking: models.NewID[models.BookingID](), User: r.User, Quantity: r.Quantity, Method: r.Method, Key: r.Key,
	}
	if r.Key != "" {
		command.Hash = models.HashRequest(r.Event, r.User, r.Quantity, r.Method)
	}
	verdict, err := b.office.Reserve(ctx, r.Event, command)
	if err != nil {
		return models.Booking{}, false, err
	}
	return *verdict.Booking, verdict.Replayed, nil
}

// within says what a caller may not book: at another's event, or for another customer, who might as well not be there.
// Who sells for an organizer is not asked whom they sell to: an id is what a person shows at the box office.
func (b *Bookings) within(ctx context.Context, who models.Caller, r *BookingRequest) error {
	if who.Reach != models.ReachOwn {
		return b.owners.within(ctx, who.Scope(), r.Event)
	}
	if r.User != who.User {
		return models.ErrUserNotFound
	}
	return nil
}

// Counts reports whether a request counts for its buyer's limits: it must be one that the caller may make, or anybody
// could use up what a buyer may ask for. It asks nobody, so the first booking of an event, of which it is not yet
// known whose it is, counts for its caller alone.
func (b *Bookings) Counts(who models.Caller, r BookingRequest) bool {
	if who.Reach == models.ReachOwn {
		return r.User == who.User
	}
	return b.owners.has(who.Scope(), r.Event)
}

// Check tells what is wrong with a request in itself, whatever it is for. Error: models.ErrInvalid.
func (b *Bookings) Check(r BookingRequest) error {
	var fields []models.FieldError
	if r.User.IsZero() {
		fields = append(fields, models.FieldError{Field: "user_id", Message: "is required"})
	}
	if r.Quantity < 1 || r.Quantity > b.options.MaxTickets {
		message := "must be between 1 and " + strconv.FormatInt(b.options.MaxTickets, 10)
		fields = append(fields, models.FieldError{Field: "quantity", Message: message, Value: r.Quantity})
	}
	if r.Method != "" && !b.options.Methods.Accept(r.Method) {
		fields = append(fields, models.FieldError{Field: "payment_method", Message: b.options.Methods.Rule})
	}
	return models.AlsoInvalid(models.Invalid(fields), models.CheckKey(r.Key))
}

// BookingDetail is a booking with how its payment stands.
type BookingDetail struct {
	Booking models.Booking
	Payment models.PaymentSummary
}

// Get returns one booking. Error: models.ErrBookingNotFound.
func (b *Bookings) Get(ctx context.Context, who models.Caller, id models.BookingID) (BookingDetail, error) {
	booking, charges, refunds, err := b.withPayments(ctx, who, id)
	if err != nil {
		return BookingDetail{}, err
	}
	return BookingDetail{Booking: booking, Payment: models.Summarize(&booking, charges, refunds)}, nil
}

// Payments returns a booking's charges and refunds. Error: models.ErrBookingNotFound.
func (b *Bookings) Payments(
	ctx context.Context, who models.Caller, id models.BookingID,
) ([]models.Charge, []models.Refund, error) {
	_, charges, refunds, err := b.withPayments(ctx, who, id)
	return charges, refunds, err
}

func (b *Bookings) withPayments(
	ctx context.Context, who models.Caller, id models.BookingID,
) (models.Booking, []models.Charge, []models.Refund, error) {
	booking, err := b.store.Booking(ctx, who.Scope(), id)
	if err != nil {
		return models.Booking{}, nil, nil, repository.ToDomain(err)
	}
	charges, refunds, err := b.store.PaymentsOf(ctx, booking.Ref())
	return booking, charges, refunds, repository.ToDomain(err)
}

// Cancel ends a booking at its user's wish, and owes back what was paid. Errors: models.ErrBookingNotFound,
// models.ErrAlreadyCancelled, models.ErrEventOver.
func (b *Bookings) Cancel(ctx context.Context, who models.Caller, id models.BookingID) (models.Booking, error) {
	booking, err := b.store.Booking(ctx, who.Scope(), id)
	if err != nil {
		return models.Booking{}, repository.ToDomain(err)
	}
	verdict, err := b.office.Ask(ctx, booking.EventID, &sale.Cancel{Booking: id})
	if err != nil {
		return models.Booking{}, err
	}
	return *verdict.Booking, nil
}

// OfUser lists a user's bookings, newest first, and those of an erased one, as far as the caller reaches. Error:
// models.ErrUserNotFound.
func (b *Bookings) OfUser(
	ctx context.Context, who models.Caller, user models.UserID, filter models.BookingFilter, p models.Page,
) ([]models.Booking, error) {
	if known, err := explained(b.store.UserKnown(ctx, who.Scope(), user)); err != nil {
		return nil, err
	} else if !known {
		return nil, models.ErrUserNotFound
	}
	if err := b.log.add(ctx, who, models.ListBookings, user); err != nil {
		return nil, err
	}
	return explained(b.store.BookingsOfUser(ctx, who.Scope(), user, filter, page(p)))
}
