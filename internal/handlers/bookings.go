package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"quantix/internal/models"
	"quantix/internal/services"
)

const bookingsPath = apiPath + "/bookings"

// BookingBody is a booking as it is answered; appendBooking writes the same for POST. It is exported as EventBody is.
type BookingBody struct {
	ID              models.BookingID `json:"id"`
	UserID          models.UserID    `json:"user_id"`
	EventID         models.EventID   `json:"event_id"`
	Quantity        int64            `json:"quantity" example:"2"`
	Status          models.Status    `json:"status"`
	UnitPrice       amount           `json:"unit_price"`
	TotalAmount     amount           `json:"total_amount"`
	Currency        models.Currency  `json:"currency"`
	PaymentDeadline time.Time        `json:"payment_deadline" doc:"A PENDING booking that is not paid by then is cancelled."`
	CancelReason    *cancelReason    `json:"cancel_reason"`
	CreatedAt       time.Time        `json:"created_at"`
	UpdatedAt       time.Time        `json:"updated_at"`
}

func toBooking(b models.Booking) BookingBody {
	return BookingBody{
		ID: b.ID, UserID: b.UserID, EventID: b.EventID, Quantity: b.Quantity, Status: b.Status,
		UnitPrice: amount{b.UnitPrice}, TotalAmount: amount{b.TotalAmount}, Currency: b.TotalAmount.Currency,
		PaymentDeadline: b.PaymentDeadline.UTC(), CancelReason: (*cancelReason)(textOrNull(b.CancelReason)),
		CreatedAt: b.CreatedAt.UTC(), UpdatedAt: b.UpdatedAt.UTC(),
	}
}

// bookingDetailBody is a booking with how its payment stands.
type bookingDetailBody struct {
	BookingBody
	Payment paymentSummary `json:"payment"`
}

// paymentSummary is a booking's payment in three words.
type paymentSummary struct {
	Status    paymentStatus `json:"status" doc:"How the payment stands as a whole."`
	Attempts  int           `json:"attempts"`
	LastError *string       `json:"last_error"`
}

// The inputs and outputs of the operations on bookings.
type (
	bookingPath struct {
		ID models.BookingID `path:"id" doc:"The booking's id."`
	}
	bookingDetailOutput struct{ Body bookingDetailBody }
	bookingOutput       struct{ Body BookingBody }
	userBookingsInput   struct {
		Paging
		UserID models.UserID `path:"user_id" doc:"The user's id."`
		Status models.Status `query:"status" doc:"Only bookings in this status."`
	}
)

type bookings struct {
	bookings *services.Bookings
	admit    func(*gin.Context, *grants) (models.Caller, error)
	grants   *grants // of create
	limits   *rateLimits
	bodies   *bodiesInHand
}

func (h *bookings) register(a *api) {
	notFound := models.ErrBookingNotFound
	h.registerCreate(a)
	register(a, operation{
		id: "get-booking", method: http.MethodGet, path: bookingsPath + "/{id}", tag: "bookings", summary: "Read a booking",
		detail: "With how its payment stands.", errors: []*models.Error{notFound},
	}, h.get)
	register(a, operation{
		id: "cancel-booking", method: http.MethodPut, path: bookingsPath + "/{id}/cancel", tag: "bookings",
		summary: "Cancel a booking", detail: "Its tickets can be booked again at once; what was paid is refunded.",
		errors: []*models.Error{notFound, models.ErrAlreadyCancelled, models.ErrEventOver}, desk: true,
	}, h.cancel)
	register(a, operation{
		id: "list-user-bookings", method: http.MethodGet, path: bookingsPath + "/user/{user_id}", tag: "bookings",
		summary: "List a user's bookings", detail: "Newest first; of an erased user, too.",
		errors: []*models.Error{models.ErrUserNotFound, models.ErrInvalidCursor},
	}, h.ofUser)
	register(a, operation{
		id: "list-booking-payments", method: http.MethodGet, path: bookingsPath + "/{id}/payments", tag: "bookings",
		summary: "List a booking's charges and refunds", detail: "In the order of the charges, each before its refund.",
		errors: []*models.Error{notFound},
	}, h.payments)
}

func (h *bookings) get(ctx context.Context, in *bookingPath) (*bookingDetailOutput, error) {
	detail, err := h.bookings.Get(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	p := detail.Payment
	return &bookingDetailOutput{Body: bookingDetailBody{
		BookingBody: toBooking(detail.Booking),
		Payment: paymentSummary{
			Status: paymentStatus(p.Status), Attempts: p.Attempts, LastError: textOrNull(p.LastError),
		},
	}}, nil
}

func (h *bookings) cancel(ctx context.Context, in *bookingPath) (*bookingOutput, error) {
	booking, err := h.bookings.Cancel(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &bookingOutput{Body: toBooking(booking)}, nil
}

func (h *bookings) ofUser(ctx context.Context, in *userBookingsInput) (*listOutput[BookingBody], error) {
	l := list{path: bookingsPath + "/user/" + in.UserID.String()}
	l.setFilter("status", string(in.Status))
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	found, err := h.bookings.OfUser(ctx, callerOf(ctx), in.UserID, models.BookingFilter{Status: in.Status}, page)
	if err != nil {
		return nil, err
	}
	position := func(b models.Booking) models.Position { return models.Position{ID: b.ID} }
	return cut(in.Paging, l, found, position, toBooking), nil
}
