package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/gin-gonic/gin"

	"quantix/internal/models"
)

// problemPath is where each code is explained; a problem's type is this and its code.
const problemPath = "/problems/"

const problemJSON = "application/problem+json"

// statuses is the one table from what went wrong to what HTTP calls it.
var statuses = map[models.Kind]int{
	models.KindInvalid:      http.StatusBadRequest,
	models.KindNotFound:     http.StatusNotFound,
	models.KindConflict:     http.StatusConflict,
	models.KindGone:         http.StatusGone,
	models.KindPrecondition: http.StatusPreconditionFailed,
	models.KindUnprocessed:  http.StatusUnprocessableEntity,
	models.KindLimited:      http.StatusTooManyRequests,
	models.KindUnavailable:  http.StatusServiceUnavailable,
	models.KindInternal:     http.StatusInternalServerError,
}

// The errors that only HTTP knows. Each code has its own status.
var (
	errMalformedJSON     = httpError("malformed_json", "The body is not a JSON object that can be read.")
	errBodyTooLarge      = httpError("body_too_large", "The body is larger than 64 KiB; send less.")
	errMediaType         = httpError("unsupported_media_type", "Send the body as JSON, with Content-Type: application/json.")
	errMethodNotAllowed  = httpError("method_not_allowed", "This address does not know the method; the Allow header lists those that it knows.")
	errRouteNotFound     = httpError("route_not_found", "There is nothing at this address; /docs shows what there is.")
	errRequestTimeout    = httpError("request_timeout", "The body did not arrive in time; send it again.")
	errHeaderNotHonoured = httpError("header_not_honoured", "The request asks for something that this operation cannot promise; see errors for the headers, and send it without them.")
	errCrossOrigin       = httpError("cross_origin", "A page of another site may not change anything here; send the request from this address, or from a program.")
	errHost              = httpError("unknown_host", "This server does not answer to that name; ask by localhost or an address, or have whoever runs it add the name to ALLOWED_HOSTS.")
)

// errBodyCutOff is a malformed_json that tells what is wrong with it.
var errBodyCutOff = errMalformedJSON.Say("The body ended before it was complete.")

var httpStatuses = map[string]int{
	errMalformedJSON.Code:     http.StatusBadRequest,
	errBodyTooLarge.Code:      http.StatusRequestEntityTooLarge,
	errMediaType.Code:         http.StatusUnsupportedMediaType,
	errMethodNotAllowed.Code:  http.StatusMethodNotAllowed,
	errRouteNotFound.Code:     http.StatusNotFound,
	errRequestTimeout.Code:    http.StatusRequestTimeout,
	errHeaderNotHonoured.Code: http.StatusBadRequest,
	errCrossOrigin.Code:       http.StatusForbidden,
	errHost.Code:              http.StatusMisdirectedRequest,
}

func httpError(code, detail string) *models.Error {
	return &models.Error{Kind: models.KindInvalid, Code: code, Detail: detail}
}

// problemTypes is every code that an answer may carry.
var problemTypes = []*models.Error{
	models.ErrInvalid, models.ErrInvalidCursor, errMalformedJSON, errBodyTooLarge, errMediaType, errMethodNotAllowed,
	errRouteNotFound, errRequestTimeout, errCrossOrigin, errHeaderNotHonoured, errHost,
	models.ErrEventNotFound, models.ErrUserNotFound, models.ErrBookingNotFound, models.ErrLetterNotFound,
	models.ErrSoldOut, models.ErrInsufficientTickets, models.ErrEventStarted, models.ErrSalesEnded,
	models.ErrEventCancelled, models.ErrEventOver, models.ErrAlreadyCancelled, models.ErrCapacityBelowTaken,
	models.ErrCurrencyFixed, models.ErrEventHasBookings, models.ErrEventRefundable, models.ErrDateInPast,
	models.ErrUserHasBookings, models.ErrEmailTaken,
	models.ErrLetterUnknown, models.ErrRefundOwed, models.ErrMoneyMoved, models.ErrNotRetryable,
	models.ErrBookingNotPending,
	models.ErrVersionMismatch, models.ErrKeyReused, models.ErrBusy, models.ErrUnavailable, models.ErrOutcomeUnknown,
	models.ErrShuttingDown, models.ErrInternal, models.ErrGatewayNotFound, models.ErrCallbackForged,
	models.ErrCallbackStale,
	models.ErrCallbackUnreadable, models.ErrFeedGone, models.ErrFeedAhead, models.ErrRateLimited,
}

