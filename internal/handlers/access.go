package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"quantix/internal/models"
)

// grants is how far each role comes on a route; an empty one does not come at all.
type grants struct{ admin, organizer, boxOffice, door, customer, anonymous models.Reach }

// The reaches, short enough for a table.
const (
	all  = models.ReachAll
	orga = models.ReachOrganizer
	own  = models.ReachOwn
	none = models.ReachNone
)

// access is who may do what, and how far they reach: the one table. An operation that it does not name cannot be
// registered. What a reach means for rows is said in the store's queries (models.Scope). What one may not do is 403,
// whatever it names; what one may do, but not to this, is 404, as if it were not there.
//
// docs/security.md shows the same table; a test holds the two together.
var access = map[string]grants{
	//                       admin organizer box_office door customer anonymous
	"list-events":           {all, orga, orga, orga, all, all},
	"get-event":             {all, orga, orga, orga, all, all},
	"create-event":          {all, orga, none, none, none, none},
	"update-event":          {all, orga, none, none, none, none},
	"delete-event":          {all, orga, none, none, none, none},
	"cancel-event":          {all, orga, none, none, none, none},
	"get-event-statistics":  {all, orga, orga, none, none, none},
	"audit-event":           {all, orga, none, none, none, none},
	"read-event-feed":       {all, orga, orga, none, none, none},
	"watch-event":           {all, orga, orga, none, none, none},
	"read-feed":             {all, none, none, none, none, none},
	"create-booking":        {all, orga, orga, none, own, none},
	"get-booking":           {all, orga, orga, none, own, none},
	"cancel-booking":        {all, orga, orga, none, own, none},
	"list-booking-payments": {all, orga, orga, none, own, none},
	"list-user-bookings":    {all, orga, orga, none, own, none},
	"list-users":            {all, orga, orga, none, own, none},
	"create-user":           {all, orga, orga, none, none, none},
	"get-user":              {all, orga, orga, none, own, none},
	"update-user":           {all, orga, orga, none, own, none},
	"delete-user":           {all, orga, none, none, own, none},
	"export-user":           {all, none, none, none, own, none},
	"list-dead-letters":     {all, orga, none, none, none, none},
	"retry-dead-letter":     {all, orga, none, none, none, none},
	"retry-dead-letters":    {all, orga, none, none, none, none},
	"discard-dead-letter":   {all, orga, none, none, none, none},
	"close-dead-letter":     {all, orga, none, none, none, none},
	"list-organizers":       {all, orga, orga, orga, none, none},
	"get-organizer":         {all, orga, orga, orga, none, none},
	"create-organizer":      {all, none, none, none, none, none},
	"update-organizer":      {all, orga, none, none, none, none},
	"delete-organizer":      {all, none, none, none, none, none},
	"list-api-keys":         {all, orga, none, none, none, none},
	"create-api-key":        {all, orga, none, none, none, none},
	"revoke-api-key":        {all, orga, none, none, none, none},
	"list-access-log":       {all, none, none, none, none, none},
	"get-me":                {all, orga, orga, orga, own, none},

	readMetrics: {all, none, none, none, none, none}, // no operation of the API; a port of their own asks nobody
}

const readMetrics = "read-metrics"

// open is the operations that ask nobody who they are: whoever looks after a server must see how it is, and a gateway
// signs what it sends.
var open = map[string]bool{"healthz": true, "readyz": true, "receive-payment-callback": true}

func (g *grants) of(role models.Role) models.Reach {
	switch role {
	case models.RoleAdmin:
		return g.admin
	case models.RoleOrganizer:
		return g.organizer
	case models.RoleBoxOffice:
		return g.boxOffice
	case models.RoleDoor:
		return g.door
	case models.RoleCustomer:
		return g.customer
	case models.RoleAnonymous:
		return g.anonymous
	}
	return none
}

// A Gate finds out who asks.
type Gate interface {
	// Identify returns who sent a request, by its headers: models.Nobody when they do not say. Errors:
	// models.ErrUnauthorized, models.ErrIdentityUnavailable.
	Identify(ctx context.Context, header http.Header) (*models.Principal, error)
	// Recall is the same where it costs next to nothing; known tells whether it is found out by that.
	Recall(header http.Header) (who *models.Principal, known bool, err error)
	// Hold returns a context that ends as soon as what the headers show counts no more, for an answer that lasts.
	Hold(ctx context.Context, header http.Header) (context.Context, context.CancelFunc)
	// Challenge is the WWW-Authenticate of a refusal; sent: something was shown that does not count.
	Challenge(sent bool) string
	// Metadata is the document that says who issues tokens for this server, and where it is (RFC 9728); nil: none is.
	Metadata() (path string, document []byte)
}

// admit finds out who asks, how far they reach here, and whether they may ask so often. Errors: those of reaches, and
// models.ErrRateLimited, before all others: who guesses keys is held to the limits, too.
func (s *server) admit(c *gin.Context, g *grants) (models.Caller, error) {
	who, err := s.reaches(c, g)
	if models.ErrRateLimited.Is(err) {
		return models.Caller{}, err
	}
	if limited := s.limits.admit(c, who.Principal); limited != nil {
		return models.Caller{}, limited
	}
	return who, err
}

