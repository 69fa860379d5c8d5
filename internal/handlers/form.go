package handlers

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
	"quantix/internal/strictjson"
)

// A form is a request's JSON object on its way into a wire type. Reading it collects what is wrong instead of stopping
// at the first fault, so that a client learns everything at once.
type form struct {
	members []strictjson.Member
	fields  []models.FieldError
}

// presence says what a field may leave out.
type presence bool

const (
	required presence = true
	optional presence = false
)

// decode reads a body strictly into a wire type. Errors: errMalformedJSON, models.ErrInvalid.
func decode(data []byte, into interface{ read(*form) }) error {
	f, _ := forms.Get().(*form) // the pool holds nothing else
	defer f.release()
	members, err := strictjson.ReadObject(data, f.members)
	if err != nil {
		return errMalformedJSON.Say("The body is not JSON that can be read: %s.", err)
	}
	f.members = members
	into.read(f)
	f.refuseUnknown()
	if len(f.fields) == 0 {
		return nil
	}
	err = models.Invalid(f.fields)
	if j, is := into.(ruleChecker); is {
		return models.AlsoInvalid(err, j.checkRules())
	}
	return err
}

// A ruleChecker wire type can say what the rules have against the fields that could be read. It is asked only when
// others could not be: what is whole is ruleChecker by those who use it.
type ruleChecker interface{ checkRules() error }

// forms are kept for the next body: every booking needs one.
var forms = sync.Pool{New: func() any { return new(form) }}

// release forgets the body, and gives the form back unless a freak body has made it large.
func (f *form) release() {
	const usual = 64
	clear(f.members)
	f.members, f.fields = f.members[:0], nil
	if cap(f.members) <= usual {
		forms.Put(f)
	}
}

// body lets huma read a request's body by decode, and documents it by the wire type T.
type body[T any, P interface {
	*T
	read(*form)
}] struct {
	Value T
	err   error
}

func (b *body[T, P]) decode(data []byte) { b.err = decode(data, P(&b.Value)) }

// Resolve returns huma what was wrong with the body.
func (b *body[T, P]) Resolve(huma.Context) []error {
	if b.err == nil {
		return nil
	}
	return []error{b.err}
}