func statusOf(e *models.Error) int {
	if status, ok := httpStatuses[e.Code]; ok {
		return status
	}
	if status, ok := statuses[e.Kind]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// titles are the codes in words: "Sold out". Made once, for a sold-out event answers with them thousands of times a
// second.
var titles = func() map[string]string {
	all := make(map[string]string, len(problemTypes))
	for _, e := range problemTypes {
		all[e.Code] = inWords(e.Code)
	}
	return all
}()

func inWords(code string) string {
	words := strings.ReplaceAll(strings.ReplaceAll(code, "json", "JSON"), "_", " ")
	return strings.ToUpper(words[:1]) + words[1:]
}

// Problem is an error's answer (RFC 9457). It is exported for huma, which needs it to be.
type Problem struct {
	err       *models.Error
	status    int
	instance  string
	requestID string
}

// newProblem explains an error to a client: what the domain calls by name as it says, everything else as a fault of
// ours, with nothing of its text.
func newProblem(err error, r *http.Request, requestID string) Problem {
	known, ok := errors.AsType[*models.Error](err)
	switch {
	case ok:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		known = models.ErrUnavailable.With(err)
	default:
		known = models.ErrInternal.With(err)
	}
	p := Problem{err: known, status: statusOf(known), instance: r.URL.EscapedPath(), requestID: requestID}
	if p.status >= http.StatusInternalServerError && r.Context().Err() != nil && errors.Is(known, context.Canceled) {
		p.status = statusClientGone
	}
	return p
}

// statusClientGone is what log and metrics show where the client went away before its answer and that is all that was
// wrong, as nginx does. Nobody sees it, and it is no fault of ours.
const statusClientGone = 499

// Error returns the error's text, for logs.
func (p *Problem) Error() string { return p.err.Error() }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.status }

// ContentType is problem+json whatever was negotiated: there is nothing else.
func (p *Problem) ContentType(string) string { return problemJSON }

// methodField is the field whose value is repeated to nobody.
const methodField = "payment_method"

// MarshalJSON writes the members of RFC 9457, then ours.
func (p *Problem) MarshalJSON() ([]byte, error) { return p.append(nil) }

// append is written by hand because a sold-out event makes thousands of these a second.
func (p *Problem) append(b []byte) ([]byte, error) {
	begun := len(b)
	b = append(b, `{"type":"`+problemPath...)
	b = append(b, p.err.Code...)
	b = append(b, `","title":"`...)
	b = append(b, titles[p.err.Code]...)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(p.status), 10)
	b = append(b, `,"code":"`...)
	b = append(b, p.err.Code...)
	b = append(b, `","detail":`...)
	b = appendText(b, p.err.Detail)
	b = append(b, `,"instance":`...)
	b = appendText(b, p.instance)
	b = append(b, `,"request_id":`...)
	b = appendText(b, p.requestID)
	b, err := p.appendFields(b)
	if err != nil {
		return nil, err
	}
	if b, err = p.appendAttrs(b); err != nil {
		return nil, err
	}
	return hideKeys(append(b, '}'), begun), nil
}

