package handlers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"quantix/internal/identity"
	"quantix/internal/models"
	"quantix/internal/services"
	"quantix/internal/testkit"
)

const audience = "quantix-tests"

// venue is a server that asks who one is, with two organizers who know nothing of each other.
type venue struct {
	*bundle
	issuer *testkit.Issuer
}

func newVenue(tb testing.TB, inPostgres bool, change ...func(*Deps)) *venue {
	tb.Helper()
	issuer := testkit.NewIssuer(tb)
	v := &venue{issuer: issuer}
	if inPostgres {
		v.bundle = setupPostgres(tb)
	} else {
		v.bundle = setup(tb)
	}
	gate := identity.New(v.store, identity.Options{
		Logger: testkit.Logger(tb), PublicURL: "https://tickets.example.com",
		OIDC: &identity.OIDCOptions{Issuer: issuer.URL(), Audience: audience},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		gate.Run(ctx)
	}()
	tb.Cleanup(func() {
		cancel()
		<-done
	})
	deps := v.deps
	deps.Gate = gate
	for _, c := range change {
		c(&deps)
	}
	v.server = newTestServer(tb, deps)
	return v
}

// side is an organizer's world: what is theirs has a word in its name that nobody else may read.
type side struct {
	word      string
	organizer models.OrganizerID
	event     string
	user      string // whom the organizer has made
	customer  string // who made themselves, and has booked
	email     string // the customer's
	booking   string // the customer's
	letter    string // empty unless asked for
	key       string // the organizer's
}

func (v *venue) side(word string, letter bool) side {
	v.tb.Helper()
	ctx, operator := v.tb.Context(), models.TheOperator
	x := side{word: word + "-" + models.NewID[models.BatchID]().String()[24:]}
	organizer, err := services.NewOrganizers(v.store).Create(ctx, x.word)
	v.must(err)
	theirs := models.Caller{
		Principal: &models.Principal{Role: models.RoleOrganizer, Name: "a test", Organizer: organizer.ID},
		Reach:     models.ReachOrganizer,
	}
	event, err := v.deps.Events.Create(ctx, theirs, models.EventDraft{
		Name: x.word, DateTime: today.AddDate(0, 1, 0), TotalTickets: 10,
		TicketPrice: models.Money{Minor: 7550, Currency: "USD"},
	})
	v.must(err)
	x.email = x.word + "@example.com"
	user, err := v.deps.Users.Create(ctx, theirs, x.word, "made."+x.email)
	v.must(err)
	customer, err := v.deps.Users.Create(ctx, operator, x.word, x.email)
	v.must(err)
	request := services.BookingRequest{User: customer.ID, Event: event.ID, Quantity: 1}
	kept, _, err := v.deps.Bookings.Create(ctx, operator, request)
	v.must(err)
	if letter {
		x.letter = v.letter(request, organizer.ID)
	}
	key, _ := v.newKey(models.KeyDraft{Name: x.word, Role: models.RoleOrganizer, Organizer: organizer.ID})
	x.organizer, x.event, x.user, x.customer = organizer.ID, event.ID.String(), user.ID.String(), customer.ID.String()
	x.booking, x.key = kept.ID.String(), key.ID.String()
	return x
}

// letter makes a booking whose payment is given up, and returns the dead letter of an organizer's only one.
func (v *venue) letter(request services.BookingRequest, organizer models.OrganizerID) string {
	v.tb.Helper()
	lost, _, err := v.deps.Bookings.Create(v.tb.Context(), models.TheOperator, request)
	v.must(err)
	v.giveUp(bookingJSON{ID: lost.ID.String(), EventID: request.Event.String()}, models.OutcomeUnavailable)
	letters, err := v.store.DeadLetters(v.tb.Context(), models.Scope{Organizer: organizer}, models.Page{Limit: 2})
	v.must(err)
	if len(letters) != 1 {
		v.tb.Fatalf("%d letters of the organizer", len(letters))
	}
	return letters[0].ID.String()
}

// nowhere is what is not there.
func nowhere() side {
	id := func() string { return models.NewID[models.BatchID]().String() }
	return side{
		organizer: models.NewID[models.OrganizerID](), event: id(), user: id(), customer: id(),
		email: "nobody." + id() + "@example.com", booking: id(), letter: id(), key: id(),
	}
}

func (v *venue) must(err error) {
	v.tb.Helper()
	if err != nil {
		v.tb.Fatal(err)
	}
}

func (v *venue) newKey(d models.KeyDraft) (models.APIKey, string) {
	v.tb.Helper()
	key, text, err := services.NewKeys(v.store).Create(v.tb.Context(), models.TheOperator, d)
	v.must(err)
	return key, text
}

// as returns what somebody of a role shows who belongs to a side; empty: nothing.
func (v *venue) as(role models.Role, x side) string {
	v.tb.Helper()
	switch role {
	case models.RoleAnonymous:
		return ""
	case models.RoleCustomer:
		return v.issuer.Token(map[string]any{"aud": audience, "sub": x.customer, "email": x.email, "email_verified": true})
	case models.RoleAdmin:
		_, text := v.newKey(models.KeyDraft{Name: "an admin", Role: role})
		return text
	}
	_, text := v.newKey(models.KeyDraft{Name: string(role), Role: role, Organizer: x.organizer})
	return text
}

// show sends a request with what somebody shows.
func (v *venue) show(shown, method, path, body string) *answer {
	v.tb.Helper()
	if shown == "" {
		return v.do(method, path, body)
	}
	return v.do(method, path, body, "Authorization", "Bearer "+shown)
}

// questions is how each operation is asked for something of a side. Of one's own user, a role that has none means the
// one whom the organizer has made.
var questions = map[string]func(x side, role models.Role) (method, path, body string){
	"list-events":           at("GET", eventsPath, ""),
	"get-event":             at("GET", eventsPath+"/EVENT", ""),
	"create-event":          at("POST", eventsPath, `{"name":"New","date_time":"2035-01-01T20:00:00Z","total_tickets":5,"ticket_price":1,"organizer_id":"ORGANIZER"}`),
	"update-event":          at("PUT", eventsPath+"/EVENT", `{"description":"changed"}`),
	"delete-event":          at("DELETE", eventsPath+"/EVENT", ""),
	"cancel-event":          at("POST", eventsPath+"/EVENT/cancel", ""),
	"get-event-statistics":  at("GET", eventsPath+"/EVENT/statistics", ""),
	"audit-event":           at("GET", eventsPath+"/EVENT/audit", ""),
	"read-event-feed":       at("GET", eventsPath+"/EVENT/feed", ""),
	"watch-event":           at("HEAD", eventsPath+"/EVENT/live", ""),
	"read-feed":             at("GET", feedPath, ""),
	"create-booking":        at("POST", bookingsPath, `{"user_id":"CUSTOMER","event_id":"EVENT","quantity":1}`),
	"get-booking":           at("GET", bookingsPath+"/BOOKING", ""),
	"cancel-booking":        at("PUT", bookingsPath+"/BOOKING/cancel", ""),
	"list-booking-payments": at("GET", bookingsPath+"/BOOKING/payments", ""),
	"list-user-bookings":    at("GET", bookingsPath+"/user/CUSTOMER", ""),
	"list-users":            at("GET", usersPath+"?email=EMAIL", ""),
	"create-user":           at("POST", usersPath, `{"name":"New","email":"FRESH@example.com"}`),
	"get-user":              at("GET", usersPath+"/CUSTOMER", ""),
	"update-user":           at("PUT", usersPath+"/USER", `{"name":"changed"}`),
	"delete-user":           at("DELETE", usersPath+"/USER", ""),
	"export-user":           at("GET", usersPath+"/CUSTOMER/export", ""),
	"list-dead-letters":     at("GET", lettersPath, ""),
	"retry-dead-letter":     at("POST", lettersPath+"/LETTER/retry", ""),
	"retry-dead-letters":    at("POST", lettersPath+"/retry?event_id=EVENT", ""),
	"discard-dead-letter":   at("DELETE", lettersPath+"/LETTER", ""),
	"close-dead-letter":     at("POST", lettersPath+"/LETTER/close", `{"reason":"settled by hand"}`),
	"list-organizers":       at("GET", organizersPath, ""),
	"get-organizer":         at("GET", organizersPath+"/ORGANIZER", ""),
	"create-organizer":      at("POST", organizersPath, `{"name":"New"}`),
	"update-organizer":      at("PUT", organizersPath+"/ORGANIZER", `{"name":"changed"}`),
	"delete-organizer":      at("DELETE", organizersPath+"/ORGANIZER", ""),
	"list-api-keys":         at("GET", keysPath, ""),
	"create-api-key":        at("POST", keysPath, `{"name":"New","role":"door","organizer_id":"ORGANIZER"}`),
	"revoke-api-key":        at("DELETE", keysPath+"/KEY", ""),
	"list-access-log":       at("GET", apiPath+"/access-log?user_id=CUSTOMER", ""),
	"get-me":                at("GET", apiPath+"/me", ""),
}

func at(method, path, body string) func(side, models.Role) (string, string, string) {
	return func(x side, role models.Role) (string, string, string) {
		user := x.user
		if role == models.RoleCustomer {
			user = x.customer
		}
		names := strings.NewReplacer("EVENT", x.event, "ORGANIZER", x.organizer.String(), "CUSTOMER", x.customer,
			"USER", user, "BOOKING", x.booking, "LETTER", x.letter, "KEY", x.key, "EMAIL", x.email, "FRESH", models.NewID[models.BatchID]().String())
		return method, names.Replace(path), names.Replace(body)
	}
}

// Every operation, for every role, asked for what is one's own, somebody else's, and not there.
func TestAccess(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			for operation := range access {
				if operation == readMetrics {
					continue // TestAccess_to_metrics
				}
				if questions[operation] == nil {
					t.Errorf("nobody asks for %s here", operation)
					continue
				}
				t.Run(operation, func(t *testing.T) {
					t.Parallel()
					v := newVenue(t, store == "postgres")
					sides := make([]side, 2*len(roles)) // made before anything is asked that might change them
					for i := range sides {
						sides[i] = v.side([]string{"mine", "theirs"}[i%2], strings.Contains(operation, "letter"))
					}
					for i, role := range roles {
						v.matrix(operation, role, sides[2*i], sides[2*i+1])
					}
				})
			}
		})
	}
}

