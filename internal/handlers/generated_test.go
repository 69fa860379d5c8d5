package handlers

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	generatedRequests = flag.Int("contract.requests", 400, "how many requests to make of the document, for each store")
	generatedSeed     = flag.Uint64("contract.seed", 1, "which ones")
)

// Requests made of the document, as tools make them that test an API by its description alone: what the document allows is
// not refused (but for beyondSchema), what it does not allow is, and every answer is one that it tells of: its status, its
// content type, its schema and its code (checkDocument).
func TestContract_of_generated_requests(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *bundle{"embedded": func(tb testing.TB) *bundle { return setup(tb) }, "PostgreSQL": setupPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGenerator(t, open(t))
			for i := range *generatedRequests {
				if g.one(i); t.Failed() {
					t.Fatalf("request %d of -contract.seed %d", i, *generatedSeed)
				}
			}
			if g.accepted == 0 || g.refused == 0 {
				t.Errorf("%d requests were accepted, %d refused", g.accepted, g.refused)
			}
		})
	}
}

// beyondSchema is what a request may be refused for although the document allows it, each with the reason.
var beyondSchema = map[string]string{
	"body.ticket_price":   "how many decimals it may have, and how large it may be, depends on the currency and on total_tickets",
	"body.currency":       "the list of currencies is ISO's; the document has its pattern",
	"body.payment_method": "which there are depends on the gateway",
	"body.quantity":       "how many one booking may have is a setting",
	"body.clear":          "names a field that is sent as well",
	"body.date_time":      "the calendar: no February 30; and the year 1900 begins in UTC",
	"body.sales_end":      "as date_time",
	"body.time_zone":      "the list of time zones is IANA's; the document has its characters",
	"body.email":          "format: email means as many things as there are readers of it",
	"body.name":           "spaces beyond ASCII are no name",
	"query.q":             "450 bytes of UTF-8 are fewer characters beyond ASCII",
	"query.from":          "as date_time",
	"query.to":            "as date_time",
}

// nobody is an id that nothing has.
const nobody = "0190a000-0000-7000-8000-000000000000"

type generator struct {
	*bundle
	t       *testing.T
	rnd     *rand.Rand
	root    map[string]any
	ids     map[string][]string // by the place that they belong to
	methods map[string][]string // by path

	accepted, refused int
}

func newGenerator(t *testing.T, b *bundle) *generator {
	text, _ := document()
	g := &generator{bundle: b, t: t, rnd: rand.New(rand.NewPCG(*generatedSeed, 0)), ids: map[string][]string{}, methods: map[string][]string{}}
	if err := json.Unmarshal(text, &g.root); err != nil {
		t.Fatal(err)
	}
	for _, o := range operations() {
		method, path, _ := strings.Cut(o, " ")
		g.methods[path] = append(g.methods[path], method)
	}
	user := b.user("first@example.com")
	for range 2 {
		e := b.event(50)
		g.ids["event"] = append(g.ids["event"], e.ID)
		g.ids["booking"] = append(g.ids["booking"], b.book(e.ID, user.ID, 1).ID)
	}
	g.ids["user"] = []string{user.ID}
	return g
}

// at follows names through the document.
func (g *generator) at(names ...string) map[string]any {
	here := g.root
	for _, name := range names {
		here, _ = here[name].(map[string]any)
	}
	return g.resolve(here)
}

func (g *generator) resolve(s map[string]any) map[string]any {
	for {
		ref, is := s["$ref"].(string)
		if !is {
			return s
		}
		s = g.root
		for name := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			s, _ = s[name].(map[string]any)
		}
	}
}

func (g *generator) chance(percent int) bool { return g.rnd.IntN(100) < percent }

func pick[T any](g *generator, list []T) T { return list[g.rnd.IntN(len(list))] }

// one sends one request: mostly as the document says, or broken in one place, or by a method that the address does not know.
func (g *generator) one(i int) {
	o := pick(g, operations())
	method, path, _ := strings.Cut(o, " ")
	if strings.Contains(path, "{gateway}") || path == "/healthz" || path == "/readyz" {
		return // signed, or without anything to vary
	}
	if i%20 == 0 {
		g.unknownMethod(path)
		return
	}
	r := g.request(method, path)
	broken := ""
	if g.chance(50) {
		broken = g.breakOne(&r)
	}
	a := g.do(method, r.address(), r.text(), r.headers...)
	switch {
	case a.status >= 500:
		g.t.Errorf("%s %s: %d %s", a.request, r.text(), a.status, a.body)
	case broken != "" && a.status < 400:
		g.t.Errorf("%s %s (%s) was accepted with %d", a.request, r.text(), broken, a.status)
	case broken == "" && a.status == http.StatusBadRequest:
		g.mayRefuse(a, r)
	}
	if a.status < 300 {
		g.accepted++
	} else {
		g.refused++
	}
	g.remember(path, a)
}

