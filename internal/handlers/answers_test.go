package handlers

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"quantix/internal/models"
)

// Every exchange of every test is held against the document (checkDocument), the code of a problem too. These tests
// bring about the answers that the others do not.

// stall is a shop with one of everything, so that each operation has something to work on.
type stall struct {
	*bundle
	event   eventJSON
	user    userJSON
	booking bookingJSON
	letter  string
}

func newStall(t *testing.T) stall {
	t.Helper()
	b := setup(t)
	s := stall{bundle: b, event: b.event(9), user: b.user("john@example.com")}
	failed := b.book(s.event.ID, s.user.ID, 1)
	b.giveUp(failed, models.OutcomeUnavailable)
	s.letter = read[[]struct{ ID string }](b.do("GET", lettersPath, "").want(http.StatusOK))[0].ID
	s.booking = b.book(s.event.ID, s.user.ID, 2)
	return s
}

// request returns an operation's address and a body that it takes.
func (s stall) request(o string) (method, path, body string) {
	method, path, _ = strings.Cut(o, " ")
	id := s.event.ID
	switch {
	case strings.HasPrefix(path, usersPath):
		id, body = s.user.ID, `{"name":"Jane Doe","email":"jane@example.com"}`
	case strings.HasPrefix(path, bookingsPath):
		id, body = s.booking.ID, s.bookText(s.event.ID, s.user.ID, 1)
	case strings.HasPrefix(path, lettersPath):
		id = s.letter
	case path == eventsPath:
		body = `{"name":"Concert","date_time":"2026-12-31T20:00:00Z","total_tickets":5,"ticket_price":75.50}`
	default:
		body = `{"name":"Concert"}`
	}
	if method == "GET" || method == "DELETE" || strings.HasSuffix(path, "/cancel") || strings.HasSuffix(path, "/retry") {
		body = ""
	}
	return method, strings.NewReplacer("{id}", id, "{user_id}", s.user.ID, "{gateway}", "simulated").Replace(path), body
}

// What check and the query's reader refuse, they refuse on every route.
func TestDocument_tells_what_every_operation_refuses(t *testing.T) {
	t.Parallel()
	s := newStall(t)
	for _, o := range operations() {
		method, path, body := s.request(o)
		if !strings.Contains(o, "{gateway}") {
			s.do(method, path+"?nonsense=1", body).want(http.StatusBadRequest)
		}
		if method == "GET" {
			continue
		}
		s.do(method, path, body, "Sec-Fetch-Site", "cross-site").refused(http.StatusForbidden, "cross_origin")
		if method == "DELETE" || strings.Contains(o, "{gateway}") {
			continue
		}
		s.do(method, path, "<x/>", "Content-Type", "text/xml").refused(http.StatusUnsupportedMediaType, "unsupported_media_type")
		s.do(method, path, strings.Repeat(" ", maxBody+1)).refused(http.StatusRequestEntityTooLarge, "body_too_large")
	}
}

// A server that stops refuses what waits at its desks.
func TestDocument_tells_what_a_stopping_server_answers(t *testing.T) {
	t.Parallel()
	s := newStall(t)
	_ = s.office.Close(t.Context())
	var stopping []string
	for _, o := range operations() {
		method, path, body := s.request(o)
		if a := s.do(method, path, body); a.status == http.StatusServiceUnavailable && a.checkProblem().Code == "shutting_down" {
			stopping = append(stopping, o)
		}
	}
	for _, o := range []string{
		"POST " + bookingsPath, "PUT " + bookingsPath + "/{id}/cancel", "PUT " + eventsPath + "/{id}", "DELETE " + eventsPath + "/{id}",
		"POST " + eventsPath + "/{id}/cancel", "POST " + lettersPath + "/{id}/retry", "DELETE " + lettersPath + "/{id}",
	} {
		if !slices.Contains(stopping, o) {
			t.Errorf("%s was not refused; those were: %v", o, stopping)
		}
	}
}

// A store that is gone makes every operation fail that needs it.
func TestDocument_tells_what_is_answered_without_a_store(t *testing.T) {
	t.Parallel()
	s := newStall(t)
	_ = s.store.Close()
	failed := 0
	for _, o := range operations() {
		method, path, body := s.request(o)
		if a := s.do(method, path, body); a.status >= 500 {
			failed++
		}
	}
	if failed < 10 {
		t.Errorf("only %d operations failed", failed)
	}
}