// matrix asks for an operation as a role of the first side.
func (v *venue) matrix(operation string, role models.Role, mine, theirs side) {
	v.tb.Helper()
	shown, g := v.as(role, mine), access[operation]
	ask := func(x side) *answer {
		method, path, body := questions[operation](x, role)
		a := v.show(shown, method, path, body)
		a.request = fmt.Sprintf("%s as %s: %s", operation, role, a.request)
		return a
	}
	absent, foreign := ask(nowhere()), ask(theirs)
	own := ask(mine)
	v.checkReach(g.of(role), role, own, foreign, absent)
	if g.of(role) != all && (bytes.Contains(foreign.body, []byte(theirs.word)) || bytes.Contains(own.body, []byte(theirs.word))) {
		v.tb.Errorf("%s shows what is somebody else's:\n%s\n%s", own.request, foreign.body, own.body)
	}
}

func (v *venue) checkReach(reach models.Reach, role models.Role, own, foreign, absent *answer) {
	v.tb.Helper()
	if reach == none {
		status := http.StatusForbidden
		if role == models.RoleAnonymous {
			status = http.StatusUnauthorized
		}
		own.want(status)
	} else if own.status == http.StatusForbidden || own.status == http.StatusUnauthorized || own.status == http.StatusNotFound ||
		own.status >= http.StatusInternalServerError {
		v.tb.Errorf("%s: %d to who may: %s", own.request, own.status, own.body)
	}
	if reach == all {
		if foreign.status == http.StatusNotFound {
			v.tb.Errorf("%s: %d to who reaches all: %s", foreign.request, foreign.status, foreign.body)
		}
		return
	}
	if foreign.status != absent.status || alike(foreign) != alike(absent) {
		v.tb.Errorf("%s: what is somebody else's can be told from what is not there:\n%d %s\n%d %s",
			foreign.request, foreign.status, alike(foreign), absent.status, alike(absent))
	}
}

