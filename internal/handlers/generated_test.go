package handlers

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
)

var (
	generatedRequests = flag.Int("contract.requests", 400, "how many requests to make of the document, for each store")
	generatedSeed     = flag.Uint64("contract.seed", 1, "which ones")
)

// Requests made of the document, as tools make them that test an API by its description alone: what the document allows
// is not refused (but for beyondSchema), what it does not allow is, and every answer is one that it tells of: its
// status, its content type, its schema and its code (checkDocument).
func TestContract_of_generated_requests(t *testing.T) {
	t.Parallel()
	stores := map[string]func(testing.TB) *bundle{
		"embedded": func(tb testing.TB) *bundle { return setup(tb) }, "PostgreSQL": setupPostgres,
	}
	for name, open := range stores {
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
	"body.name":           "spaces beyond ASCII are no name, and what turns text round is in none",
	"body.role":           "an admin's key has no organizer_id and no event_ids",
	"body.reason":         "spaces beyond ASCII are no reason",
	"query.kind":          "an open list, for letters that are still to come",
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

// one sends one request: mostly as the document says, or broken in one place, or by a method that the address does not
// know.
func (g *generator) one(i int) {
	o := pick(g, operations())
	method, path, _ := strings.Cut(o, " ")
	if strings.Contains(path, "{gateway}") || path == "/healthz" || path == "/readyz" || strings.HasSuffix(path, "/live") {
		return // signed, without anything to vary, or without an end
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
	if path == lettersPath+"/retry" {
		return // to every other method it is the address of a letter with a wrong id
	}
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"} {
		address := strings.NewReplacer("{id}", nobody, "{user_id}", nobody).Replace(path)
		if slices.Contains(g.methods[path], method) {
			continue
		}
		if a := g.do(method, address, ""); a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") == "" {
			g.t.Errorf("%s %s: %d, Allow: %s", method, address, a.status, a.header.Get("Allow"))
		}
	}
}
