package handlers

import (
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// What the document says beyond what the types of the wire tell: where a created thing can be read and changed, and
// bounds that the rules check, in their own words, and huma is not to check as well.

// completeDocument adds to the document of all registered operations.
func completeDocument(d *huma.OpenAPI) {
	byID := map[string]*huma.Operation{}
	for _, item := range d.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if o != nil {
				byID[o.OperationID] = o
			}
		}
	}
	documentLimits(d)
	for _, l := range links {
		l.add(byID)
	}
	for _, b := range textBounds {
		for _, field := range b.fields {
			d.Components.Schemas.Map()[b.schema].Properties[field].Pattern = b.pattern
		}
	}
	for _, o := range byID {
		for _, p := range o.Parameters {
			if pattern := parameterPatterns[p.Name]; pattern != "" && p.Schema.Type == huma.TypeString {
				p.Schema.Pattern = pattern
			}
		}
	}
}

// A link says that a value of an answer is a parameter of another operation, so that tools can follow a sale.
type link struct {
	from      string // the operation that answers
	status    int    // of that answer
	to        string
	parameter string
	value     string
}

const (
	itsID    = "$response.body#/id"
	itsEvent = "$response.body#/event_id"
	itsUser  = "$response.body#/user_id"
)

var links = []link{
	{"create-event", 201, "get-event", "id", itsID},
	{"create-event", 201, "update-event", "id", itsID},
	{"create-event", 201, "get-event-statistics", "id", itsID},
	{"create-event", 201, "audit-event", "id", itsID},
	{"create-event", 201, "read-event-feed", "id", itsID},
	{"create-event", 201, "cancel-event", "id", itsID},
	{"create-event", 201, "delete-event", "id", itsID},
	{"create-organizer", 201, "get-organizer", "id", itsID},
	{"create-organizer", 201, "update-organizer", "id", itsID},
	{"create-organizer", 201, "delete-organizer", "id", itsID},
	{"create-api-key", 201, "revoke-api-key", "id", itsID},
	{"create-user", 201, "export-user", "id", itsID},
	{"create-user", 201, "get-user", "id", itsID},
	{"create-user", 201, "update-user", "id", itsID},
	{"create-user", 201, "delete-user", "id", itsID},
	{"create-user", 201, "list-user-bookings", "user_id", itsID},
	{"create-booking", 201, "get-booking", "id", itsID},
	{"create-booking", 201, "cancel-booking", "id", itsID},
	{"create-booking", 201, "list-booking-payments", "id", itsID},
	{"create-booking", 201, "get-event", "id", itsEvent},
	{"create-booking", 201, "list-user-bookings", "user_id", itsUser},
	{"cancel-booking", 200, "get-booking", "id", itsID},
	{"cancel-event", 202, "get-event-statistics", "id", itsID},
	{"list-dead-letters", 200, "retry-dead-letter", "id", "$response.body#/0/id"},
	{"list-dead-letters", 200, "discard-dead-letter", "id", "$response.body#/0/id"},
}

func (l link) add(byID map[string]*huma.Operation) {
	response := byID[l.from].Responses[strconv.Itoa(l.status)]
	if response.Links == nil {
		response.Links = map[string]*huma.Link{}
	}
	response.Links[l.to] = &huma.Link{
		OperationID: byID[l.to].OperationID, Description: byID[l.to].Summary,
		Parameters: map[string]any{l.parameter: l.value},
	}
}

// What texts may not have: control characters but tab and line breaks, and in names those that turn the order in which
// others are shown. The latter stand as themselves, for every dialect writes them otherwise.
const (
	controls = `\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F`
	turning  = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
)

// Patterns that every dialect of regular expressions reads in the same way. isPrintable and parseIfMatch decide.
const (
	printable     = `^[^` + controls + `]*$`
	printableSome = `^[^` + controls + turning + `]*[^\x00-\x20\x7F-\x9F` + turning + `][^` + controls + turning + `]*$`
	sentence      = `^[^\x00-\x1F\x7F-\x9F]*[^\x00-\x20\x7F-\x9F][^\x00-\x1F\x7F-\x9F]*$`
	oneLine       = `^[^\x00-\x1F\x7F-\x9F]*$`
	timeZones     = `^[A-Za-z0-9/_+-]*$`
	entityTags    = `^[ \t]*\*[ \t]*$|^[ \t,]*(W/)?"[^\x00-\x20"\x7F]*"([ \t]*,[ \t,]*(W/)?"[^\x00-\x20"\x7F]*")*[ \t,]*$`
)

var textBounds = []struct {
	schema, pattern string
	fields          []string
}{
	{"EventCreate", printableSome, []string{"name"}},
	{"EventCreate", printable, []string{"description"}},
	{"EventUpdate", printableSome, []string{"name"}},
	{"EventUpdate", printable, []string{"description"}},
	{"UserCreate", printableSome, []string{"name"}},
	{"OrganizerCreate", printableSome, []string{"name"}},
	{"OrganizerUpdate", printableSome, []string{"name"}},
	{"APIKeyCreate", printableSome, []string{"name"}},
	{"UserUpdate", printableSome, []string{"name"}},
	{"Closing", sentence, []string{"reason"}},
	{"EventCreate", timeZones, []string{"time_zone"}},
	{"EventUpdate", timeZones, []string{"time_zone"}},
}

var parameterPatterns = map[string]string{
	"If-Match": entityTags,
	"q":        oneLine,
	"email":    oneLine,
	"cursor":   `^[A-Za-z0-9_-]{` + strconv.Itoa(cursorLength) + `}$`,
	"after":    `^[A-Za-z0-9_-]{` + strconv.Itoa(placeLength) + `}$`,
}