var (
	emails  = regexp.MustCompile(`[a-z0-9.-]+@example\.com`)
	moments = regexp.MustCompile(`"20[0-9-]+T[0-9:.]+Z"`)
)

// alike is an answer without what must differ: ids, addresses and times.
func alike(a *answer) string {
	text := uuidPattern.ReplaceAllString(string(a.body), "ID")
	return moments.ReplaceAllString(emails.ReplaceAllString(text, "EMAIL"), `"TIME"`)
}

// What has no operation is for everybody, but for the metrics.
func TestAccess_has_a_row_for_every_route(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, Deps{Metrics: http.NotFoundHandler()})
	public := map[string]bool{
		"/": true, "/openapi.json": true, "/docs": true, "/problems": true, "/problems/:code": true,
		"/metrics": true, "/healthz": true, "/readyz": true, callbackRoute: true,
	}
	for _, route := range s.router.Routes() {
		if strings.HasPrefix(route.Path, apiPath) || strings.HasPrefix(route.Path, "/docs/") || public[route.Path] {
			continue
		}
		t.Errorf("%s is neither an operation nor known to be for everybody", route.Path)
	}
	for id := range access {
		found := id == readMetrics
		for _, methods := range paths() {
			for _, o := range methods {
				found = found || o.OperationID == id
			}
		}
		if !found {
			t.Errorf("access has a row for %s, which is no operation", id)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an operation without a row was registered")
		}
	}()
	grantsOf("an-operation-that-nobody-thought-of")
}

