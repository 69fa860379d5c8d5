// Package strictjson reads a JSON object more strictly than encoding/json does.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"quantix/internal/models"
)

// MaxDepth is how many objects and arrays may lie inside one another.
const MaxDepth = 32

// A Member is one name of a JSON object with its value as it was sent.
type Member struct {
	Name []byte // without quotes and escapes
	Raw  []byte // a valid JSON value without space around it
	Used bool   // for its reader: false
}

// ReadObject reads a JSON object more strictly than encoding/json does: a name may not come twice (at any depth),
// nothing may follow, text must be valid UTF-8, and names keep their case. Two readers of the same bytes must not see
// two different requests. It appends to members, which may be nil.
func ReadObject(data []byte, members []Member) ([]Member, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the body is not valid UTF-8")
	}
	s := scanner{data: data}
	s.space()
	if s.peek() != '{' {
		return nil, errors.New("the body must be a JSON object")
	}
	members, err := s.object(1, members)
	if err != nil {
		return nil, err
	}
	if s.space(); s.pos < len(s.data) {
		return nil, s.fault("nothing may follow the object")
	}
	return members, nil
}

// A scanner walks over JSON text. Its methods leave pos behind what they have read.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) fault(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", s.pos+1, fmt.Sprintf(format, args...))
}

// peek returns the next byte, or 0 at the end: no JSON value begins with it.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// accept steps over a byte if it comes next, after space.
func (s *scanner) accept(b byte) bool {
	s.space()
	if s.peek() != b {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{':
		_, err := s.object(depth+1, nil)
		return err
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		_, err := s.text()
		return err
	case c == '-' || isDigit(c):
		return s.number()
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if end := s.pos + len(word); end <= len(s.data) && string(s.data[s.pos:end]) == word {
			s.pos = end
			return nil
		}
	}
	return s.fault("a JSON value was expected")
}

func (s *scanner) object(depth int, members []Member) ([]Member, error) {
	if depth > MaxDepth {
		return nil, s.fault("deeper than %d levels", MaxDepth)
	}
	s.pos++ // the brace
	if s.accept('}') {
		return members, nil
	}
	names := nameSet{}
	for {
		m, err := s.member(depth)
		if err != nil {
			return nil, err
		}
		if names.seen(members, m.Name) {
			return nil, s.fault("the name %q comes twice", models.Clip(string(m.Name), 64))
		}
		members = append(members, m)
		if s.accept('}') {
			return members, nil
		}
		if !s.accept(',') {
			return nil, s.fault("a comma or the end of the object was expected")
		}
	}
}

func (s *scanner) member(depth int) (m Member, err error) {
	s.space()
	if s.peek() != '"' {
		return m, s.fault("a name in quotes was expected")
	}
	start := s.pos
	escaped, err := s.text()
	if err != nil {
		return m, err
	}
	m.Name = s.data[start+1 : s.pos-1]
	if escaped {
		m.Name = []byte(Unquote(s.data[start:s.pos]))
	}
	if !s.accept(':') {
		return m, s.fault("a colon was expected")
	}
	s.space()
	start = s.pos
	err = s.value(depth)
	m.Raw = s.data[start:s.pos]
	return m, err
}

// Unquote returns the text of a valid JSON string with escapes.
func Unquote(raw []byte) string {
	var text string
	_ = json.Unmarshal(raw, &text) // the scanner has found it valid
	return text
}

// A nameSet tells names that came before; with a map once there are many, so that a body of thousands costs no square.
type nameSet struct{ known map[string]struct{} }

func (n *nameSet) seen(members []Member, name []byte) bool {
	const few = 24
	if len(members) < few {
		for i := range members {
			if bytes.Equal(members[i].Name, name) {
				return true
			}
		}
		return false
	}
	if n.known == nil {
		n.known = make(map[string]struct{}, 2*few)
		for i := range members {
			n.known[string(members[i].Name)] = struct{}{}
		}
	}
	_, twice := n.known[string(name)]
	n.known[string(name)] = struct{}{}
	return twice
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return s.fault("deeper than %d levels", MaxDepth)
	}
	s.pos++ // the bracket
	if s.accept(']') {
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		if s.accept(']') {
			return nil
		}
		if !s.accept(',') {
			return s.fault("a comma or the end of the array was expected")
		}
	}
}

// number reads the grammar of RFC 8259: no leading zeros, no plus, digits on both sides of the point.
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.fault("a digit was expected")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.fault("a digit was expected")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.fault("a digit was expected")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// text reads a string in quotes and reports whether it holds escapes.
func (s *scanner) text() (escaped bool, err error) {
	s.pos++ // the quote
	for {
		switch c := s.peek(); {
		case c == '"':
			s.pos++
			return escaped, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return escaped, err
			}
		case c < ' ':
			return escaped, s.fault("a text without its end, or a control character in it")
		default:
			s.pos++
		}
	}
}

func (s *scanner) escape() error {
	s.pos++ // the backslash
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		return s.unicode()
	}
	return s.fault("an escape that JSON does not know")
}

// unicode reads \uXXXX. Half a surrogate pair is no character, and encoding/json would quietly make another text of it.
func (s *scanner) unicode() error {
	unit, ok := s.hex4()
	switch {
	case !ok:
		return s.fault("four hexadecimal digits were expected")
	case unit < 0xd800 || unit > 0xdfff:
		return nil
	case unit > 0xdbff || s.peek() != '\\':
		return s.fault("half a surrogate pair")
	}
	s.pos++
	if low, ok := s.hex4(); !ok || low < 0xdc00 || low > 0xdfff {
		return s.fault("half a surrogate pair")
	}
	return nil
}

// hex4 reads "uXXXX".
func (s *scanner) hex4() (unit rune, ok bool) {
	if s.peek() != 'u' || s.pos+5 > len(s.data) {
		return 0, false
	}
	for _, c := range s.data[s.pos+1 : s.pos+5] {
		switch {
		case isDigit(c):
			unit = unit<<4 | rune(c-'0')
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			unit = unit<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	s.pos += 5
	return unit, true
}
