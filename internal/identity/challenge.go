package identity

import (
	"encoding/json"
	"strings"
)

// MetadataPath is where a client finds who issues tokens for this server (RFC 9728).
const MetadataPath = "/.well-known/oauth-protected-resource"

// Challenge returns the WWW-Authenticate of a 401 (RFC 6750), for a request that sent something, or nothing.
func (g *Gate) Challenge(sent bool) string {
	challenge := `Bearer realm="quantix"`
	if sent {
		challenge += `, error="invalid_token"`
	}
	if g.tokens != nil && g.options.PublicURL != "" {
		challenge += `, resource_metadata="` + strings.TrimRight(g.options.PublicURL, "/") + MetadataPath + `"`
	}
	return challenge
}

// Metadata returns the JSON document of MetadataPath, and that path; nil where no tokens are taken, or the server's own
// address is not known.
func (g *Gate) Metadata() (path string, document []byte) {
	if g.tokens == nil || g.options.PublicURL == "" {
		return MetadataPath, nil
	}
	document, _ = json.Marshal(struct { // of texts alone, which cannot fail
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Methods  []string `json:"bearer_methods_supported"`
	}{
		Resource: strings.TrimRight(g.options.PublicURL, "/"),
		Servers:  []string{g.options.OIDC.Issuer}, Methods: []string{"header"},
	})
	return MetadataPath, document
}