func (p *Problem) appendAttrs(b []byte) (_ []byte, err error) {
	if n, ok := p.err.Attrs["available"].(int64); ok && len(p.err.Attrs) == 1 { // sold out: no list to be sorted
		return appendMember(b, "available", n)
	}
	for _, name := range slices.Sorted(maps.Keys(p.err.Attrs)) {
		if b, err = appendMember(b, name, p.err.Attrs[name]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (p *Problem) appendFields(b []byte) ([]byte, error) {
	if len(p.err.Fields) == 0 {
		return b, nil
	}
	told := min(len(p.err.Fields), maxPlaces)
	places := make([]problemPlace, told)
	for i, f := range p.err.Fields[:told] {
		places[i] = problemPlace{locationOf(f.Field), f.Message, f.Value}
		if f.Field == methodField {
			places[i].Value = nil // it pays
		}
	}
	b, err := appendMember(b, "errors", places)
	if more := len(p.err.Fields) - told; more > 0 && err == nil {
		return appendMember(b, "more_errors", int64(more))
	}
	return b, err
}

// maxPlaces bounds errors[]: an answer must not be many times as large as what it answers.
const maxPlaces = 20

func appendMember(b []byte, name string, value any) ([]byte, error) {
	b = append(b, ',')
	b = appendText(b, name)
	b = append(b, ':')
	if n, ok := value.(int64); ok {
		return strconv.AppendInt(b, n, 10), nil
	}
	text := bytes.NewBuffer(b)
	encoder := json.NewEncoder(text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// appendText appends a JSON string; plain ASCII, which nearly all of ours is, without a copy.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // a string always marshals
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, text...)
	return append(b, '"')
}

// locationOf says where a field of the domain stands in a request. Places of HTTP's own have a dot, or are a whole
// part.
func locationOf(field string) string {
	switch {
	case field == models.FieldKey:
		return "header." + keyHeader
	case field == "body" || field == "query" || strings.Contains(field, "."):
		return field
	}
	return "body." + field
}

// problemPlace is one entry of errors[].
type problemPlace struct {
	Location string `json:"location" doc:"Where the fault is, such as body.quantity, query.limit or header.If-Match." example:"body.quantity"`
	Message  string `json:"message" doc:"What is wrong there." example:"must be between 1 and 100"`
	Value    any    `json:"value,omitempty" doc:"What was sent, where it is short."`
}

// problemBody documents a problem; Problem.append writes it.
type problemBody struct {
	_         struct{}       `additionalProperties:"true"`
	Type      string         `json:"type" format:"uri-reference" doc:"Where the code is explained." example:"/problems/sold_out"`
	Title     string         `json:"title" doc:"The code in words." example:"Sold out"`
	Status    int            `json:"status" doc:"The HTTP status." example:"409"`
	Code      errorCode      `json:"code" doc:"What went wrong; stable, for programs to compare."`
	Detail    string         `json:"detail" doc:"What went wrong and what to do, for people."`
	Instance  string         `json:"instance" format:"uri-reference" doc:"The path of the request."`
	RequestID string         `json:"request_id" doc:"The X-Request-Id of the answer; the log has it too."`
	Errors    []problemPlace `json:"errors,omitempty" nullable:"false" doc:"Each place that is wrong, for invalid_request; the first 20."`
	More      int64          `json:"more_errors,omitempty" doc:"How many more places are wrong." example:"3"`

	Available    *int64           `json:"available,omitempty" doc:"How many tickets can still be booked, for sold_out and insufficient_tickets."`
	CancelReason *reasonOrNothing `json:"cancel_reason,omitempty" doc:"Why the booking is cancelled, for already_cancelled."`
	Taken        *int64           `json:"taken,omitempty" doc:"Tickets of live bookings, for capacity_below_taken: held + sold."`
	Held         *int64           `json:"held,omitempty" doc:"Tickets of PENDING bookings, for capacity_below_taken."`
	Sold         *int64           `json:"sold,omitempty" doc:"Tickets of CONFIRMED bookings, for capacity_below_taken."`
	Pending      *int64           `json:"pending,omitempty" doc:"Live bookings that are PENDING, for event_has_live_bookings."`
	Confirmed    *int64           `json:"confirmed,omitempty" doc:"Bookings that are CONFIRMED, for event_has_live_bookings and event_has_refundable_bookings."`
	FirstSeq     *int64           `json:"first_seq,omitempty" doc:"The seq of the first entry that is kept, for feed_gone of an event."`
	Limit        *string          `json:"limit,omitempty" enum:"ip,key,bookings" doc:"Which limit was reached, for rate_limited: that of the client's address, of its key or token, or of the user's bookings of the event."`
	LastSeq      *int64           `json:"last_seq,omitempty" doc:"The seq of the newest entry, for feed_ahead of an event."`
}

// writeProblem answers a Gin request with an error.
func writeProblem(c *gin.Context, err error) {
	x, _ := exchanges.Get().(*exchange) // the pool holds nothing else
	defer x.release()
	p := newProblem(err, c.Request, requestIDOf(c))
	setProblemHeaders(c, p)
	text, err := p.append(x.text[:0])
	if err != nil { // a value of errors[] that cannot be written: leave them out
		_ = c.Error(err)
		p.err = p.err.With(nil)
		p.err.Fields, p.err.Attrs = nil, nil
		text, _ = p.append(nil)
	}
	x.text = text
	respond(c, p.status, problemKind, text)
}

// setProblemHeaders sets what goes before the body, and keeps the code and the cause for the log.
func setProblemHeaders(c *gin.Context, p Problem) {
	if c.Keys != nil {
		c.Set(codeKey, p.err.Code)
	}
	if p.err.RetryAfter > 0 {
		seconds := int64((p.err.RetryAfter + time.Second - 1) / time.Second)
		c.Writer.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	// Refusals for load are counted by the metrics; a warning for each would be one more load.
	if p.status >= http.StatusInternalServerError && !models.ErrBusy.Is(p.err) {
		kept := p // only a fault is worth memory that outlives its answer
		_ = c.Error(&kept)
	}
}

var explainOnce sync.Once

// explainHuma has huma make its errors, and those that operations return, by humaProblem. huma keeps this in a global;
// it is set once, before the first API exists, so that no request ever meets the change.
func explainHuma() {
	explainOnce.Do(func() {
		gin.SetMode(gin.ReleaseMode)
		huma.NewErrorWithContext = humaProblem
		validation.MsgExpectedMinimumNumber = "must be at least %v"
		validation.MsgExpectedMaximumNumber = "must be at most %v"
		validation.MsgExpectedMinLength = "must have at least %d characters"
		validation.MsgExpectedMaxLength = "must have at most %d characters"
		validation.MsgExpectedOneOf = "must be one of \"%s\""
	})
}

func humaProblem(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
	c := humagin.Unwrap(ctx)
	p := newProblem(merge(status, errs), c.Request, requestIDOf(c))
	setProblemHeaders(c, p)
	return &p
}

// merge makes one error of what huma and our decoder found. One that is not about single places (malformed_json, or
// anything that an operation returned) goes before the places.
func merge(status int, errs []error) error {
	var fields []models.FieldError
	for _, err := range errs {
		if place, ok := err.(huma.ErrorDetailer); ok {
			d := place.ErrorDetail()
			fields = append(fields, models.FieldError{
				Field: d.Location, Message: reworded(d.Message), Value: shortValue(d.Value),
			})
			continue
		}
		if known, ok := errors.AsType[*models.Error](err); ok && known.Code == models.ErrInvalid.Code &&
			len(known.Fields) > 0 {
			fields = append(fields, known.Fields...)
			continue
		}
		return err
	}
	switch {
	case len(fields) > 0:
		return models.Invalid(fields)
	case status == http.StatusRequestEntityTooLarge:
		return errBodyTooLarge
	case status == http.StatusRequestTimeout:
		return errRequestTimeout
	case status == http.StatusBadRequest:
		return errMalformedJSON.Say("A JSON object is required as the body.")
	}
	return models.ErrInternal
}

// reworded says of a parameter what is said of a body's field.
func reworded(message string) string {
	switch {
	case message == "invalid integer":
		return noInteger
	case strings.HasSuffix(message, "is not a UUID"):
		return noID
	}
	return strings.TrimPrefix(message, "invalid value: ")
}

// shortValue repeats only what is short and simple.
func shortValue(value any) any {
	switch v := value.(type) {
	case string:
		if v == "" {
			return nil
		}
		return clip(v)
	case int64, float64, bool:
		return v
	}
	return nil
}
