package onsale

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// target is where requests go: the address to dial, the Host header, and the path before /api/v1.
type target struct {
	addr  string
	host  string
	base  string
	shown string // a line of the head that says who asks; empty: nothing does
}

// showing is the same target, with an API key for a server that asks who one is; empty: without.
func (t target) showing(key string) target {
	if key != "" {
		t.shown = "Authorization: Bearer " + key + "\r\n"
	}
	return t
}

// parseTarget reads a base URL and refuses a host that is not this machine unless remote is allowed.
func parseTarget(raw string, allowRemote bool) (target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return target{}, fmt.Errorf("read target: %w", err)
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return target{}, fmt.Errorf("target %q must look like http://127.0.0.1:8080", raw)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	if !allowRemote && !IsLoopback(u.Hostname()) {
		return target{}, fmt.Errorf("target %s is not this machine: bench is for your own server; allow remote targets explicitly", u.Hostname())
	}
	return target{
		addr: net.JoinHostPort(u.Hostname(), port),
		host: u.Host,
		base: strings.TrimRight(u.EscapedPath(), "/"),
	}, nil
}

// IsLoopback takes the name localhost at its word (RFC 6761); any other name would need a look-up that could change its
// mind between the check and the dial.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
