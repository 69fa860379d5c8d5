package handlers

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"quantix/internal/models"
	"quantix/internal/services"
)

// meBody is who asks.
type meBody struct {
	Role        role                `json:"role"`
	Name        string              `json:"name" doc:"What the access log calls you." example:"key 0190f5a4-7c1e-7b3a-9c5d-2f6e8a1b4c7d"`
	UserID      *models.UserID      `json:"user_id" nullable:"true" doc:"Of a customer: their own row."`
	KeyID       *models.KeyID       `json:"key_id" nullable:"true" doc:"Of the API key that was sent."`
	OrganizerID *models.OrganizerID `json:"organizer_id" nullable:"true" doc:"Whose events you reach; null: all, or none."`
	EventIDs    []models.EventID    `json:"event_ids" nullable:"true" doc:"These of them alone; null: all."`
	ExpiresAt   *time.Time          `json:"expires_at" doc:"When the key ends; null: never, or it is no key."`
}

// role is what somebody is here.
type role models.Role

// Schema refers to the roles that one may have shown.
func (role) Schema(r huma.Registry) *huma.Schema {
	return openEnumOf(r, "Role", "What somebody is here.", roles[:len(roles)-1])
}

type meOutput struct{ Body meBody }

// accessBody is a line of the access log as it is answered.
type accessBody struct {
	Actor     string         `json:"actor" doc:"Who it was."`
	Action    accessAction   `json:"action"`
	UserID    *models.UserID `json:"user_id" nullable:"true" doc:"Whose data; null: those of many."`
	At        time.Time      `json:"at"`
	IP        string         `json:"ip"`
	RequestID string         `json:"request_id"`
}

// accessAction is what was done with somebody's data.
type accessAction models.AccessAction

// Schema refers to the actions.
func (accessAction) Schema(r huma.Registry) *huma.Schema {
	return openEnumOf(r, "AccessAction", "What was done with somebody's personal data.", models.AccessActions)
}

func toAccess(e models.AccessEntry) accessBody {
	return accessBody{
		Actor: e.Actor, Action: accessAction(e.Action), UserID: idOrNull(e.User), At: e.At.UTC(), IP: e.IP,
		RequestID: e.RequestID,
	}
}

// subjectBody is a person as an issuer of tokens names them.
type subjectBody struct {
	Issuer  string `json:"issuer"`
	Subject string `json:"subject"`
}

// exportedBookingBody is a booking with all that is known of it.
type exportedBookingBody struct {
	BookingBody
	PaymentMethod  string        `json:"payment_method"`
	IdempotencyKey *string       `json:"idempotency_key" nullable:"true"`
	Payments       []paymentBody `json:"payments" nullable:"false"`
}

// exportBody is all that is known of a person; writeExport writes it in pieces.
type exportBody struct {
	User      userBody              `json:"user"`
	Subjects  []subjectBody         `json:"subjects" nullable:"false" doc:"As issuers of tokens name the person."`
	Bookings  []exportedBookingBody `json:"bookings" nullable:"false" doc:"Newest first."`
	AccessLog []accessBody          `json:"access_log" nullable:"false" doc:"Who looked at the person's data, newest first."`
}

type (
	accessInput struct {
		Paging
		UserID models.UserID `query:"user_id" doc:"Only what was done with this user's data."`
	}
	exportOutput struct{ Body func(huma.Context) }
)

// people answers who one is, and what is known of whom.
type people struct {
	log     *services.AccessLog
	exports *services.Exports
}

func (h *people) register(a *api) {
	register(a, operation{
		id: "get-me", method: http.MethodGet, path: apiPath + "/me", tag: "identity", summary: "Who am I",
		detail: "What the server makes of the key or token that was sent.",
	}, h.me)
	register(a, operation{
		id: "list-access-log", method: http.MethodGet, path: apiPath + "/access-log", tag: "identity",
		summary: "Read who looked at personal data",
		detail:  "Newest first. What somebody did with their own data is not in it, nor are the data.",
		errors:  []*models.Error{models.ErrInvalidCursor},
	}, h.list)
	huma.Register(a.API, describeExport(a), h.export)
}

func describeExport(a *api) huma.Operation {
	op := operation{
		id: "export-user", method: http.MethodGet, path: usersPath + "/{id}/export", tag: "users",
		summary: "Export all that is known of a person",
		detail:  "One document. It is read in pieces: an answer that ends before its last brace is none.",
		errors:  []*models.Error{models.ErrUserNotFound}, long: auditTimeout,
	}.describe(a.registry(), false)
	op.Responses["200"] = &huma.Response{
		Description: http.StatusText(http.StatusOK),
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: a.registry().Schema(reflect.TypeFor[exportBody](), true, "")},
		},
	}
	return op
}

