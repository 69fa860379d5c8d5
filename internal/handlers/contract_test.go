package handlers

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"quantix/internal/limits"
	"quantix/internal/models"
)

// Every route of the API is in the document, and every operation of the document has a route.
func TestDocument_has_every_route(t *testing.T) {
	t.Parallel()
	var routes []string
	for _, r := range newTestServer(t, Deps{}).router.Routes() {
		if r.Method == http.MethodHead || !strings.HasPrefix(r.Path, apiPath) && r.Path != "/healthz" && r.Path != "/readyz" {
			continue
		}
		parts := strings.Split(r.Path, "/")
		for i, part := range parts {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				parts[i] = "{" + name + "}"
			}
		}
		routes = append(routes, r.Method+" "+strings.Join(parts, "/"))
	}
	slices.Sort(routes)
	if got := operations(); !slices.Equal(routes, got) {
		t.Errorf("routes:   %v\ndocument: %v", routes, got)
	}
}

func TestDocument_is_valid(t *testing.T) {
	t.Parallel()
	text, v := document()
	if ok, errs := v.ValidateDocument(); !ok {
		t.Errorf("the document is not OpenAPI 3.1: %v", errs[0])
	}
	if *documentFile != "" {
		if err := os.WriteFile(*documentFile, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Bad input is a 400 here; 422 is for an Idempotency-Key used again, and only bookings have one.
	if n := strings.Count(string(text), `"422":`); n != 1 {
		t.Errorf("422 is documented %d times, want once", n)
	}
}

func TestStatuses_cover_every_kind(t *testing.T) {
	t.Parallel()
	want := map[models.Kind]int{
		models.KindInvalid: 400, models.KindNotFound: 404, models.KindConflict: 409, models.KindGone: 410, models.KindPrecondition: 412,
		models.KindUnprocessed: 422, models.KindLimited: 429, models.KindUnavailable: 503, models.KindInternal: 500,
		models.KindUnauthorized: 401, models.KindForbidden: 403,
	}
	for _, kind := range models.Kinds {
		if statuses[kind] != want[kind] || want[kind] == 0 {
			t.Errorf("%s has the status %d, want %d", kind, statuses[kind], want[kind])
		}
	}
	if len(statuses) != len(models.Kinds) {
		t.Errorf("%d kinds have a status, there are %d", len(statuses), len(models.Kinds))
	}
}

// The list of codes must hold every error that the domain declares; it is read from the source, so that none is
// forgotten.
func TestProblemTypes_are_complete(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../models/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range problemTypes {
		known[e.Code] = true
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		field, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		name, isName := field.Key.(*ast.Ident)
		if literal, isText := field.Value.(*ast.BasicLit); isName && isText && name.Name == "Code" {
			declared++
			if code := strings.Trim(literal.Value, `"`); !known[code] {
				t.Errorf("problemTypes lacks %s", code)
			}
		}
		return true
	})
	if declared < 20 {
		t.Errorf("found only %d codes in the source", declared)
	}
}

// One golden answer for each code, as the writer that all routes share gives it.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, e := range problemTypes {
		t.Run(e.Code, func(t *testing.T) {
			t.Parallel()
			sample := e
			switch e.Code {
			case "sold_out", "insufficient_tickets":
				sample = e.Attr("available", int64(3))
			case "capacity_below_taken":
				sample = e.Attr("taken", int64(6)).Attr("sold", int64(4)).Attr("held", int64(2))
			case "already_cancelled":
				sample = e.Attr("cancel_reason", "expired")
			case "feed_gone":
				sample = e.Attr("first_seq", int64(8))
			case "feed_ahead":
				sample = e.Attr("last_seq", int64(7))
			case "invalid_request":
				sample = e.With(nil)
				sample.Fields = []models.FieldError{
					{Field: "body.quantity", Message: "must be between 1 and 100", Value: int64(0)},
					{Field: "query.q", Message: "<b> & \"é\""},
				}
			case "rate_limited":
				limited := *refusals[limits.Bookings]
				limited.RetryAfter = 2001 * time.Millisecond // which is three seconds for a client
				sample = &limited
			case "internal", "unavailable":
				sample = e.With(errSecret)
			}
			s := newTestServer(t, Deps{})
			s.router.GET("/fails", func(c *gin.Context) { writeProblem(c, sample) })
			a := send(t, s, "GET", "/fails", "", requestIDHeader, "test-1")
			a.golden("problem_" + e.Code)
			if strings.Contains(string(a.body), errSecret.Error()) {
				t.Error("the cause has left the house")
			}
			explained := send(t, s, "GET", a.checkProblem().Type, "").want(http.StatusOK)
			if p := read[problemType](explained); p.Code != e.Code || p.Status != a.status || p.Type != problemPath+e.Code {
				t.Errorf("explained as %+v", p)
			}
		})
	}
	s := newTestServer(t, Deps{})
	if all := read[[]problemType](send(t, s, "GET", "/problems", "").want(http.StatusOK)); len(all) != len(problemTypes) {
		t.Errorf("%d codes are listed", len(all))
	}
	send(t, s, "GET", "/problems/nonsense", "").refused(http.StatusNotFound, "route_not_found")
}

// Text that is no ASCII, or not even UTF-8, must stay JSON.
func FuzzAppendText(f *testing.F) {
	for _, text := range []string{"", "plain", "é\"\\", "\x00\x7f\xff", "<script>&\u2028"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want string
		quoted, _ := json.Marshal(text)
		if err := json.Unmarshal(quoted, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(appendText(nil, text), &got); err != nil || got != want {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}
