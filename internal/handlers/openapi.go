package handlers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
)

// aboutAPI is what holds for all operations.
const aboutAPI = "Sells event tickets exactly once.\n\n" +
	"**Errors** are application/problem+json with a stable `code`; each is explained under /problems. New codes may come with any release.\n\n" +
	"**Amounts** are exact decimals, written as JSON numbers with the currency's decimals. They have at most 15 digits, so that a client which reads them as doubles " +
	"and writes them with the currency's decimals loses nothing; sums of such doubles may, so add in the smallest unit. In requests an amount may be a number or a string, and is read exactly as it is written.\n\n" +
	"**Times** are RFC 3339 with an offset, between the years 1900 and 9999.\n\n" +
	"**Whole numbers** may be written in any of JSON's forms: 1000, 1000.0 and 1e3 are the same.\n\n" +
	"**Queries**: a parameter that is unknown, empty, or sent twice is refused."

// newConfig is the document's frame and huma's settings: JSON only, our decoder, no generated pages, no links in
// bodies.
func newConfig(version string) huma.Config {
	registry := huma.NewMapRegistry(componentPrefix, schemaName)
	for domain, wire := range aliases {
		registry.RegisterTypeAlias(domain, wire)
	}
	jsonFormat := huma.Format{Marshal: marshal, Unmarshal: unmarshal}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Quantix", Version: version,
				Description: aboutAPI,
				Contact:     &huma.Contact{Name: "Whoever runs this server"},
				License:     &huma.License{Name: "All rights reserved"},
			},
			// An empty requirement says that nobody is asked; none at all would say nothing.
			Security:   []map[string][]string{{}},
			Servers:    []*huma.Server{{URL: "/", Description: "The server that gives this document."}},
			Components: &huma.Components{Schemas: registry, SecuritySchemes: securitySchemes},
			Tags: []*huma.Tag{
				{Name: "events", Description: "What tickets are sold for."}, {Name: "users", Description: "Who books."},
				{Name: "bookings", Description: "Tickets held, paid and cancelled."},
				{Name: "feed", Description: "What happened, in order, for programs that follow."},
				{Name: "payments", Description: "Charges, refunds, and those that need manual review."},
				{Name: "organizers", Description: "Who owns events."},
				{Name: "identity", Description: "Who asks, their keys, and who looked at personal data."},
				{Name: "service", Description: "How the server is."},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// schemaName is the wire type's name without what only Go needs: EventBody is Event.
func schemaName(t reflect.Type, hint string) string {
	return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Body")
}

func marshal(w io.Writer, v any) error {
	if p, ok := v.(*Problem); ok {
		text, err := p.append(make([]byte, 0, 512))
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}

// unmarshal hands a body to its own strict decoder.
func unmarshal(data []byte, v any) error {
	strict, ok := v.(interface{ decode([]byte) })
	if !ok {
		return fmt.Errorf("%T is not a body that can be decoded strictly", v)
	}
	strict.decode(data)
	return nil
}

// deskErrors is what every command may be answered that waits at an event's desk.
var deskErrors = []*models.Error{models.ErrBusy, models.ErrShuttingDown}

// An operation is one route: what huma needs to know of it, in our words.
type operation struct {
	id      string
	method  string
	path    string
	tag     string
	summary string
	detail  string
	status  int             // of success; 0: 200, or 204 without a body
	errors  []*models.Error // what may be answered instead, besides what every operation may answer
	desk    bool            // it waits at an event's desk
	anyBody bool            // its body is not ours to check
	long    time.Duration   // how long it may take; 0: as the server's others
}

// describe turns it into huma's form. Every operation may fail with 500 and 503, and with 400 if only for a query that
// it does not know; those that change something, with 403 and outcome_unknown; those whose method may have a body, with
// 413 and 415, for check looks at it whether or not somebody reads it; all but those of health with 421; those that are
// limited, with 429.
func (o operation) describe(registry huma.Registry, takesBody bool) huma.Operation {
	possible := slices.Concat([]*models.Error{models.ErrInvalid}, o.errors, []*models.Error{
		models.ErrInternal, models.ErrUnavailable,
	})
	if !asksForHealth(o.path) && !o.anyBody { // a callback is known by its signature
		possible = append(possible, errHost)
	}
	if isLimited(o.path) {
		possible = append(possible, models.ErrRateLimited)
	}
	if o.desk {
		possible = append(possible, deskErrors...)
	}
	if o.method != http.MethodGet {
		possible = append(possible, errCrossOrigin, errHeaderNotHonoured, models.ErrOutcomeUnknown)
	}
	if (o.method == http.MethodPost || o.method == http.MethodPut) && !o.anyBody {
		possible = append(possible, errBodyTooLarge, errMediaType)
	}
	if takesBody {
		possible = append(possible, errMalformedJSON, errRequestTimeout)
	}
	granted := grantsOf(o.id)
	if granted != nil {
		possible = append(possible, models.ErrUnauthorized, models.ErrForbidden, models.ErrIdentityUnavailable)
	}
	described := huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.detail,
		DefaultStatus: o.status, Responses: problemResponses(registry, possible),
		MaxBodyBytes: maxBody + 1, // huma refuses what reaches the limit; exactly 64 KiB are fine
		// The body's own decoder checks it, more strictly than a schema can.
		SkipValidateBody: true,
		Metadata:         map[string]any{longKey: o.long},
	}
	if granted != nil {
		described.Metadata[grantsKey] = granted
		described.Security = granted.security()
		described.Description += " " + granted.sentence()
		described.Extensions = map[string]any{"x-roles": granted.described()}
	}
	return described
}

// longKey is where an operation's time stands in huma's form of it.
const longKey = "long"

// problemResponses documents errors by status, with the codes of each.
func problemResponses(registry huma.Registry, possible []*models.Error) map[string]*huma.Response {
	codes := map[int][]string{}
	for _, e := range possible {
		status := statusOf(e)
		if !slices.Contains(codes[status], e.Code) {
			codes[status] = append(codes[status], e.Code)
		}
	}
	schema := registry.Schema(reflect.TypeFor[problemBody](), true, "Problem")
	responses := map[string]*huma.Response{}
	for status, names := range codes {
		response := &huma.Response{
			Description: http.StatusText(status) + ": `" + strings.Join(names, "`, `") + "`",
			Content:     map[string]*huma.MediaType{problemJSON: {Schema: schema}},
		}
		if status == http.StatusUnauthorized {
			response.Headers = map[string]*huma.Param{"WWW-Authenticate": {
				Description: "How one shows who one is (RFC 6750).", Schema: &huma.Schema{Type: huma.TypeString},
			}}
		}
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			response.Headers = map[string]*huma.Param{"Retry-After": {
				Description: "Seconds to wait before asking again.", Schema: &huma.Schema{Type: huma.TypeInteger},
			}}
		}
		responses[strconv.Itoa(status)] = response
	}
	return responses
}

// hasBody reports whether an operation's input has a body.
func hasBody(input reflect.Type) bool {
	_, ok := input.FieldByName("Body")
	return ok
}