// admitBuyer is the same for who books: it is asked later how often they may, for all their limits at once.
func (s *server) admitBuyer(c *gin.Context, g *grants) (models.Caller, error) {
	who, err := s.reaches(c, g)
	if err == nil || models.ErrRateLimited.Is(err) {
		return who, err
	}
	if limited := s.limits.admit(c, who.Principal); limited != nil {
		return models.Caller{}, limited
	}
	return models.Caller{}, err
}

// reaches finds out who asks, and how far they reach. Without a gate everybody is the operator. Errors, beside who it
// is if that is known: models.ErrUnauthorized, models.ErrForbidden, models.ErrIdentityUnavailable,
// models.ErrRateLimited.
func (s *server) reaches(c *gin.Context, g *grants) (models.Caller, error) {
	who := models.Operator
	if s.gate != nil {
		var err error
		if who, err = s.identify(c); err != nil {
			return models.Caller{}, s.challenged(c, err)
		}
	}
	caller := models.Caller{Principal: who, Reach: g.of(who.Role)}
	switch {
	case caller.Reach != none:
		return caller, nil
	case who.Role == models.RoleAnonymous:
		return caller, s.challenged(c, models.ErrUnauthorized)
	}
	return caller, models.ErrForbidden
}

// identify finds out who asks. What costs a query or a signature's check is held to the address's limit before: whoever
// makes keys up must not take the store from those who buy. Errors: those of Gate.Identify, models.ErrRateLimited.
func (s *server) identify(c *gin.Context) (*models.Principal, error) {
	who, known, err := s.gate.Recall(c.Request.Header)
	if known {
		return who, err
	}
	if limited := s.limits.admitStranger(c); limited != nil {
		return nil, limited
	}
	return s.gate.Identify(c.Request.Context(), c.Request.Header)
}

// challenged says in a header how one shows who one is, as RFC 9110 wants of each 401.
func (s *server) challenged(c *gin.Context, err error) error {
	if models.ErrUnauthorized.Is(err) {
		c.Writer.Header().Set("WWW-Authenticate", s.gate.Challenge(len(c.Request.Header["Authorization"]) > 0))
	}
	return err
}

// callerKey is where an operation's context keeps who called it.
type callerKey struct{}

// callerOf returns who called an operation; the zero Caller, which reaches nothing, where nobody was asked.
func callerOf(ctx context.Context) models.Caller {
	who, _ := ctx.Value(callerKey{}).(models.Caller)
	return who
}

// grantsKey is where an operation's grants stand in huma's form of it.
const grantsKey = "grants"

// authorize lets in who may do this.
func (s *server) authorize(ctx huma.Context, next func(huma.Context)) {
	g, is := ctx.Operation().Metadata[grantsKey].(*grants)
	if !is { // it is open
		next(ctx)
		return
	}
	c := humagin.Unwrap(ctx)
	who, err := s.admit(c, g)
	if err != nil {
		writeProblem(c, err)
		return
	}
	who.IP, who.RequestID = c.ClientIP(), requestIDOf(c)
	next(huma.WithValue(ctx, callerKey{}, who))
}

// grantsOf returns the row of an operation; nil for one that is open. It panics when the table has none, so that what
// nobody has thought of is never served.
func grantsOf(operation string) *grants {
	g, is := access[operation]
	if is == open[operation] {
		panic("handlers: access must have one row for " + operation + ", unless open has it")
	}
	if !is {
		return nil
	}
	return &g
}

// roles is the columns of the table.
var roles = []models.Role{
	models.RoleAdmin, models.RoleOrganizer, models.RoleBoxOffice, models.RoleDoor, models.RoleCustomer,
	models.RoleAnonymous,
}

// described lists who may, for the API's document.
func (g *grants) described() map[string]string {
	who := map[string]string{}
	for _, role := range roles {
		if reach := g.of(role); reach != none {
			who[string(role)] = string(reach)
		}
	}
	return who
}

// bearer is the name of the one security scheme.
const bearer = "bearer"

var securitySchemes = map[string]*huma.SecurityScheme{bearer: {
	Type: "http", Scheme: "bearer",
	Description: "An API key (qx_…), or an access token of the issuer that the server trusts.",
}}

// security is what an operation asks for; where anonymous may come, nothing is one of the choices.
func (g *grants) security() []map[string][]string {
	asked := []map[string][]string{{bearer: {}}}
	if g.anonymous != none {
		asked = append([]map[string][]string{{}}, asked...)
	}
	return asked
}

// asksNobody has a document say that no operation asks for anything, as it is without a gate, where nobody can leave
// out for whom they book.
func asksNobody(document *huma.OpenAPI) {
	booking := document.Components.Schemas.Map()["BookingCreate"]
	booking.Required = append([]string{"user_id"}, booking.Required...)
	for _, path := range document.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Delete} {
			if op != nil {
				op.Security = nil
			}
		}
	}
}

// sentence says the same in words.
func (g *grants) sentence() string {
	var who []string
	for _, role := range roles {
		if reach := g.of(role); reach != none {
			who = append(who, string(role)+" ("+string(reach)+")")
		}
	}
	return "Where the server asks who one is: " + strings.Join(who, ", ") + "."
}
