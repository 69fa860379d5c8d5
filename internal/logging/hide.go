package logging

import (
	"bytes"
	"encoding/json"
	"io"
	"net/url"
	"slices"
	"sync/atomic"
)

// hidden stands for a secret.
const hidden = "********"

// minHidden is how many bytes a secret must have to be hidden: a shorter one stands in too much that is none.
const minHidden = 8

// Secrets are texts that must not be written. Whoever writes a line has no secret in hand; this is for what others put
// into their errors: drivers, gateways, a panic. The zero value has none.
type Secrets struct {
	forms atomic.Pointer[[][]byte] // the longest first
}

// Add has further texts hidden, also as they stand in JSON and in addresses.
func (s *Secrets) Add(secrets ...string) {
	var forms [][]byte
	if before := s.forms.Load(); before != nil {
		forms = slices.Clone(*before)
	}
	for _, secret := range secrets {
		if len(secret) < minHidden {
			continue
		}
		quoted, _ := json.Marshal(secret) // a string always marshals
		for _, form := range []string{
			secret, string(quoted[1 : len(quoted)-1]),
			url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:],
		} {
			if !slices.ContainsFunc(forms, func(b []byte) bool { return string(b) == form }) {
				forms = append(forms, []byte(form))
			}
		}
	}
	slices.SortFunc(forms, func(a, b []byte) int { return len(b) - len(a) })
	s.forms.Store(&forms)
}

// Hide returns a writer that hides them in what is written to another at a time, such as a line of a log.
func (s *Secrets) Hide(to io.Writer) io.Writer { return hider{s, to} }

type hider struct {
	secrets *Secrets
	to      io.Writer
}

// Write implements io.Writer; what it returns counts the bytes that were given.
func (h hider) Write(text []byte) (int, error) {
	shown := text
	if forms := h.secrets.forms.Load(); forms != nil {
		for _, form := range *forms {
			if bytes.Contains(shown, form) {
				shown = bytes.ReplaceAll(shown, form, []byte(hidden))
			}
		}
	}
	n, err := h.to.Write(shown)
	if err != nil {
		return min(n, len(text)), err
	}
	return len(text), nil
}
