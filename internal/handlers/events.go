package handlers

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
	"quantix/internal/services"
)

const eventsPath = apiPath + "/events"

// EventBody is an event as it is answered. It is exported for huma, which documents only exported embedded types.
type EventBody struct {
	ID models.EventID `json:"id"`

	OrganizerID      models.OrganizerID `json:"organizer_id" doc:"Whose event it is."`
	Name             string             `json:"name" example:"Concert 2024"`
	Description      string             `json:"description"`
	DateTime         time.Time          `json:"date_time" doc:"When the event begins." example:"2035-12-31T20:00:00Z"`
	TimeZone         *string            `json:"time_zone" doc:"IANA name of the place's time zone, for those who show date_time; null: not told." example:"Europe/Berlin"`
	SalesEnd         *time.Time         `json:"sales_end" doc:"When the sale ends; null: when the event begins."`
	TotalTickets     int64              `json:"total_tickets" example:"1000"`
	TicketPrice      amount             `json:"ticket_price"`
	Currency         models.Currency    `json:"currency"`
	AvailableTickets int64              `json:"available_tickets" doc:"How many are not taken: a hint, for others are booking too. 0 once the event is cancelled. Nothing can be booked when its sale has ended either."`
	CancelledAt      *time.Time         `json:"cancelled_at" doc:"When the organiser cancelled the event; null: it takes place."`
	CreatedAt        time.Time          `json:"created_at"`
	UpdatedAt        time.Time          `json:"updated_at" doc:"When the organiser last changed it; bookings do not count."`
}

func toEvent(e models.Event) EventBody {
	offered := e.Stock.Available
	if !e.CancelledAt.IsZero() {
		offered = 0
	}
	return EventBody{
		ID: e.ID, OrganizerID: e.Organizer, Name: e.Name, Description: e.Description,
		DateTime: e.DateTime.UTC(), SalesEnd: moment(e.SalesEnd),
		TotalTickets: e.Stock.Total, TicketPrice: amount{e.TicketPrice}, Currency: e.TicketPrice.Currency,
		AvailableTickets: offered, TimeZone: textOrNull(e.TimeZone), CancelledAt: moment(e.CancelledAt),
		CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
	}
}

// eventCreate is the body of POST /events.
type eventCreate struct {
	Name         string          `json:"name" minLength:"1" maxLength:"255" example:"Concert 2024"`
	Description  string          `json:"description,omitempty" maxLength:"10000"`
	DateTime     instant         `json:"date_time" doc:"When the event begins, with its offset from UTC. May be in the past: history can be imported." example:"2035-12-31T20:00:00Z"`
	TimeZone     string          `json:"time_zone,omitempty" nullable:"true" maxLength:"64" doc:"IANA name of the place's time zone, kept and shown; null, empty or absent: not told." example:"Europe/Berlin"`
	SalesEnd     *instant        `json:"sales_end,omitempty" nullable:"true" doc:"When the sale ends; null or absent: when the event begins. May be later."`
	TotalTickets int64           `json:"total_tickets" minimum:"1" maximum:"2147483647" example:"1000"`
	TicketPrice  price           `json:"ticket_price"`
	Currency     models.Currency `json:"currency,omitempty" doc:"ISO 4217; absent: the server's default."`

	OrganizerID models.OrganizerID `json:"organizer_id,omitempty" doc:"Whose event it is, for good; absent: one's own organizer's, or the default one's."`
}

func (b *eventCreate) read(f *form) {
	b.Name, _ = f.text("name", required)
	b.Description, _ = f.text("description", optional)
	b.DateTime, _ = f.instant("date_time", required)
	b.TimeZone, _ = f.textOrNull("time_zone")
	if end, present := f.clearable("sales_end"); present {
		b.SalesEnd = &end
	}
	b.TotalTickets, _ = f.integer("total_tickets", required)
	text, _ := f.decimal("ticket_price", required)
	b.TicketPrice = price(text)
	b.Currency, _ = f.currency("currency", optional)
	b.OrganizerID = readID[models.OrganizerID](f, "organizer_id", optional)
}

// checkRules leaves the price out when its currency is not known.
func (b *eventCreate) checkRules() error {
	whole := *b
	if b.Currency == "" {
		whole.TicketPrice = "0"
	}
	d, err := whole.draft("")
	if err == nil {
		_, err = models.NewEvent(d)
	}
	return err
}

