package handlers

import (
	"errors"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"quantix/internal/models"
)

// etag is the strong validator of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// IfMatch is the If-Match header of a request that changes something.
type IfMatch struct {
	Header string `header:"If-Match" maxLength:"1000" doc:"The ETag of the version that the change is meant for; another one is refused with 412."`

	condition condition
}

// Resolve reads the header. The header may come in several lines, which mean the same as one list.
func (m *IfMatch) Resolve(ctx huma.Context) []error {
	var lines []string
	ctx.EachHeader(func(name, value string) {
		if strings.EqualFold(name, "If-Match") {
			lines = append(lines, value)
		}
	})
	if lines == nil {
		return nil
	}
	condition, err := parseIfMatch(strings.Join(lines, ","))
	if err != nil {
		return []error{&huma.ErrorDetail{Location: "header.If-Match", Message: err.Error()}}
	}
	m.condition = condition
	return nil
}

// A condition is what If-Match asks for: nothing, or that the version is one of some.
type condition struct {
	set      bool
	versions []int64 // none: no version of ours can match
}

// parseIfMatch reads the header's value: *, or entity tags. By strong comparison a weak tag matches nothing, and a tag
// that is no version of ours neither.
func parseIfMatch(value string) (condition, error) {
	bad := errors.New(`must be * or a list of entity tags in quotes, such as "3"`)
	if strings.Trim(value, " \t") == "*" {
		return condition{}, nil // what is there matches; what is not there is a 404 anyway
	}
	c := condition{set: true}
	tags := 0
	for rest := value; ; {
		rest = strings.TrimLeft(rest, " \t,")
		if rest == "" {
			break
		}
		strong, weak := strings.CutPrefix(rest, "W/")
		opaque, after, ok := cutTag(strong)
		if !ok {
			return condition{}, bad
		}
		tags++
		if version, err := strconv.ParseInt(opaque, 10, 64); err == nil && !weak && etag(version) == `"`+opaque+`"` {
			c.versions = append(c.versions, version)
		}
		rest = strings.TrimLeft(after, " \t")
		if rest != "" && rest[0] != ',' {
			return condition{}, bad
		}
	}
	if tags == 0 {
		return condition{}, bad
	}
	return c, nil
}

// cutTag cuts a quoted tag off; inside are visible characters other than the quote (RFC 9110, 8.8.3).
func cutTag(text string) (opaque, rest string, ok bool) {
	if text == "" || text[0] != '"' {
		return "", "", false
	}
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return text[1:i], text[i+1:], true
		case c <= ' ' || c == 0x7f:
			return "", "", false
		}
	}
	return "", "", false
}

// noVersion is a version that nothing has: the use case says 404 or 412, as the thing is there or not.
const noVersion = int64(-1)

// version returns the one version that the use case is to insist on; nil: any. Where several tags were sent, the
// current one among them counts; should it change before the use case looks, that is a mismatch like any other.
func (c condition) version(current func() (int64, error)) (*int64, error) {
	switch {
	case !c.set:
		return nil, nil
	case len(c.versions) == 0:
		return new(noVersion), nil
	case len(c.versions) == 1:
		return &c.versions[0], nil
	}
	now, err := current()
	if err != nil {
		return nil, err
	}
	for _, version := range c.versions {
		if version == now {
			return &now, nil
		}
	}
	return nil, models.ErrVersionMismatch
}
