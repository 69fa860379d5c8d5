package handlers

import (
	"net/http"
	"strings"
)

// What pages of other sites may send and read. The slices are shared by all answers.
var (
	sendable = []string{"Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id"}
	exposed  = []string{"ETag, Link, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotency-Replayed, X-Request-Id"}
	// sendableFor is how many seconds a browser may remember what it was told: two hours, the most that browsers do.
	sendableFor = []string{"7200"}
	varyOrigin  = []string{"Origin"}
	// varyPreflight is what the answer to such a question depends on.
	varyPreflight = []string{"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
)

// crossOrigins are the other sites whose pages may use the API in a browser, each with itself as a header's value. They
// are named one by one, and never asked for cookies: whoever calls shows a key.
type crossOrigins map[string][]string

func newCrossOrigins(origins []string) crossOrigins {
	if len(origins) == 0 {
		return nil
	}
	all := crossOrigins{}
	for _, origin := range origins {
		all[origin] = []string{origin}
	}
	return all
}

// allow lets a page of one of these sites read the answer. That the answer depends on who asks is told to caches either
// way.
func (o crossOrigins) allow(r *http.Request, header http.Header) {
	if o == nil || !isAPI(r.URL.Path) {
		return
	}
	header["Vary"] = varyOrigin
	if origin := o.of(r); origin != nil {
		header["Access-Control-Allow-Origin"] = origin
		header["Access-Control-Expose-Headers"] = exposed
	}
}

// permit answers a browser that asks what a page of one of these sites may send: the methods of the address, which
// Allow has, and the headers.
func (o crossOrigins) permit(r *http.Request, header http.Header) {
	if header["Access-Control-Allow-Origin"] == nil || r.Header["Access-Control-Request-Method"] == nil {
		return
	}
	header["Access-Control-Allow-Methods"] = header["Allow"]
	header["Access-Control-Allow-Headers"] = sendable
	header["Access-Control-Max-Age"] = sendableFor
	header["Vary"] = varyPreflight
}

// of returns the origin of a request as a header's value; nil unless it is one of these.
func (o crossOrigins) of(r *http.Request) []string {
	if sent := r.Header["Origin"]; len(sent) == 1 {
		return o[sent[0]]
	}
	return nil
}

// isAPI reports whether an address is one of the API: its reader and the service's own pages are for people here.
func isAPI(path string) bool { return strings.HasPrefix(path, apiPath+"/") }

// comesUnencrypted reports whether a page that was read without TLS asks for a change, through a proxy that has TLS:
// the page may be that of anybody who sits between. Newer browsers call it another site themselves.
func comesUnencrypted(r *http.Request, trusted crossOrigins) bool {
	if r.URL.Scheme != "https" || r.Header["Sec-Fetch-Site"] != nil {
		return false
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return false
	}
	sent := r.Header["Origin"]
	return len(sent) > 0 && strings.HasPrefix(sent[0], "http://") && trusted.of(r) == nil
}
