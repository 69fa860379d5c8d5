package handlers

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

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
		p, _ := p.(map[string]any)
		name, _ := p["name"].(string)
		schema, _ := p["schema"].(map[string]any)
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

// bad returns values that the schema does not allow; none where it allows everything.
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