// mayRefuse fails unless the refusal is one that no schema could have told of.
func (g *generator) mayRefuse(a *answer, r request) {
	p := a.checkProblem()
	if p.Code == "invalid_cursor" {
		return // only one that a list gave is one
	}
	for _, e := range p.Errors {
		if beyondSchema[e.Location] == "" {
			g.t.Errorf("%s %s: the document allows %s, but: %s", a.request, r.text(), e.Location, e.Message)
		}
	}
	if len(p.Errors) == 0 {
		g.t.Errorf("%s %s: the document allows it: %s", a.request, r.text(), a.body)
	}
}

// remember keeps the ids of what was made, to be met again.
func (g *generator) remember(path string, a *answer) {
	if a.status != http.StatusCreated {
		return
	}
	id := read[struct{ ID string }](a).ID
	for kind, at := range map[string]string{"event": eventsPath, "user": usersPath, "booking": bookingsPath} {
		if path == at {
			g.ids[kind] = append(g.ids[kind], id)
		}
	}
}

func (g *generator) unknownMethod(path string) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} {
		address := strings.NewReplacer("{id}", nobody, "{user_id}", nobody).Replace(path)
		if !slices.Contains(g.methods[path], method) && !slices.Contains(g.methods[address], method) {
			if a := g.do(method, address, ""); a.status != http.StatusMethodNotAllowed && a.status != http.StatusNotFound || a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				g.t.Errorf("%s %s: %d, Allow: %s", method, address, a.status, a.header.Get("Allow"))
			}
		}
	}
}

// A request, still in parts.
type request struct {
	operation map[string]any
	path      string
	ids       map[string]string
	query     url.Values
	headers   []string
	body      map[string]any // nil: none
	schema    map[string]any // of the body
}

func (r request) address() string {
	path := r.path
	for name, id := range r.ids {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(id))
	}
	if len(r.query) > 0 {
		path += "?" + r.query.Encode()
	}
	return path
}

func (r request) text() string {
	if r.body == nil {
		return ""
	}
	text, _ := json.Marshal(r.body)
	return string(text)
}

func (g *generator) request(method, path string) request {
	r := request{operation: g.at("paths", path, strings.ToLower(method)), path: path, ids: map[string]string{}, query: url.Values{}}
	parameters, _ := r.operation["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		name, schema := p["name"].(string), p["schema"].(map[string]any)
		switch {
		case p["in"] == "path":
			r.ids[name] = g.id(kindOf(path, name))
		case g.chance(60):
		case p["in"] == "query":
			if value := fmt.Sprint(g.value(schema, name)); value != "" {
				r.query.Set(name, value)
			}
		case p["in"] == "header":
			if value := g.value(schema, name).(string); value != "" {
				r.headers = append(r.headers, name, value)
			}
		}
	}
	if schema := g.at("paths", path, strings.ToLower(method), "requestBody", "content", "application/json", "schema"); schema != nil {
		r.schema = schema
		r.body = g.object(schema)
	}
	return r
}

func kindOf(path, parameter string) string {
	switch {
	case parameter == "user_id" || strings.HasPrefix(path, usersPath):
		return "user"
	case strings.HasPrefix(path, bookingsPath):
		return "booking"
	case strings.HasPrefix(path, eventsPath):
		return "event"
	}
	return "letter"
}

func (g *generator) id(kind string) string {
	if list := g.ids[kind]; len(list) > 0 && g.chance(85) {
		return pick(g, list)
	}
	return nobody
}

func (g *generator) object(schema map[string]any) map[string]any {
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	object := map[string]any{}
	for name, property := range properties {
		if slices.Contains(required, any(name)) || g.chance(30) {
			object[name] = g.value(property.(map[string]any), name)
		}
	}
	return object
}

// value makes a value that the schema allows.
func (g *generator) value(schema map[string]any, name string) any {
	s := g.resolve(schema)
	for _, choice := range []string{"anyOf", "oneOf"} {
		if list, is := s[choice].([]any); is {
			return g.value(pick(g, list).(map[string]any), name)
		}
	}
	if values, is := s["enum"].([]any); is {
		return pick(g, values)
	}
	kind, _ := s["type"].(string)
	if kinds, is := s["type"].([]any); is {
		kind = pick(g, kinds).(string)
	}
	switch kind {
	case "null":
		return nil
	case "string":
		return g.string(s, name)
	case "integer":
		return json.Number(pick(g, []string{fmt.Sprint(g.integer(s)), fmt.Sprint(number(s, "minimum", 1))}))
	case "number":
		return json.Number(fmt.Sprintf("%.*f", g.rnd.IntN(4), g.rnd.Float64()*1000))
	case "array":
		return []any{g.value(s["items"].(map[string]any), name)}
	case "object":
		return g.object(s)
	}
	return "anything"
}

func number(s map[string]any, name string, otherwise float64) int64 {
	if n, is := s[name].(float64); is {
		return int64(n)
	}
	return int64(otherwise)
}

