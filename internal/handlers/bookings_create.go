package handlers

import (
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
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
	UserID        models.UserID        `json:"user_id,omitempty" doc:"Who books. A customer may leave it out: it can only be themselves. Required of all others."`
	EventID       models.EventID       `json:"event_id"`
	Quantity      int64                `json:"quantity" minimum:"1" maximum:"2147483647" doc:"At most what the server allows in one booking (100 unless set otherwise)." example:"2"`
	PaymentMethod models.PaymentMethod `json:"payment_method,omitempty" maxLength:"255" example:"sim_ok" doc:"How the buyer pays. The simulated gateway's methods script its outcome: sim_ok (the default), sim_decline, sim_flaky (two errors, then success), sim_error, sim_slow (pending until after the deadline), sim_lost (charged, but the answer is lost), sim_action (waits for ever), sim_short (takes half), sim_twice (takes it twice), sim_moves_part and sim_moves_all (half or all is given back there, by hand), sim_moves_back, sim_moves_slow and sim_moves_abroad (the same, and it comes back; takes a minute; is in another currency), sim_dispute, sim_dispute_lost and sim_dispute_won (the buyer's bank takes it; decides for the buyer; gives it back), sim_dispute_late (a minute after a refund the bank takes it once more), sim_inquiry (the bank only asks), sim_refund_fails (a refund comes back) or sim_refund_slow (a refund takes a minute). With Stripe: the id of a payment method, such as pm_1Qabc; required unless the booking is free."`
}

func (b *bookingCreate) read(f *form) {
	b.UserID = readID[models.UserID](f, "user_id", optional)
	b.EventID = readID[models.EventID](f, "event_id", required)
	b.Quantity, _ = f.integer("quantity", required)
	method, _ := f.text("payment_method", optional)
	b.PaymentMethod = models.PaymentMethod(method)
}