// Metrics tell how a sale goes: they are an administrator's, unless they have a port of their own.
func TestAccess_to_metrics(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	deps := v.deps
	deps.Gate, deps.Metrics = v.server.gate, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("up 1\n")) })
	v.server = newTestServer(t, deps)
	mine := v.side("mine", false)
	for _, role := range roles {
		want := map[models.Role]int{models.RoleAdmin: http.StatusOK, models.RoleAnonymous: http.StatusUnauthorized}[role]
		v.show(v.as(role, mine), "GET", "/metrics", "").want(cmp.Or(want, http.StatusForbidden))
	}
	deps.Gate = nil
	handler, err := NewMetrics(deps)
	v.must(err)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, newRequest("GET", "/metrics", ""))
	if w.Code != http.StatusOK {
		t.Errorf("on a port of their own: %d", w.Code)
	}
}

// A visible person's row may be changed by the organizer who made it, until the person has bound it to themselves.
func TestAccess_to_rows_of_persons(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", false)
	organizer := v.as(models.RoleOrganizer, mine)
	v.show(organizer, "GET", usersPath+"/"+mine.customer, "").want(http.StatusOK)
	v.show(organizer, "PUT", usersPath+"/"+mine.customer, `{"name":"X"}`).refused(http.StatusForbidden, "forbidden")
	v.show(organizer, "DELETE", usersPath+"/"+mine.customer, "").refused(http.StatusForbidden, "forbidden")
	v.show(organizer, "PUT", usersPath+"/"+mine.user, `{"name":"X"}`).want(http.StatusOK)
	token := v.issuer.Token(map[string]any{
		"aud": audience, "sub": "somebody", "email": "made." + mine.email, "email_verified": true,
	})
	if me := read[meJSON](v.show(token, "GET", apiPath+"/me", "").want(http.StatusOK)); me.UserID != mine.user {
		t.Errorf("the verified address leads to %s, not to %s", me.UserID, mine.user)
	}
	v.show(organizer, "PUT", usersPath+"/"+mine.user, `{"name":"Y"}`).refused(http.StatusForbidden, "forbidden")
	v.show(organizer, "GET", usersPath, "").refused(http.StatusForbidden, "forbidden")
	v.show(token, "GET", usersPath, "").refused(http.StatusForbidden, "forbidden")
	v.show(token, "PUT", usersPath+"/"+mine.user, `{"name":"Z"}`).want(http.StatusOK)
	v.show(token, "DELETE", usersPath+"/"+mine.user, "").want(http.StatusNoContent)
	testkit.Eventually(t, 10*time.Second, func() error {
		again := read[meJSON](v.show(token, "GET", apiPath+"/me", "").want(http.StatusOK))
		if again.UserID == mine.user || again.UserID == "" {
			return fmt.Errorf("an erased person comes back as %q", again.UserID)
		}
		return nil
	})
}

type meJSON struct {
	Role        string
	UserID      string `json:"user_id"`
	OrganizerID string `json:"organizer_id"`
}