// integer is small mostly, so that something is sold.
func (g *generator) integer(s map[string]any) int64 {
	least, most := number(s, "minimum", 0), number(s, "maximum", 1<<31)
	if g.chance(80) {
		most = min(most, least+20)
	}
	return least + g.rnd.Int64N(most-least+1)
}

func (g *generator) string(s map[string]any, name string) string {
	switch s["format"] {
	case "uuid":
		return g.id(strings.TrimSuffix(name, "_id"))
	case "date-time":
		at := today.Add(time.Duration(g.rnd.Int64N(int64(20*365*24*time.Hour))) - 5*365*24*time.Hour)
		return at.In(time.FixedZone("", g.rnd.IntN(27*3600)-13*3600)).Format("2006-01-02T15:04:05Z07:00")
	case "email":
		return fmt.Sprintf("user%d@example.com", g.rnd.IntN(1000))
	}
	if name == "payment_method" && g.chance(80) {
		return "sim_ok"
	}
	if name == "currency" && g.chance(80) {
		return pick(g, []string{"USD", "JPY", "KWD"})
	}
	pattern, _ := s["pattern"].(string)
	if pattern == "" {
		pattern = `[ -~é演🎫]*`
	}
	least, most := int(number(s, "minLength", 0)), int(number(s, "maxLength", 200))
	texts := rapid.StringMatching(pattern)
	for range 50 {
		if text := texts.Example(int(g.rnd.Uint32())); len(text) >= least && len(text) <= most {
			return text
		}
	}
	return strings.Repeat("x", least)
}

// breakOne makes the request one that the document does not allow, and tells how.
func (g *generator) breakOne(r *request) string {
	var ways []string
	if len(r.ids) > 0 {
		ways = append(ways, "path")
	}
	if r.body != nil {
		ways = append(ways, "body", "body", "body", "member")
	}
	ways = append(ways, "query")
	switch pick(g, ways) {
	case "path":
		for name := range r.ids {
			r.ids[name] = pick(g, []string{"x", "0", "%00", nobody + "0", "null"})
		}
		return "an id that is none"
	case "member":
		r.body["no such field"] = 1
		return "an unknown field"
	case "body":
		return g.breakBody(r)
	}
	return g.breakQuery(r)
}

func (g *generator) breakQuery(r *request) string {
	parameters, _ := r.operation["parameters"].([]any)
	for _, p := range parameters {
		p := p.(map[string]any)
		if p["in"] != "query" || g.chance(50) {
			continue
		}
		name := p["name"].(string)
		values := []string{""}
		if bad := g.bad(p["schema"].(map[string]any), true); len(bad) > 0 {
			values = append(values, fmt.Sprint(pick(g, bad)))
		}
		r.query.Set(name, pick(g, values))
		if g.chance(20) {
			r.query[name] = []string{"1", "1"}
		}
		return "the parameter " + name
	}
	r.query.Set("nonsense", "1")
	return "an unknown parameter"
}

func (g *generator) breakBody(r *request) string {
	properties, _ := r.schema["properties"].(map[string]any)
	required, _ := r.schema["required"].([]any)
	if len(required) > 0 && g.chance(30) {
		name := pick(g, required).(string)
		delete(r.body, name)
		return "without " + name
	}
	for name, property := range properties {
		if bad := g.bad(property.(map[string]any), false); len(bad) > 0 {
			r.body[name] = pick(g, bad)
			return "the field " + name
		}
	}
	r.body["no such field"] = 1
	return "an unknown field"
}

// bad gives values that the schema does not allow; none where it allows everything.
func (g *generator) bad(schema map[string]any, asText bool) []any {
	s := g.resolve(schema)
	kinds, _ := s["type"].([]any)
	kind, _ := s["type"].(string)
	if len(kinds) == 2 {
		kind = kinds[0].(string)
	}
	var bad []any
	if _, choice := s["oneOf"]; choice {
		return []any{true, nil, -1, "abc", "", []any{1}, strings.Repeat("1", 61), json.Number("1e15"), json.Number("1e41")}
	}
	if _, closed := s["enum"]; closed {
		bad = append(bad, "nonsense")
	}
	switch kind {
	case "integer":
		bad = append(bad, json.Number("1.5"), "x")
		if _, bounded := s["minimum"]; bounded {
			bad = append(bad, number(s, "minimum", 0)-1)
		}
		if _, bounded := s["maximum"]; bounded {
			bad = append(bad, number(s, "maximum", 0)+1)
		}
	case "string":
		if most := number(s, "maxLength", 0); most > 0 {
			bad = append(bad, strings.Repeat("x", int(most)+1))
		}
		if s["format"] == "uuid" || s["format"] == "date-time" || s["format"] == "email" {
			bad = append(bad, "nonsense", "0001-01-01T00:00:00Z", "2035-12-31T20:00:00+24:00")
		}
		if !asText {
			bad = append(bad, 7, true, map[string]any{})
		}
	case "array":
		bad = append(bad, "sales_end", 1, []any{"nonsense"})
	}
	if kind != "" && len(kinds) == 0 && !asText {
		bad = append(bad, nil)
	}
	return bad
}