const (
	createBooking = "create-booking"

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
		id: createBooking, method: http.MethodPost, path: bookingsPath, tag: "bookings", summary: "Book tickets",
		detail: "201 means that the booking is on disk and holds its tickets; it is PENDING until its payment succeeds. Sent again with the same Idempotency-Key, the request has one effect and one answer.",
		status: http.StatusCreated,
		errors: []*models.Error{
			models.ErrEventNotFound, models.ErrUserNotFound, models.ErrSoldOut, models.ErrInsufficientTickets,
			models.ErrUserLimitReached, models.ErrEventStarted, models.ErrSalesEnded, models.ErrEventCancelled,
			models.ErrKeyReused,
		},
		desk: true,
	}.describe(registry, true)
	text := &huma.Schema{Type: huma.TypeString}
	key := &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(models.MaxKeyLength), Pattern: "^[ -~]*$"}
	op.Parameters = []*huma.Param{{
		Name: keyHeader, In: "header", Schema: key,
		Description: "Your name for this request, printable ASCII; sent again with the same key, it is answered as before. " +
			"A key is the user's own and stands for one booking of one event: make a new one for each booking. " +
			"Used again for another event it is refused (idempotency_key_reused) once the first booking is there; " +
			"two events asked at the same moment under one key may both book.",
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

// An exchange is the memory of one request: its text, what it says, and the text of its answer.
type exchange struct {
	text []byte
	body bookingCreate
}

// exchanges are used again. One that a freak body has made large is not, for it would stay so.
var exchanges = sync.Pool{New: func() any { return &exchange{text: make([]byte, 0, usualText)} }}

const usualText = 1 << 10

func (x *exchange) release() {
	if cap(x.text) <= 4*usualText {
		x.body = bookingCreate{}
		exchanges.Put(x)
	}
}

// create waits no longer than the box office's patience allows, which is why it has no deadline of its own: one for
// each request is a twentieth of what a booking costs.
func (h *bookings) create(c *gin.Context) {
	who, err := h.admit(c, h.grants)
	if err != nil {
		writeProblem(c, err)
		return
	}
	x, _ := exchanges.Get().(*exchange) // the pool holds nothing else
	defer x.release()
	if n := c.Request.ContentLength; n > smallBody || n < 0 {
		defer h.bodies.of(c.Request).release()
	}
	request, err := x.read(c.Request)
	if request.User.IsZero() { // a customer who names nobody
		request.User = who.User
	}
	counts := err == nil && h.bookings.Counts(who, request)
	if limited := h.limits.admitBuyer(c, who.Principal, request, counts); limited != nil {
		writeProblem(c, limited)
		return
	}
	if err != nil {
		writeProblem(c, models.AlsoInvalid(err, h.bookings.Check(request)))
		return
	}
	booking, replayed, err := h.bookings.Create(c.Request.Context(), who, request)
	if err != nil {
		writeProblem(c, err)
		return
	}
	header := c.Writer.Header()
	x.text = booking.ID.Append(append(x.text[:0], bookingsPath+"/"...))
	header["Location"] = []string{string(x.text)}
	if replayed {
		header[replayedHeader] = isTrue
	}
	x.text = appendBooking(x.text[:0], &booking)
	respond(c, http.StatusCreated, jsonKind, x.text)
}

// Values of headers, shared by all answers.
var (
	jsonKind    = []string{"application/json"}
	problemKind = []string{problemJSON}
	isTrue      = []string{"true"}
)

// respond writes a whole answer. net/http adds its length.
func respond(c *gin.Context, status int, contentType []string, text []byte) {
	c.Writer.Header()["Content-Type"] = contentType
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(text) // an error means that nobody is there to be told of it
}

// read reads what the request asks for; next to an error, as far as it could be read.
func (x *exchange) read(r *http.Request) (services.BookingRequest, error) {
	var none services.BookingRequest
	if err := x.readBody(r); err != nil {
		return none, err
	}
	b := &x.body
	err := decode(x.text, b)
	if r.URL.RawQuery != "" {
		err = models.AlsoInvalid(refuseQuery(r), err)
	}
	if refused := refuseHeaders(r.Header, keepsKey); refused != nil {
		return none, refused
	}
	key, wrongKey := idempotencyKey(r.Header)
	return services.BookingRequest{
		User: b.UserID, Event: b.EventID, Quantity: b.Quantity, Method: b.PaymentMethod, Key: key,
	}, models.AlsoInvalid(err, wrongKey)
}

// refuseQuery names the query parameters: this route knows none.
func refuseQuery(r *http.Request) error {
	var fields []models.FieldError
	for name := range r.URL.Query() {
		fields = append(fields, models.FieldError{Field: "query." + clip(name), Message: "unknown query parameter"})
	}
	return models.Invalid(fields)
}

// idempotencyKey reads the header; two different keys would be no key at all.
func idempotencyKey(header http.Header) (string, error) {
	keys := header[keyHeader]
	if len(keys) > 1 {
		return "", models.Invalid([]models.FieldError{{Field: "header." + keyHeader, Message: "must be sent once"}})
	}
	if len(keys) == 0 {
		return "", nil
	}
	if keys[0] == "" { // who sends the header counts on it
		return "", models.Invalid([]models.FieldError{{Field: "header." + keyHeader, Message: "must not be empty"}})
	}
	return keys[0], nil
}

// maxBody is how many bytes a body may have.
const maxBody = 64 << 10

// readBody reads at most maxBody bytes, into memory that grows with what arrives, whatever length was declared; the
// server's ReadTimeout bounds how long they may take to arrive.
func (x *exchange) readBody(r *http.Request) error {
	text := x.text[:0]
	var err error
	for err == nil && len(text) <= maxBody {
		if len(text) == cap(text) {
			text = slices.Grow(text, usualText)
		}
		var n int
		n, err = r.Body.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
	}
	x.text = text
	var slow net.Error
	switch {
	case len(x.text) > maxBody:
		return errBodyTooLarge
	case errors.As(err, &slow) && slow.Timeout():
		return errRequestTimeout
	case errors.Is(err, models.ErrUnavailable):
		return err
	case err != io.EOF, int64(len(x.text)) < r.ContentLength:
		return errBodyCutOff
	case len(x.text) == 0:
		return errMalformedJSON.Say("A JSON object is required as the body.")
	}
	return nil
}

// appendBooking writes what BookingBody would be as JSON; a test holds the two together.
func appendBooking(b []byte, v *models.Booking) []byte {
	b = append(b, `{"id":"`...)
	b = v.ID.Append(b)
	b = append(b, `","user_id":"`...)
	b = v.UserID.Append(b)
	b = append(b, `","event_id":"`...)
	b = v.EventID.Append(b)
	b = append(b, `","quantity":`...)
	b = strconv.AppendInt(b, v.Quantity, 10)
	b = append(b, `,"status":`...)
	b = appendText(b, string(v.Status))
	b = append(b, `,"unit_price":`...)
	b = v.UnitPrice.Append(b)
	b = append(b, `,"total_amount":`...)
	b = v.TotalAmount.Append(b)
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