// A taken address names its user to who may see them.
func TestAccess_to_who_has_an_address(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine, theirs := v.side("mine", false), v.side("theirs", false)
	organizer := v.as(models.RoleOrganizer, mine)
	take := func(email string) string {
		p := v.show(organizer, "POST", usersPath, `{"name":"X","email":"`+strings.ToUpper(email)+`"}`)
		p.refused(http.StatusConflict, "email_taken")
		return string(p.body)
	}
	if text := take(mine.email); !strings.Contains(text, mine.customer) {
		t.Errorf("who has the address is not told: %s", text)
	}
	if text := take(theirs.email); strings.Contains(text, theirs.customer) || strings.Contains(text, "user_id") {
		t.Errorf("a stranger is told: %s", text)
	}
}

// Events are made for one's own organizer, named or not; an admin's for whom they name, or the default one.
func TestAccess_to_other_organizers_events(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine, theirs := v.side("mine", false), v.side("theirs", false)
	organizer, admin := v.as(models.RoleOrganizer, mine), v.as(models.RoleAdmin, mine)
	body := func(owner string) string {
		return `{"name":"N","date_time":"2035-01-01T20:00:00Z","total_tickets":5,"ticket_price":1` + owner + `}`
	}
	foreign := body(`,"organizer_id":"` + theirs.organizer.String() + `"`)
	v.show(organizer, "POST", eventsPath, foreign).refused(http.StatusNotFound, "organizer_not_found")
	for _, made := range []struct{ shown, body, owner string }{
		{organizer, body(""), mine.organizer.String()}, {admin, foreign, theirs.organizer.String()},
		{admin, body(""), models.DefaultOrganizer.String()},
	} {
		a := v.show(made.shown, "POST", eventsPath, made.body).want(http.StatusCreated)
		if !bytes.Contains(a.body, []byte(`"organizer_id":"`+made.owner+`"`)) {
			t.Errorf("%s is not of %s", a.body, made.owner)
		}
	}
}

// A customer books for themselves, named or not.
func TestAccess_of_a_customer_to_the_sale(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", false)
	token := v.as(models.RoleCustomer, mine)
	unnamed := `{"event_id":"` + mine.event + `","quantity":1}`
	w := httptest.NewRecorder() // the document that answers are held against is of a server that asks nobody
	v.server.router.ServeHTTP(w, newRequest("POST", bookingsPath, unnamed, "Authorization", "Bearer "+token))
	if w.Code != http.StatusCreated || !strings.Contains(w.Body.String(), `"user_id":"`+mine.customer+`"`) {
		t.Errorf("booked for somebody else than %s: %s", mine.customer, w.Body)
	}
	admin := v.as(models.RoleAdmin, mine)
	v.show(admin, "POST", bookingsPath, unnamed).refused(http.StatusBadRequest, "invalid_request").at(t, "body.user_id")
}

// Nobody makes a key that may do more than they may.
func TestKeys_do_no_more_than_their_maker(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine, theirs := v.side("mine", false), v.side("theirs", false)
	event, err := models.ParseID[models.EventID](mine.event)
	v.must(err)
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	_, limited := v.newKey(models.KeyDraft{
		Name: "limited", Role: models.RoleOrganizer, Organizer: mine.organizer, Events: []models.EventID{event}, ExpiresAt: end,
	})
	free := v.as(models.RoleOrganizer, mine)
	late := end.Add(time.Second).Format(time.RFC3339)
	for _, test := range []struct {
		name, shown, body string
		status            int
	}{
		{"an admin's", free, `{"name":"n","role":"admin"}`, http.StatusForbidden},
		{"another's", free, `{"name":"n","role":"door","organizer_id":"` + theirs.organizer.String() + `"}`, http.StatusNotFound},
		{"nobody's", free, `{"name":"n","role":"door","organizer_id":"` + nowhere().organizer.String() + `"}`, http.StatusNotFound},
		{"for another's event", free, `{"name":"n","role":"door","event_ids":["` + theirs.event + `"]}`, http.StatusNotFound},
		{"of a customer", free, `{"name":"n","role":"customer"}`, http.StatusBadRequest},
		{"their own", free, `{"name":"n","role":"organizer"}`, http.StatusCreated},
		{"of all events", limited, `{"name":"n","role":"door"}`, http.StatusForbidden},
		{"for ever", limited, `{"name":"n","role":"door","event_ids":["` + mine.event + `"]}`, http.StatusForbidden},
		{"for longer", limited, `{"name":"n","role":"door","event_ids":["` + mine.event + `"],"expires_at":"` + late + `"}`, http.StatusForbidden},
		{"within limits", limited, `{"name":"n","role":"door","event_ids":["` + mine.event + `"],"expires_at":"` + end.Format(time.RFC3339) + `"}`, http.StatusCreated},
	} {
		a := v.show(test.shown, "POST", keysPath, test.body)
		if a.status != test.status {
			t.Errorf("%s: got %d, want %d: %s", test.name, a.status, test.status, a.body)
		}
		if a.status == http.StatusCreated {
			made := read[struct{ Key string }](a).Key
			v.show(made, "GET", apiPath+"/me", "").want(http.StatusOK)
		}
	}
	other := read[eventJSON](v.show(free, "POST", eventsPath, fmt.Sprintf(eventText, 5)).want(http.StatusCreated))
	v.show(free, "GET", eventsPath+"/"+other.ID+"/statistics", "").want(http.StatusOK)
	v.show(limited, "GET", eventsPath+"/"+mine.event+"/statistics", "").want(http.StatusOK)
	for _, path := range []string{"", "/statistics", "/feed", "/audit"} {
		v.show(limited, "GET", eventsPath+"/"+other.ID+path, "").refused(http.StatusNotFound, "event_not_found")
	}
	if list := read[[]eventJSON](v.show(limited, "GET", eventsPath, "")); len(list) != 1 || list[0].ID != mine.event {
		t.Errorf("a key of one event lists %v", list)
	}
	v.show(limited, "POST", eventsPath, `{"name":"N","date_time":"2035-01-01T20:00:00Z","total_tickets":5,"ticket_price":1}`).
		refused(http.StatusForbidden, "forbidden")
	v.show(limited, "GET", keysPath, "").refused(http.StatusForbidden, "forbidden")
}

