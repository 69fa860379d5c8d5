package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"quantix/internal/models"
	"quantix/internal/services"
)

// POST /bookings is the one route that is no huma operation: it answers thousands of requests a second, and a plain Gin
// handler with the same decoder and the same problems costs a fraction of what the general way does (BenchmarkBook).

// bookingCreate is the body of POST /bookings.
type bookingCreate struct {
	UserID        models.UserID        `json:"user_id"`
	EventID       models.EventID       `json:"event_id"`
	Quantity      int64                `json:"quantity" minimum:"1" maximum:"2147483647" doc:"At most what the server allows in one booking (100 unless set otherwise)." example:"2"`
	PaymentMethod models.PaymentMethod `json:"payment_method,omitempty" maxLength:"255" example:"sim_ok" doc:"How the buyer pays. The simulated gateway's methods script its outcome: sim_ok (the default), sim_decline, sim_flaky (two errors, then success), sim_error, sim_slow (pending until after the deadline) or sim_lost (charged, but the answer is lost). With Stripe: the id of a payment method, such as pm_1Qabc; required unless the booking is free."`
}

func (b *bookingCreate) read(f *form) {
	b.UserID = readID[models.UserID](f, "user_id")
	b.EventID = readID[models.EventID](f, "event_id")
	b.Quantity, _ = f.integer("quantity", required)
	method, _ := f.text("payment_method", optional)
	b.PaymentMethod = models.PaymentMethod(method)
}

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
)

func (h *bookings) registerCreate(a *api) {
	a.router.POST(bookingsPath, h.create)
	a.OpenAPI().AddOperation(describeCreate(a.registry()))
}

// describeCreate is the route's place in the document, from the same wire types.
func describeCreate(registry huma.Registry) *huma.Operation {
	op := operation{
		id: "create-booking", method: http.MethodPost, path: bookingsPath, tag: "bookings", summary: "Book tickets",
		detail: "201 means that the booking is on disk and holds its tickets; it is PENDING until its payment succeeds. Sent again with the same Idempotency-Key, the request has one effect and one answer.",
		status: http.StatusCreated,
		errors: []*models.Error{
			models.ErrEventNotFound, models.ErrUserNotFound, models.ErrSoldOut, models.ErrInsufficientTickets,
			models.ErrEventStarted, models.ErrSalesEnded, models.ErrEventCancelled, models.ErrKeyReused, models.ErrBusy,
			models.ErrOutcomeUnknown, models.ErrShuttingDown,
		},
	}.describe(registry, true)
	text := &huma.Schema{Type: huma.TypeString}
	key := &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(models.MaxKeyLength)}
	op.Parameters = []*huma.Param{{
		Name: keyHeader, In: "header", Schema: key,
		Description: "Your name for this request, printable ASCII; sent again with the same key, it is answered as before.",
	}}
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: registry.Schema(reflect.TypeFor[bookingCreate](), true, "")},
	}}
	op.Responses["201"] = &huma.Response{
		Description: http.StatusText(http.StatusCreated),
		Headers: map[string]*huma.Param{
			"Location":     {Schema: text, Description: "Where the booking is."},
			replayedHeader: {Schema: text, Description: "true when the key was answered before, and so again."},
		},
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: registry.Schema(reflect.TypeFor[BookingBody](), true, "")},
		},
	}
	return &op
}

// buffers hold a request's body, then its answer.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (h *bookings) create(c *gin.Context) {
	buffer := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(buffer)
	request, err := readBooking(c, buffer)
	if err != nil {
		writeProblem(c, err)
		return
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), h.timeout)
	defer cancel()
	booking, replayed, err := h.bookings.Create(ctx, request)
	if err != nil {
		writeProblem(c, err)
		return
	}
	header := c.Writer.Header()
	header["Location"] = []string{bookingsPath + "/" + booking.ID.String()}
	if replayed {
		header[replayedHeader] = []string{"true"}
	}
	buffer.Reset()
	c.Data(http.StatusCreated, "application/json", appendBooking(buffer.AvailableBuffer(), &booking))
}

// readBooking reads the request through the buffer.
func readBooking(c *gin.Context, buffer *bytes.Buffer) (services.BookingRequest, error) {
	var none services.BookingRequest
	if c.Request.URL.RawQuery != "" {
		if err := refuseQuery(c.Request); err != nil {
			return none, err
		}
	}
	if err := readBody(c.Request, buffer); err != nil {
		return none, err
	}
	var b bookingCreate
	if err := decode(buffer.Bytes(), &b); err != nil {
		return none, err
	}
	key, err := idempotencyKey(c.Request.Header)
	return services.BookingRequest{
		User: b.UserID, Event: b.EventID, Quantity: b.Quantity, Method: b.PaymentMethod, Key: key,
	}, err
}

// refuseQuery names the query parameters: this route knows none.
func refuseQuery(r *http.Request) error {
	var fields []models.FieldError
	for name := range r.URL.Query() {
		fields = append(fields, models.FieldError{Location: "query." + clip(name), Message: "unknown query parameter"})
	}
	return models.Invalid(fields)
}

// idempotencyKey reads the header; two different keys would be no key at all.
func idempotencyKey(header http.Header) (string, error) {
	keys := header[keyHeader]
	if len(keys) > 1 {
		return "", models.Invalid([]models.FieldError{{Location: "header." + keyHeader, Message: "must be sent once"}})
	}
	if len(keys) == 0 {
		return "", nil
	}
	if keys[0] == "" { // who sends the header counts on it
		return "", models.Invalid([]models.FieldError{{Location: "header." + keyHeader, Message: "must not be empty"}})
	}
	return keys[0], nil
}

// readBody reads at most maxBody bytes; the server's ReadTimeout bounds how long they may take to arrive.
func readBody(r *http.Request, buffer *bytes.Buffer) error {
	buffer.Reset()
	read, err := buffer.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	var slow net.Error
	switch {
	case read > maxBody:
		return errBodyTooLarge
	case errors.As(err, &slow) && slow.Timeout():
		return errRequestTimeout
	case err != nil:
		return errBodyCutOff
	case read == 0:
		return errMalformedJSON.Say("A JSON object is required as the body.")
	}
	return nil
}

// appendBooking writes what BookingBody would be as JSON; a test holds the two together.
func appendBooking(b []byte, v *models.Booking) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, v.ID.String()...)
	b = append(b, `","user_id":"`...)
	b = append(b, v.UserID.String()...)
	b = append(b, `","event_id":"`...)
	b = append(b, v.EventID.String()...)
	b = append(b, `","quantity":`...)
	b = strconv.AppendInt(b, v.Quantity, 10)
	b = append(b, `,"status":`...)
	b = appendText(b, string(v.Status))
	b = append(b, `,"unit_price":`...)
	b = append(b, v.UnitPrice.String()...)
	b = append(b, `,"total_amount":`...)
	b = append(b, v.TotalAmount.String()...)
	b = append(b, `,"currency":`...)
	b = appendText(b, string(v.TotalAmount.Currency))
	b = appendTime(append(b, `,"payment_deadline":`...), v.PaymentDeadline)
	b = append(b, `,"cancel_reason":`...)
	if v.CancelReason == "" {
		b = append(b, "null"...)
	} else {
		b = appendText(b, string(v.CancelReason))
	}
	b = appendTime(append(b, `,"created_at":`...), v.CreatedAt)
	b = appendTime(append(b, `,"updated_at":`...), v.UpdatedAt)
	return append(b, '}', '\n')
}

func appendTime(b []byte, t time.Time) []byte {
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}
