package identity

import (
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-oidc/v3/oidc"

	"quantix/internal/models"
)

// maxSubject is the longest name of a subject (OpenID Connect Core, 2).
const maxSubject = 255

var (
	errSubject = refused("the token has no sub, or one that is no readable text of 255 bytes")
	errTooSoon = refused("the token is not valid yet (nbf)")
	errNoJSON  = refused("the token's claims are no JSON object")
)

// claims is what a token says that was verified.
type claims struct {
	who     models.Introduction
	staff   *models.Principal // nil: a customer
	expires time.Duration     // by the gate's clock; not later than it is to be verified again
}

// read reads the claims of a token that the library has found right, and checks what it does not: that the subject is
// one, and nbf without minutes of grace.
func (t *tokens) read(token *oidc.IDToken, payload []byte, now time.Time) (*claims, error) {
	var all map[string]json.RawMessage // which, unlike a struct's fields, have one spelling
	if !utf8.Valid(payload) || json.Unmarshal(payload, &all) != nil {
		return nil, errNoJSON
	}
	subject := textOf(all["sub"])
	if subject == "" || subject != token.Subject || len(subject) > maxSubject || cleaned(subject, maxSubject) != subject {
		return nil, errSubject
	}
	if from, given := all["nbf"]; given {
		var seconds float64
		if json.Unmarshal(from, &seconds) != nil || seconds > float64(now.Add(leeway).Unix()) {
			return nil, errTooSoon
		}
	}
	left := min(token.Expiry.Add(leeway).Sub(now), rememberFor)
	c := &claims{expires: t.gate.now() + left}
	c.who.Subject = models.Subject{Issuer: t.options.Issuer, Subject: subject}
	if role, organizer := strongest(rolesIn(all, t.options.RolesClaim)); role != models.RoleCustomer {
		c.staff = principalOf(&c.who.Subject)
		c.staff.Role, c.staff.Organizer = role, organizer
		return c, nil
	}
	if c.who.Name = cleaned(textOf(all["name"]), models.MaxNameLength); c.who.Name == "" {
		c.who.Name = cleaned(textOf(all["preferred_username"]), models.MaxNameLength)
	}
	if string(all["email_verified"]) == "true" {
		c.who.Email = textOf(all["email"])
	}
	return c, nil
}

// textOf returns a JSON string; empty for what is none.
func textOf(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return ""
	}
	return text
}

// cleaned takes out of a text what nobody can read, or what makes it look like another one, and clips it.
func cleaned(text string, most int) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}

// rolesIn returns the values of a claim, which is a text or a list of them. Its name is a path through objects; one
// that has dots itself, as those that are addresses do, is found as it stands.
func rolesIn(all map[string]json.RawMessage, path string) []string {
	if path == "" {
		return nil
	}
	value, found := all[path]
	for !found {
		first, rest, more := strings.Cut(path, ".")
		if !more {
			value = all[first]
			break
		}
		var inner map[string]json.RawMessage
		if json.Unmarshal(all[first], &inner) != nil {
			return nil
		}
		all, path = inner, rest
		value, found = all[path]
	}
	var list []json.RawMessage
	if json.Unmarshal(value, &list) != nil {
		list = []json.RawMessage{value}
	}
	roles := make([]string, 0, len(list))
	for _, item := range list {
		roles = append(roles, textOf(item))
	}
	return roles
}

// strength is the order of the roles that a token may give.
var strength = []models.Role{models.RoleAdmin, models.RoleOrganizer, models.RoleBoxOffice, models.RoleDoor}

// strongest returns the most powerful of some roles, such as "box_office:<organizer id>", and whose it is; of several
// alike, the first. What is none of ours is passed over, and without any, it is a customer.
func strongest(roles []string) (models.Role, models.OrganizerID) {
	for _, role := range strength {
		for _, text := range roles {
			if organizer, is := isRole(text, role); is {
				return role, organizer
			}
		}
	}
	return models.RoleCustomer, models.OrganizerID{}
}

func isRole(text string, role models.Role) (models.OrganizerID, bool) {
	name, id, limited := strings.Cut(text, ":")
	switch {
	case name != string(role) || limited && role == models.RoleAdmin:
		return models.OrganizerID{}, false
	case role == models.RoleAdmin:
		return models.OrganizerID{}, true
	case !limited:
		return models.DefaultOrganizer, true
	}
	organizer, err := models.ParseID[models.OrganizerID](id)
	return organizer, err == nil && !organizer.IsZero()
}