// A key is refused within a second of its revocation, and what it has open ends.
func TestKeys_are_revoked(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", false)
	key, text := v.newKey(models.KeyDraft{Name: "short", Role: models.RoleOrganizer, Organizer: mine.organizer})
	v.show(text, "GET", apiPath+"/me", "").want(http.StatusOK)
	v.show(v.as(models.RoleAdmin, mine), "DELETE", keysPath+"/"+key.ID.String(), "").want(http.StatusNoContent)
	testkit.Eventually(t, 10*time.Second, func() error {
		if a := v.show(text, "GET", apiPath+"/me", ""); a.status != http.StatusUnauthorized {
			return fmt.Errorf("the key still counts: %d", a.status)
		}
		return nil
	})
}

// The access log tells who looked at whose data, and nothing of the data; what one does with one's own is not in it.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", false)
	admin, token := v.as(models.RoleAdmin, mine), v.as(models.RoleCustomer, mine)
	at := usersPath + "/" + mine.user
	v.show(admin, "GET", at, "").want(http.StatusOK)
	v.show(admin, "GET", usersPath+"?email=made."+mine.email, "").want(http.StatusOK)
	v.show(admin, "GET", usersPath, "").want(http.StatusOK)
	v.show(admin, "PUT", at, `{"name":"Changed"}`).want(http.StatusOK)
	v.show(admin, "GET", at+"/export", "").want(http.StatusOK)
	v.show(admin, "GET", bookingsPath+"/user/"+mine.user, "").want(http.StatusOK)
	taken := `{"name":"X","email":"made.` + mine.email + `"}`
	v.show(admin, "POST", usersPath, taken).refused(http.StatusConflict, "email_taken")
	v.show(v.as(models.RoleOrganizer, mine), "POST", usersPath, taken).refused(http.StatusConflict, "email_taken")
	v.show(v.as(models.RoleBoxOffice, v.side("theirs", false)), "POST", usersPath, taken).refused(http.StatusConflict, "email_taken")
	v.show(admin, "DELETE", at, "").want(http.StatusNoContent)
	v.show(token, "GET", usersPath+"/"+mine.customer, "").want(http.StatusOK)
	v.show(token, "GET", usersPath+"/"+mine.customer+"/export", "").want(http.StatusOK)
	v.show(admin, "GET", usersPath+"/"+nowhere().user, "").want(http.StatusNotFound)

	listed := v.show(admin, "GET", apiPath+"/access-log", "").want(http.StatusOK)
	var actions []string
	for _, e := range read[[]accessJSON](listed) {
		if e.RequestID == "" || e.IP == "" || !strings.HasPrefix(e.Actor, "key ") {
			t.Errorf("an entry says too little: %+v", e)
		}
		if e.Action != "list_users" && e.UserID != mine.user {
			t.Errorf("%s is of %s, not of %s", e.Action, e.UserID, mine.user)
		}
		actions = append([]string{e.Action}, actions...)
	}
	want := "read_user find_user list_users update_user export_user list_bookings find_user find_user erase_user"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("the log has %s, want %s", got, want)
	}
	if bytes.Contains(listed.body, []byte(mine.word)) || bytes.Contains(listed.body, []byte("Changed")) {
		t.Errorf("the log holds data: %s", listed.body)
	}
	if of := read[[]accessJSON](v.show(admin, "GET", apiPath+"/access-log?user_id="+mine.customer, "")); len(of) != 0 {
		t.Errorf("one's own looks are logged: %+v", of)
	}
}