func (h *people) me(ctx context.Context, _ *noInput) (*meOutput, error) {
	who := callerOf(ctx)
	return &meOutput{Body: meBody{
		Role: role(who.Role), Name: who.Name, UserID: idOrNull(who.User), KeyID: idOrNull(who.Key),
		OrganizerID: idOrNull(who.Organizer), EventIDs: who.Only.IDs(), ExpiresAt: moment(who.Expires),
	}}, nil
}

func (h *people) list(ctx context.Context, in *accessInput) (*listOutput[accessBody], error) {
	l := list{path: apiPath + "/access-log"}
	if !in.UserID.IsZero() {
		l.setFilter("user_id", in.UserID.String())
	}
	page, err := in.page(l)
	if err != nil {
		return nil, err
	}
	found, err := h.log.List(ctx, models.AccessFilter{User: in.UserID}, page)
	if err != nil {
		return nil, err
	}
	position := func(e models.AccessEntry) models.Position { return models.Position{Time: e.At, ID: e.ID} }
	return cut(in.Paging, l, found, position, toAccess), nil
}

func (h *people) export(ctx context.Context, in *userPath) (*exportOutput, error) {
	found, err := h.exports.Begin(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return &exportOutput{Body: func(hc huma.Context) { writeExport(ctx, humagin.Unwrap(hc), found) }}, nil
}

// writeExport writes a document piece by piece, so that a person of many bookings takes no memory. What fails on the
// way cuts the connection off: half a document must not pass for a whole one.
func writeExport(ctx context.Context, c *gin.Context, x *services.Export) {
	header := c.Writer.Header()
	header["Content-Type"] = jsonKind
	header["Content-Disposition"] = []string{`attachment; filename="user-` + x.User.ID.String() + `.json"`}
	c.Writer.WriteHeader(http.StatusOK)
	subjects := []subjectBody{}
	for _, s := range x.Subjects {
		subjects = append(subjects, subjectBody{Issuer: s.Issuer, Subject: s.Subject})
	}
	w := exportWriter{c: c}
	w.renew()
	w.text(`{"user":`).value(toUser(x.User)).text(`,"subjects":`).value(subjects)
	w.text(`,"bookings":[`)
	writePieces(ctx, &w, x.Bookings, toExported)
	w.text(`],"access_log":[`)
	writePieces(ctx, &w, x.Accesses, toAccess)
	w.text("]}\n")
	if w.err != nil {
		_ = c.Error(w.err)
		panic(http.ErrAbortHandler)
	}
}

func toExported(b services.ExportedBooking) exportedBookingBody {
	return exportedBookingBody{
		BookingBody: toBooking(b.Booking), PaymentMethod: string(b.Booking.PaymentMethod),
		IdempotencyKey: textOrNull(b.Booking.IdempotencyKey), Payments: toPayments(b.Charges, b.Refunds),
	}
}

// exportWriter writes JSON until something fails.
type exportWriter struct {
	c   *gin.Context
	err error
}

// renew gives the reader the time that any answer has for the next piece: it was minutes, for the making.
func (w *exportWriter) renew() {
	// Where there is no connection, as in a test, nothing is cut off.
	_ = http.NewResponseController(w.c.Writer).SetWriteDeadline(time.Now().Add(2 * DefaultTimeout))
}

func (w *exportWriter) text(s string) *exportWriter {
	if w.err == nil {
		_, w.err = w.c.Writer.WriteString(s)
	}
	return w
}

func (w *exportWriter) value(v any) *exportWriter {
	text, err := json.Marshal(v)
	if w.err == nil {
		w.err = err
	}
	return w.text(string(text))
}

// writePieces writes what next gives, until it gives nothing, as the items of a list.
func writePieces[T, B any](
	ctx context.Context, w *exportWriter, next func(context.Context) ([]T, error), wire func(T) B,
) {
	for first := true; w.err == nil; {
		piece, err := next(ctx)
		if w.err = err; err != nil || len(piece) == 0 {
			return
		}
		w.renew()
		for _, item := range piece {
			if !first {
				w.text(",")
			}
			first = false
			w.value(wire(item))
		}
	}
}