// draft reads the price in the event's currency. Its error tells all that is wrong with the event.
func (b *eventCreate) draft(fallback models.Currency) (models.EventDraft, error) {
	d := models.EventDraft{
		Name: b.Name, Description: b.Description, DateTime: b.DateTime.Time, TotalTickets: b.TotalTickets,
		TimeZone: b.TimeZone, Organizer: b.OrganizerID,
	}
	if b.SalesEnd != nil {
		d.SalesEnd = b.SalesEnd.Time
	}
	if b.Currency != "" {
		fallback = b.Currency
	}
	var err error
	if d.TicketPrice, err = models.ParseMoney(string(b.TicketPrice), fallback); err == nil {
		return d, nil
	}
	price := models.Invalid([]models.FieldError{{
		Field: "ticket_price", Message: err.Error(), Value: clip(string(b.TicketPrice)),
	}})
	_, others := models.NewEvent(d)
	return d, models.AlsoInvalid(price, others)
}

// clearable is a field of an event that may have no value.
type clearable string

const clearSalesEnd clearable = "sales_end"

var clearables = []clearable{clearSalesEnd}

// Schema refers to the names.
func (clearable) Schema(r huma.Registry) *huma.Schema {
	return enumOf(r, "EventClearable", "A field of an event that may have no value.", clearables)
}

// eventUpdate is the body of PUT /events/{id}. What is left out keeps its value; what cannot be changed is ignored, so
// that what GET gave can be sent back.
type eventUpdate struct {
	Name         *string          `json:"name,omitempty" minLength:"1" maxLength:"255"`
	Description  *string          `json:"description,omitempty" maxLength:"10000"`
	DateTime     *instant         `json:"date_time,omitempty"`
	TimeZone     *string          `json:"time_zone,omitempty" nullable:"true" maxLength:"64" doc:"null or empty: not told any more."`
	SalesEnd     *instant         `json:"sales_end,omitempty" nullable:"true" doc:"null: the sale ends when the event begins. A client that cannot send null names it in clear."`
	TotalTickets *int64           `json:"total_tickets,omitempty" minimum:"1" maximum:"2147483647" doc:"At least the tickets taken."`
	TicketPrice  *price           `json:"ticket_price,omitempty" doc:"Of bookings from now on; those made keep theirs."`
	Currency     *models.Currency `json:"currency,omitempty" doc:"Fixed after the first booking."`

	Clear []clearable `json:"clear,omitempty" nullable:"false" maxItems:"1" doc:"Fields that lose their value, as null does, for clients that cannot send null." example:"[\"sales_end\"]"`

	ID               any `json:"id,omitempty" readOnly:"true" doc:"Ignored."`
	OrganizerID      any `json:"organizer_id,omitempty" readOnly:"true" doc:"Ignored."`
	AvailableTickets any `json:"available_tickets,omitempty" readOnly:"true" doc:"Ignored."`
	CancelledAt      any `json:"cancelled_at,omitempty" readOnly:"true" doc:"Ignored."`
	CreatedAt        any `json:"created_at,omitempty" readOnly:"true" doc:"Ignored."`
	UpdatedAt        any `json:"updated_at,omitempty" readOnly:"true" doc:"Ignored."`
}

func (b *eventUpdate) read(f *form) {
	b.Name = ifSent(f.text("name", optional))
	b.Description = ifSent(f.text("description", optional))
	b.DateTime = ifSent(f.instant("date_time", optional))
	b.TimeZone = ifSent(f.textOrNull("time_zone"))
	b.SalesEnd = ifSent(f.clearable("sales_end"))
	if b.Clear = names(f, "clear", clearables); slices.Contains(b.Clear, clearSalesEnd) {
		if b.SalesEnd != nil && !b.SalesEnd.IsZero() {
			f.refuse("clear", "names sales_end, which is sent as well", nil)
		}
		b.SalesEnd = new(instant)
	}
	b.TotalTickets = ifSent(f.integer("total_tickets", optional))
	if text, ok := f.decimal("ticket_price", optional); ok {
		b.TicketPrice = new(price(text))
	}
	b.Currency = ifSent(f.currency("currency", optional))
	f.ignore("id", "organizer_id", "available_tickets", "cancelled_at", "created_at", "updated_at")
}