type accessJSON struct {
	Actor, Action, IP string
	UserID            string `json:"user_id"`
	RequestID         string `json:"request_id"`
}

// An export is all that is known of a person, in one document.
func TestExport(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", true)
	token := v.as(models.RoleCustomer, mine)
	v.show(v.as(models.RoleAdmin, mine), "GET", usersPath+"/"+mine.customer, "").want(http.StatusOK)
	export := read[struct {
		User     userJSON
		Subjects []struct{ Issuer, Subject string }
		Bookings []struct {
			ID            string
			PaymentMethod string `json:"payment_method"`
			Payments      []struct{ Kind, Status string }
		}
		AccessLog []accessJSON `json:"access_log"`
	}](v.show(token, "GET", usersPath+"/"+mine.customer+"/export", "").want(http.StatusOK))
	if export.User.Email != mine.email || len(export.Subjects) != 1 || export.Subjects[0].Subject != mine.customer {
		t.Errorf("the person: %+v, %+v", export.User, export.Subjects)
	}
	if len(export.Bookings) != 2 || export.Bookings[0].PaymentMethod != "sim_ok" || len(export.Bookings[0].Payments) != 1 {
		t.Errorf("the bookings: %+v", export.Bookings)
	}
	if len(export.AccessLog) != 1 || export.AccessLog[0].Action != "read_user" {
		t.Errorf("who looked: %+v", export.AccessLog)
	}
}

// timedRecorder notes until when an answer may be written.
type timedRecorder struct {
	*httptest.ResponseRecorder
	until time.Time
}

func (r *timedRecorder) SetWriteDeadline(at time.Time) error {
	r.until = at
	return nil
}

// An export may be long in the making, and its reader no slower than that of any other answer.
func TestExport_does_not_wait_for_a_reader_who_does_not_read(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", false)
	w := &timedRecorder{ResponseRecorder: httptest.NewRecorder()}
	v.server.router.ServeHTTP(w, newRequest("GET", usersPath+"/"+mine.customer+"/export", "", "Authorization", "Bearer "+v.as(models.RoleCustomer, mine)))
	if most := 2 * DefaultTimeout; w.Code != http.StatusOK || w.until.IsZero() || time.Until(w.until) > most {
		t.Errorf("%d, and the reader has %s", w.Code, time.Until(w.until))
	}
}

// The refusal of who shows nothing that counts is one text, whatever was wrong, and says how one shows who one is.
func TestUnauthorized(t *testing.T) {
	t.Parallel()
	v := newVenue(t, false)
	mine := v.side("mine", false)
	path := bookingsPath + "/" + mine.booking
	nothing := v.do("GET", path, "")
	nothing.refused(http.StatusUnauthorized, "unauthorized")
	want := `Bearer realm="quantix", resource_metadata="https://tickets.example.com/.well-known/oauth-protected-resource"`
	if got := nothing.header.Get("WWW-Authenticate"); got != want {
		t.Errorf("WWW-Authenticate: %s", got)
	}
	unknown, _ := identity.NewKey()
	for _, shown := range []string{unknown, "qx_short", "no.such.token", "Basic dXNlcjpwYXNz"} {
		a := v.do("GET", path, "", "Authorization", "Bearer "+shown)
		a.refused(http.StatusUnauthorized, "unauthorized")
		if alike(a) != alike(nothing) {
			t.Errorf("%s is told apart:\n%s\n%s", shown, a.body, nothing.body)
		}
		if got := a.header.Get("WWW-Authenticate"); !strings.Contains(got, `error="invalid_token"`) {
			t.Errorf("WWW-Authenticate: %s", got)
		}
	}
	twice := v.do("GET", path, "", "Authorization", "Bearer "+v.as(models.RoleAdmin, mine), "Authorization", "Bearer x")
	twice.refused(http.StatusUnauthorized, "unauthorized")
	v.do("GET", identity.MetadataPath, "").want(http.StatusOK)
	v.do("POST", bookingsPath, `{"event_id":"`+mine.event+`","quantity":1,"user_id":"`+mine.customer+`"}`).
		refused(http.StatusUnauthorized, "unauthorized")
}

