package handlers

import (
	"net"
	"net/netip"
	"strings"
)

// hosts are the names that a server answers to. There is no login yet, so a page of anywhere could have its own name
// point to this machine and then read and change everything here, as a page of the same origin; but it cannot choose
// the name that its browser sends. An address is nobody's name, and localhost is this machine's own.
type hosts struct {
	any   bool
	names map[string]bool
	below []string // ".example.org": every name that ends so
}

// newHosts makes them of names and patterns ("*.example.org", "*"); nil: nothing is checked.
func newHosts(allowed []string) *hosts {
	if allowed == nil {
		return nil
	}
	h := &hosts{names: map[string]bool{"localhost": true}, below: []string{".localhost"}}
	for _, name := range allowed {
		name = strings.ToLower(name)
		switch rest, pattern := strings.CutPrefix(name, "*"); {
		case pattern && rest == "":
			h.any = true
		case pattern:
			h.below = append(h.below, rest)
		default:
			h.names[strings.TrimSuffix(name, ".")] = true
		}
	}
	return h
}

// allow reports whether a request with this Host may be answered. None at all is no browser's.
func (h *hosts) allow(host string) bool {
	if h == nil || h.any || host == "" {
		return true
	}
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if h.names[name] {
		return true
	}
	for _, end := range h.below {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}