func (b *eventUpdate) patch() models.EventPatch {
	return models.EventPatch{
		Name: b.Name, Description: b.Description, DateTime: b.DateTime.pointer(), SalesEnd: b.SalesEnd.pointer(),
		TotalTickets: b.TotalTickets, Price: (*string)(b.TicketPrice), Currency: b.Currency,
		TimeZone: b.TimeZone,
	}
}

// The inputs and outputs of the operations on events.
type (
	eventPath struct {
		ID models.EventID `path:"id" doc:"The event's id."`
	}
	eventsInput struct {
		Paging
		From  instant          `query:"from" doc:"Events that begin then or later." example:"2035-12-01T00:00:00Z"`
		To    instant          `query:"to" doc:"Events that begin before then."`
		Query string           `query:"q" minLength:"1" maxLength:"255" doc:"Part of the name or the description, in any case. At most 450 bytes of UTF-8."`
		State models.SaleState `query:"state" doc:"Only events whose sale stands so. Sold out does not count."`
	}
	eventCreateInput struct {
		Body body[eventCreate, *eventCreate]
	}
	eventUpdateInput struct {
		IfMatch
		ID   models.EventID `path:"id" doc:"The event's id."`
		Body body[eventUpdate, *eventUpdate]
	}
	eventDeleteInput struct {
		IfMatch
		ID models.EventID `path:"id" doc:"The event's id."`
	}
	eventOutput struct {
		ETag string `header:"ETag" doc:"The version of what an organiser edits, for If-Match; bookings do not move it."`
		Body EventBody
	}
	eventCreated struct {
		Location string `header:"Location" doc:"Where the event is."`
		ETag     string `header:"ETag" doc:"The version, for If-Match."`
		Body     EventBody
	}
)

type events struct {
	events   *services.Events
	currency models.Currency
}

func (h *events) register(a *api) {
	notFound, stale := models.ErrEventNotFound, models.ErrVersionMismatch
	register(a, operation{
		id: "list-events", method: http.MethodGet, path: eventsPath, tag: "events", summary: "List events",
		detail: "By date_time. Deleted events are left out. A page ends early, with a Link to the next, when its names and descriptions reach 128 KiB; that of a search for one or two characters also when it was looked for among 5,000 events, and may then be empty. The last page has no Link.", errors: []*models.Error{models.ErrInvalidCursor},
	}, h.list)
	register(a, operation{
		id: "create-event", method: http.MethodPost, path: eventsPath, tag: "events", summary: "Create an event",
		detail: "On sale at once, until sales_end, or until it begins.", status: http.StatusCreated,
		errors: []*models.Error{models.ErrOrganizerNotFound},
	}, h.create)
	register(a, operation{
		id: "get-event", method: http.MethodGet, path: eventsPath + "/{id}", tag: "events", summary: "Read an event",
		detail: "Never answered with 304: the ETag does not follow available_tickets.", errors: []*models.Error{notFound},
	}, h.get)
	register(a, operation{
		id: "update-event", method: http.MethodPut, path: eventsPath + "/{id}", tag: "events", summary: "Change an event",
		detail: "Fields left out keep their value; null takes sales_end away, and so does naming it in clear, for clients that cannot send null.",
		errors: []*models.Error{notFound, stale, models.ErrCapacityBelowTaken, models.ErrCurrencyFixed, models.ErrDateInPast},
		desk:   true,
	}, h.update)
	register(a, operation{
		id: "delete-event", method: http.MethodDelete, path: eventsPath + "/{id}", tag: "events", summary: "Delete an event",
		detail: "Only an event without live bookings (PENDING, or CONFIRMED while the event is not over) and without paid ones that may still have to be refunded. Its statistics and its audit stay readable.",
		status: http.StatusNoContent,
		errors: []*models.Error{notFound, stale, models.ErrEventHasBookings, models.ErrEventRefundable}, desk: true,
	}, h.delete)
	register(a, operation{
		id: "cancel-event", method: http.MethodPost, path: eventsPath + "/{id}/cancel", tag: "events",
		summary: "Cancel an event",
		detail:  "Stops the sale for good. Its bookings are cancelled, and what was paid is refunded, in the background; ask again to see how many are left. An event that is over can be cancelled for as long as the server's refund window (14 days unless set otherwise).",
		status:  http.StatusAccepted,
		errors:  []*models.Error{notFound, models.ErrEventOver}, desk: true,
	}, h.cancel)
	h.registerStatistics(a)
}

