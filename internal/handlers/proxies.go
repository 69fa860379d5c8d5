package handlers

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// proxies are those in front whose word counts about what a client asked for: the name and the scheme, which a proxy
// may replace by its own.
type proxies []netip.Prefix

// newProxies makes them of addresses and networks. Error: one that is neither.
func newProxies(trusted []string) (proxies, error) {
	var all proxies
	for _, text := range trusted {
		if addr, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy: %w", err)
		}
		all = append(all, prefix)
	}
	return all, nil
}

// restore gives a request the host and the scheme that its client used, if a trusted proxy tells them. Of several
// values the last one counts, which is the nearest proxy's own; one that cannot be right is passed over.
func (p proxies) restore(r *http.Request) {
	if len(p) == 0 {
		return
	}
	host, proto := r.Header["X-Forwarded-Host"], r.Header["X-Forwarded-Proto"]
	if len(host)+len(proto) == 0 || !p.trust(r.RemoteAddr) {
		return
	}
	if name := lastOf(host); isHostHeader(name) {
		r.Host = name
	}
	if scheme := strings.ToLower(lastOf(proto)); scheme == "http" || scheme == "https" {
		r.URL.Scheme = scheme
	}
}

// trust reports whether a connection comes from one of them.
func (p proxies) trust(remote string) bool {
	from, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := from.Addr().Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// lastOf is the last value of a list that each proxy adds to.
func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	list := values[len(values)-1]
	return strings.TrimSpace(list[strings.LastIndexByte(list, ',')+1:])
}

// isHostHeader reports whether a text has only what a name or an address with a port has.
func isHostHeader(text string) bool {
	if text == "" || len(text) > 260 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		isLetter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !isDigit(c) && !isLetter && !strings.ContainsRune("-._:[]", rune(c)) {
			return false
		}
	}
	return true
}