// Every member that the domain adds to a problem is in the document; they are read from the source.
func TestProblem_members_are_documented(t *testing.T) {
	t.Parallel()
	problem, _ := component(t, "Problem")["properties"].(map[string]any)
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			method, isMethod := call.Fun.(*ast.SelectorExpr)
			member, isText := call.Args[0].(*ast.BasicLit)
			if !isMethod || !isText || method.Sel.Name != "Attr" {
				return true
			}
			found++
			if problem[strings.Trim(member.Value, `"`)] == nil {
				t.Errorf("the document lacks the member %s of problems, which %s adds", member.Value, name)
			}
			return true
		})
	}
	if found < 8 {
		t.Errorf("found only %d members in the source", found)
	}
}

// component returns a schema of the document.
func component(t *testing.T, name string) map[string]any {
	t.Helper()
	text, _ := document()
	var d struct {
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Components.Schemas[name] == nil {
		t.Fatalf("the document has no schema %s", name)
	}
	return d.Components.Schemas[name]
}

// Generated clients have one type for each enum, no null among its values, and no number of 32 bits.
func TestDocument_makes_sound_types(t *testing.T) {
	t.Parallel()
	text, _ := document()
	var d any
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	enums, doubles := map[string]string{}, 0
	visit(d, "#", func(place string, schema map[string]any) {
		if kind := schema["type"]; kind == "number" || isOneOf(kind, "number") {
			doubles++
			if schema["format"] != "double" {
				t.Errorf("%s is a number whose format is %v: some generators keep it in 32 bits", place, schema["format"])
			}
		}
		values, _ := schema["enum"].([]any)
		if values == nil {
			return
		}
		if slices.Contains(values, nil) {
			t.Errorf("%s has null among its values: some generators make a constant of it", place)
		}
		names := map[string]bool{} // Python's generator makes capitals of them
		for _, value := range values {
			text, _ := value.(string)
			if name := strings.ToUpper(text); !regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`).MatchString(name) || names[name] {
				t.Errorf("%s: %v makes no constant of its own", place, value)
			} else {
				names[name] = true
			}
		}
		key, _ := json.Marshal(values)
		if other, twice := enums[string(key)]; twice {
			t.Errorf("%s and %s are the same enum", place, other)
		}
		enums[string(key)] = place
	})
	for _, name := range []string{"BookingStatus", "CancelReason", "PaymentStatus", "PaymentKind", "DeadLetterKind", "ErrorCode"} {
		component(t, name)
	}
	if doubles < 10 || len(enums) < 8 {
		t.Errorf("found only %d amounts and %d enums", doubles, len(enums))
	}
}

func isOneOf(kinds any, kind string) bool {
	list, _ := kinds.([]any)
	return slices.Contains(list, any(kind))
}

// visit calls f for every object in a JSON value, examples left out.
func visit(v any, place string, f func(string, map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		f(place, v)
		for name, member := range v {
			if name != "examples" && name != "example" {
				visit(member, place+"/"+name, f)
			}
		}
	case []any:
		for _, item := range v {
			visit(item, place, f)
		}
	}
}

// What people and tools look for in a document is there.
func TestDocument_is_complete(t *testing.T) {
	t.Parallel()
	text, _ := document()
	var d struct {
		Info struct {
			Contact, License *struct{ Name string }
		}
		Servers []struct{ URL string }
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	if d.Info.Contact == nil || d.Info.License == nil || len(d.Servers) != 1 || d.Servers[0].URL != "/" {
		t.Errorf("contact %v, licence %v, servers %v", d.Info.Contact, d.Info.License, d.Servers)
	}
	byID := map[string]*operationJSON{}
	for _, methods := range paths() {
		for _, o := range methods {
			byID[o.OperationID] = o
			if o.Description == "" {
				t.Errorf("%s has no description", o.OperationID)
			}
		}
	}
	for id, o := range byID {
		created, isCreation := o.Responses["201"]
		if isCreation && len(created.Links) == 0 {
			t.Errorf("%s links to nothing", id)
		}
		for _, response := range o.Responses {
			for name, l := range response.Links {
				for parameter := range l.Parameters {
					if target := byID[l.OperationID]; target == nil || !slices.ContainsFunc(target.Parameters, func(p struct{ Name, In string }) bool { return p.Name == parameter }) {
						t.Errorf("the link %s of %s leads to %s, which has no parameter %s", name, id, l.OperationID, parameter)
					}
				}
			}
		}
	}
}