// The API's document says of each operation how one shows who one is, and who may; and that nobody is asked, where
// it is so.
func TestAccess_is_in_the_document(t *testing.T) {
	t.Parallel()
	type operation struct {
		ID        string                     `json:"operationId"`
		Security  []map[string][]string      `json:"security"`
		Roles     map[string]string          `json:"x-roles"`
		Responses map[string]json.RawMessage `json:"responses"`
	}
	type document struct {
		Security   []map[string][]string           `json:"security"`
		Paths      map[string]map[string]operation `json:"paths"`
		Components struct {
			Schemes map[string]struct{ Type, Scheme string } `json:"securitySchemes"`
		} `json:"components"`
	}
	nobody := []map[string][]string{{}}
	asking, open := newVenue(t, false), setup(t)
	for _, b := range []*bundle{asking.bundle, open} {
		d := read[document](b.do("GET", "/openapi.json", "").want(http.StatusOK))
		if scheme := d.Components.Schemes[bearer]; scheme.Type != "http" || scheme.Scheme != "bearer" {
			t.Errorf("the scheme is %+v", scheme)
		}
		if !reflect.DeepEqual(d.Security, nobody) {
			t.Errorf("of what says nothing else, the document asks for %v", d.Security)
		}
		seen := 0
		for _, methods := range d.Paths {
			for _, o := range methods {
				g, is := access[o.ID]
				var security []map[string][]string
				who := map[string]string{}
				if is {
					seen++
					security = []map[string][]string{{bearer: {}}}
				}
				if is && g.anonymous != none {
					security = append(nobody, security...)
				}
				for _, role := range roles {
					if reach := g.of(role); reach != none {
						who[string(role)] = string(reach)
					}
				}
				if b == open {
					security = nil
				}
				if !reflect.DeepEqual(o.Security, security) {
					t.Errorf("%s asks for %v, want %v", o.ID, o.Security, security)
				}
				if !maps.Equal(o.Roles, who) {
					t.Errorf("%s is for %v, want %v", o.ID, o.Roles, who)
				}
				if _, may := o.Responses["401"]; may != is {
					t.Errorf("%s says that it answers 401: %t", o.ID, may)
				}
			}
		}
		if want := len(access) - 1; seen != want { // metrics are no operation
			t.Errorf("%d operations with a row, want %d", seen, want)
		}
	}
}

// docs/security.md has the table as it is here.
func TestAccess_is_documented(t *testing.T) {
	t.Parallel()
	const file = "../../docs/security.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- matrix -->\n", "<!-- end of matrix -->"
	before, rest, found := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatal("docs/security.md has no place for the table")
	}
	want := before + begin + accessTable() + end + after
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("docs/security.md shows another table than access; write it anew with -update")
	}
}

// accessTable is access as Markdown, in the order of the addresses.
func accessTable() string {
	var lines []string
	for path, methods := range paths() {
		for method, o := range methods {
			if g, is := access[o.OperationID]; is {
				lines = append(lines, accessLine(strings.TrimPrefix(path, apiPath)+" "+strings.ToUpper(method), g))
			}
		}
	}
	slices.Sort(lines)
	head := "| Route |"
	for _, r := range roles {
		head += " " + string(r) + " |"
	}
	return head + "\n|" + strings.Repeat(" --- |", len(roles)+1) + "\n" + strings.Join(lines, "\n") + "\n" +
		accessLine("/metrics GET", access[readMetrics]) + "\n"
}

func accessLine(route string, g grants) string {
	path, method, _ := strings.Cut(route, " ")
	line := "| `" + path + "` " + method + " |"
	for _, r := range roles {
		line += " " + string(g.of(r)) + " |"
	}
	return line
}
