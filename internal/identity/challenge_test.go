package identity

import "testing"

func TestChallenge_says_how_to_come_in(t *testing.T) {
	t.Parallel()
	oidc := &OIDCOptions{Issuer: "https://issuer.example/realms/tickets", Audience: "quantix"}
	const metadata = `, resource_metadata="https://tickets.example.com/.well-known/oauth-protected-resource"`
	for name, test := range map[string]struct {
		options        Options
		nothing, wrong string
		metadata       string
	}{
		"keys alone": {Options{PublicURL: "https://tickets.example.com"}, `Bearer realm="quantix"`, `Bearer realm="quantix", error="invalid_token"`, ""},
		"tokens": {
			Options{PublicURL: "https://tickets.example.com/", OIDC: oidc},
			`Bearer realm="quantix"` + metadata, `Bearer realm="quantix", error="invalid_token"` + metadata,
			`{"resource":"https://tickets.example.com","authorization_servers":["https://issuer.example/realms/tickets"],"bearer_methods_supported":["header"]}`,
		},
		"an address that is not known": {Options{OIDC: oidc}, `Bearer realm="quantix"`, `Bearer realm="quantix", error="invalid_token"`, ""},
	} {
		g := New(newMemory(), test.options)
		if got := g.Challenge(false); got != test.nothing {
			t.Errorf("%s: %s", name, got)
		}
		if got := g.Challenge(true); got != test.wrong {
			t.Errorf("%s: %s", name, got)
		}
		if got := metadataOf(g); got != test.metadata {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func metadataOf(g *Gate) string {
	_, document := g.Metadata()
	return string(document)
}