func (h *events) list(ctx context.Context, in *eventsInput) (*listOutput[EventBody], error) {
	if !isSearchable(in.Query) {
		return nil, models.Invalid([]models.FieldError{{Field: "query.q", Message: "must be UTF-8 text without control characters"}})
	}
	if len(in.Query) > maxQueryBytes {
		return nil, models.Invalid([]models.FieldError{{
			Field: "query.q", Message: "must have at most " + strconv.Itoa(maxQueryBytes) + " bytes of UTF-8",
		}})
	}
	l := list{path: eventsPath}
	l.setFilter("from", timeParam(in.From.Time))
	l.setFilter("to", timeParam(in.To.Time))
	l.setFilter("q", in.Query)
	l.setFilter("state", string(in.State))
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	filter := models.EventFilter{From: in.From.Time, To: in.To.Time, Query: in.Query, State: in.State}
	found, err := h.events.List(ctx, callerOf(ctx), filter, page)
	if err != nil {
		return nil, err
	}
	out := cut(in.Paging, l, found.Events, func(e models.Event) models.Position { return models.PositionOf(&e) }, toEvent)
	if out.Link == "" && found.Next != nil {
		out.Link = l.next(in.Limit, *found.Next)
	}
	return out, nil
}

// maxQueryBytes keeps the Link header of a page below 2,000 characters, beyond which common parsers give up: each byte
// may be three there.
const maxQueryBytes = 450

// isSearchable keeps from the store what no text column can hold.
func isSearchable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

// timeParam is a time as a parameter of the next page's address.
func timeParam(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (h *events) create(ctx context.Context, in *eventCreateInput) (*eventCreated, error) {
	draft, err := in.Body.Value.draft(h.currency)
	if err != nil {
		return nil, err
	}
	event, err := h.events.Create(ctx, callerOf(ctx), draft)
	if err != nil {
		return nil, err
	}
	return &eventCreated{
		Location: eventsPath + "/" + event.ID.String(), ETag: etag(event.Version), Body: toEvent(event),
	}, nil
}

func (h *events) get(ctx context.Context, in *eventPath) (*eventOutput, error) {
	event, err := h.events.Get(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &eventOutput{ETag: etag(event.Version), Body: toEvent(event)}, nil
}

func (h *events) update(ctx context.Context, in *eventUpdateInput) (*eventOutput, error) {
	version, err := in.condition.version(h.version(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	event, err := h.events.Update(ctx, callerOf(ctx), in.ID, in.Body.Value.patch(), version)
	if err != nil {
		return nil, err
	}
	return &eventOutput{ETag: etag(event.Version), Body: toEvent(event)}, nil
}

func (h *events) delete(ctx context.Context, in *eventDeleteInput) (*struct{}, error) {
	version, err := in.condition.version(h.version(ctx, in.ID))
	if err != nil {
		return nil, err
	}
	return nil, h.events.Delete(ctx, callerOf(ctx), in.ID, version)
}

func (h *events) version(ctx context.Context, id models.EventID) func() (int64, error) {
	return func() (int64, error) {
		event, err := h.events.Get(ctx, callerOf(ctx), id)
		return event.Version, err
	}
}

// cancelledEvent is the answer of POST /events/{id}/cancel.
type cancelledEvent struct {
	EventBody
	LiveBookings int64 `json:"live_bookings" doc:"How many bookings are still to be cancelled."`
}

type eventCancelOutput struct {
	ETag string `header:"ETag" doc:"The version, for If-Match."`
	Body cancelledEvent
}

func (h *events) cancel(ctx context.Context, in *eventPath) (*eventCancelOutput, error) {
	event, err := h.events.Cancel(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	body := cancelledEvent{EventBody: toEvent(event), LiveBookings: event.Stock.Pending + event.Stock.Confirmed}
	return &eventCancelOutput{ETag: etag(event.Version), Body: body}, nil
}