// Schema is the wire type's.
func (b *body[T, P]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

func (f *form) refuse(name, message string, value any) {
	f.fields = append(f.fields, models.FieldError{Field: name, Message: message, Value: value})
}

// refuseUnknown names the fields that nobody has read: a typing error must not pass for a default.
func (f *form) refuseUnknown() {
	for i := range f.members {
		if !f.members[i].Used {
			f.refuse("body."+clip(string(f.members[i].Name)), "is not a known field here", nil)
		}
	}
}

// ignore accepts fields that a client got from us and sends back, such as id.
func (f *form) ignore(names ...string) {
	for _, name := range names {
		f.find(name)
	}
}

func (f *form) find(name string) ([]byte, bool) {
	for i := range f.members {
		if m := &f.members[i]; string(m.Name) == name {
			m.Used = true
			return m.Raw, true
		}
	}
	return nil, false
}

// value returns a field's text; false when it is absent or null, which is a fault of its own unless allowed.
func (f *form) value(name string, p presence) ([]byte, bool) {
	raw, present := f.find(name)
	switch {
	case !present && p == required:
		f.refuse(name, "is required", nil)
	case present && isNull(raw):
		f.refuse(name, "must not be null", nil)
		return nil, false
	}
	return raw, present
}

func isNull(raw []byte) bool { return raw[0] == 'n' }

// text reads a string.
func (f *form) text(name string, p presence) (string, bool) {
	text, ok := f.bytes(name, p)
	return string(text), ok
}

// bytes reads a string, and copies it only if it holds escapes.
func (f *form) bytes(name string, p presence) ([]byte, bool) {
	raw, ok := f.value(name, p)
	if !ok {
		return nil, false
	}
	if raw[0] != '"' {
		f.refuse(name, "must be a text", echo(raw))
		return nil, false
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		return []byte(strictjson.Unquote(raw)), true
	}
	return raw[1 : len(raw)-1], true
}

// What is said of values that cannot be read, of fields and parameters alike; of times errNoInstant.
const (
	noInteger = "must be a whole number, such as 2"
	noID      = "must be a UUID"
)

// integer reads a whole number, written as JSON's numbers may be: 1.0 and 1e3 are whole, "3" is a text.
func (f *form) integer(name string, p presence) (int64, bool) {
	raw, ok := f.value(name, p)
	if !ok {
		return 0, false
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil { // as nearly all are written
		return n, true
	}
	n, inRange, err := models.ParseWhole(string(raw))
	switch {
	case !inRange:
		f.refuse(name, "is out of range", echo(raw))
	case err != nil:
		f.refuse(name, noInteger, echo(raw))
	}
	return n, inRange && err == nil
}

// instant reads an RFC 3339 time; without an offset from UTC it names no instant and is refused.
func (f *form) instant(name string, p presence) (instant, bool) {
	text, ok := f.text(name, p)
	if !ok {
		return instant{}, false
	}
	t, err := parseInstant(text)
	if err != nil {
		f.refuse(name, err.Error(), clip(text))
		return instant{}, false
	}
	return instant{t}, true
}

// clearable reads a time that null takes away; present reports whether anything was sent.
func (f *form) clearable(name string) (t instant, present bool) {
	if raw, sent := f.find(name); sent && isNull(raw) {
		return instant{}, true
	}
	return f.instant(name, optional)
}

// textOrNull reads a text that null takes away; present reports whether anything was sent.
func (f *form) textOrNull(name string) (text string, present bool) {
	if raw, sent := f.find(name); sent && isNull(raw) {
		return "", true
	}
	return f.text(name, optional)
}

// names reads a list of names, each one of those that are known.
func names[S ~string](f *form, name string, known []S) []S {
	raw, ok := f.value(name, optional)
	if !ok {
		return nil
	}
	var list []S
	if raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		f.refuse(name, "must be a list of names", echo(raw))
		return nil
	}
	for _, item := range list {
		if !slices.Contains(known, item) {
			f.refuse(name, "must name one of "+join(known), clip(string(item)))
			return nil
		}
	}
	return list
}

func join[S ~string](values []S) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// decimal reads an exact decimal: a number as it was written, or a string that holds one.
func (f *form) decimal(name string, p presence) (string, bool) {
	raw, ok := f.value(name, p)
	switch {
	case !ok:
		return "", false
	case raw[0] == '-' || isDigit(raw[0]):
		return string(raw), true
	case raw[0] == '"':
		return f.text(name, p)
	}
	f.refuse(name, "must be a decimal number, such as 75.50", echo(raw))
	return "", false
}

// currency reads an ISO 4217 code.
func (f *form) currency(name string, p presence) (models.Currency, bool) {
	code, ok := f.text(name, p)
	if !ok {
		return "", false
	}
	currency, err := models.ParseCurrency(code)
	if err != nil {
		f.refuse(name, err.Error(), nil)
		return "", false
	}
	return currency, true
}

// readID reads a UUID.
func readID[I ~[16]byte](f *form, name string, p presence) I {
	var zero I
	text, ok := f.bytes(name, p)
	if !ok {
		return zero
	}
	id, err := models.ParseID[I](text)
	if err != nil {
		f.refuse(name, noID, clip(string(text)))
	}
	return id
}

// readIDs reads a list of UUIDs that may be absent or null.
func readIDs[I ~[16]byte](f *form, name string, most int) []I {
	raw, sent := f.find(name)
	if !sent || isNull(raw) {
		return nil
	}
	var texts []string
	if raw[0] != '[' || json.Unmarshal(raw, &texts) != nil {
		f.refuse(name, "must be a list of UUIDs", echo(raw))
		return nil
	}
	if len(texts) == 0 || len(texts) > most {
		f.refuse(name, "must have 1 to "+strconv.Itoa(most)+" entries, or be null", nil)
		return nil
	}
	ids := make([]I, 0, len(texts))
	for _, text := range texts {
		id, err := models.ParseID[I](text)
		if err != nil {
			f.refuse(name, noID, clip(text))
			return nil
		}
		ids = append(ids, id)
	}
	return ids
}

// optional turns a value that may be absent into a pointer, as patches want it.
func ifSent[T any](value T, ok bool) *T {
	if !ok {
		return nil
	}
	return &value
}

// echo repeats what was sent, where it is short.
func echo(raw []byte) any {
	const short = 64
	if len(raw) > short {
		return nil
	}
	return json.RawMessage(bytes.Clone(raw)) // the body's buffer is used again before the answer is written
}

// clip shortens text from outside before it is repeated.
func clip(text string) string { return models.Clip(text, 64) }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
