package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

func withIssuer(i *testkit.Issuer) Options {
	return Options{
		PublicURL: "https://tickets.example.com/",
		OIDC:      &OIDCOptions{Issuer: i.URL(), Audience: "quantix", RolesClaim: "realm_access.roles"},
	}
}

func roles(list ...any) map[string]any {
	return map[string]any{"realm_access": map[string]any{"roles": list}}
}

func TestTokens_tell_who_has_them(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	g := running(t, m, withIssuer(issuer))
	other := models.NewID[models.OrganizerID]()
	for name, test := range map[string]struct {
		claims    map[string]any
		role      models.Role
		organizer models.OrganizerID
	}{
		"nothing":                     {nil, models.RoleCustomer, models.OrganizerID{}},
		"an admin":                    {roles("offline_access", "admin"), models.RoleAdmin, models.OrganizerID{}},
		"an organizer":                {roles("organizer"), models.RoleOrganizer, models.DefaultOrganizer},
		"another organizer":           {roles("organizer:" + other.String()), models.RoleOrganizer, other},
		"a box office":                {roles("box_office:" + other.String()), models.RoleBoxOffice, other},
		"a door":                      {roles("door"), models.RoleDoor, models.DefaultOrganizer},
		"the most powerful":           {roles("door", "box_office", "organizer:"+other.String()), models.RoleOrganizer, other},
		"the first of two alike":      {roles("door:"+other.String(), "door"), models.RoleDoor, other},
		"a text":                      {map[string]any{"realm_access": map[string]any{"roles": "door"}}, models.RoleDoor, models.DefaultOrganizer},
		"a role of nobody":            {roles("customer", "superuser", "ADMIN", "Admin", " admin", "anonymous"), models.RoleCustomer, models.OrganizerID{}},
		"an admin of an organizer":    {roles("admin:" + other.String()), models.RoleCustomer, models.OrganizerID{}},
		"an organizer that is none":   {roles("organizer:default", "organizer:", "organizer:"+models.OrganizerID{}.String()), models.RoleCustomer, models.OrganizerID{}},
		"numbers and objects":         {roles(1, true, map[string]any{"admin": true}, []string{"admin"}), models.RoleCustomer, models.OrganizerID{}},
		"a claim of another place":    {map[string]any{"roles": "admin", "realm_access": "admin"}, models.RoleCustomer, models.OrganizerID{}},
		"a claim of another case":     {map[string]any{"Realm_Access": map[string]any{"roles": "admin"}}, models.RoleCustomer, models.OrganizerID{}},
		"a list on the way":           {map[string]any{"realm_access": []any{map[string]any{"roles": "admin"}}}, models.RoleCustomer, models.OrganizerID{}},
		"a claim whose name has dots": {map[string]any{"realm_access.roles": []string{"door"}}, models.RoleDoor, models.DefaultOrganizer},
	} {
		claims := map[string]any{"sub": "sub of " + name}
		maps.Copy(claims, test.claims)
		p := mustKnow(t, g, issuer.Token(claims))
		if p.Role != test.role || p.Organizer != test.organizer || p.User.IsZero() != (p.Role != models.RoleCustomer) ||
			p.Name != "subject sub of "+name+" of "+issuer.URL() || p.ID == [16]byte{} || !p.Key.IsZero() || p.Only != "" {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

func TestTokens_of_all_allowed_algorithms_are_taken(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	keys := map[jose.SignatureAlgorithm]testkit.IssuerKey{}
	for _, algorithm := range algorithms {
		keys[algorithm] = issuer.AddKey(algorithm)
	}
	untold := issuer.AddKey(jose.RS256) // before the gate asks: it asks once a second at most
	issuer.HideAlgorithm(untold)
	g := running(t, newMemory(), withIssuer(issuer))
	mustKnow(t, g, testkit.SignToken(t, untold, nil, issuer.Claims(nil)))
	for algorithm, key := range keys {
		for _, kind := range []string{"JWT", "jwt", "at+jwt", "application/at+jwt"} {
			header := map[string]any{"typ": kind}
			mustKnow(t, g, testkit.SignToken(t, key, header, issuer.Claims(roles("admin"))))
		}
		list := issuer.Claims(map[string]any{"aud": []string{"account", "quantix"}, "nbf": time.Now().Unix() + 2})
		if p := mustKnow(t, g, testkit.SignToken(t, key, nil, list)); p.Role != models.RoleCustomer {
			t.Errorf("%s: %+v", algorithm, p)
		}
	}
}

// badTokens are about sixty of them; elsewhere is an address that must never be asked.
func badTokens(t *testing.T, issuer *testkit.Issuer, elsewhere string) map[string]string {
	t.Helper()
	now := time.Now().Unix()
	rsaKey, key := issuer.AddKey(jose.RS256), issuer.AddKey(jose.ES256)
	public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	admin := func(changes map[string]any) []byte {
		claims := roles("admin")
		maps.Copy(claims, changes)
		return issuer.Claims(claims)
	}
	bad := map[string]string{}
	for name, changes := range map[string]map[string]any{
		"another issuer":           {"iss": "https://accounts.google.com"},
		"an issuer with a slash":   {"iss": issuer.URL() + "/"},
		"an issuer of upper case":  {"iss": strings.ToUpper(issuer.URL())},
		"no issuer":                {"iss": nil},
		"an issuer in a list":      {"iss": []string{issuer.URL()}},
		"another audience":         {"aud": "another"},
		"an audience like ours":    {"aud": "quantix2"},
		"audiences without ours":   {"aud": []string{"another", "account"}},
		"no audience":              {"aud": nil},
		"an empty audience":        {"aud": ""},
		"ours as who asked for it": {"aud": "another", "azp": "quantix", "client_id": "quantix"},
		"expired":                  {"exp": now - 60},
		"expired long ago":         {"exp": 1},
		"expired before 1970":      {"exp": -5},
		"no expiry":                {"exp": nil},
		"an expiry of null":        {"exp": json.RawMessage("null")},
		"an expiry as a text":      {"exp": "tomorrow"},
		"an expiry of zero":        {"exp": 0},
		"not yet valid":            {"nbf": now + 60},
		"valid in four minutes":    {"nbf": now + 240},
		"valid from a text on":     {"nbf": "now"},
		"valid from 10^300 on":     {"nbf": 1e300},
		"no subject":               {"sub": nil},
		"an empty subject":         {"sub": ""},
		"a subject of spaces":      {"sub": "  "},
		"a subject with a NUL":     {"sub": "some\x00body"},
		"a subject with a newline": {"sub": "some\nbody"},
		"a subject of 300":         {"sub": strings.Repeat("s", 300)},
		"a subject as a number":    {"sub": 12},
		"a subject as a list":      {"sub": []string{"somebody"}},
		"a subject of bad text":    {"sub": json.RawMessage(`"\ud800"`)},
		"turned letters":           {"sub": "a\u202eb"},
		"huge":                     {"more": strings.Repeat("x", 100<<10)},
	} {
		bad[name] = testkit.SignToken(t, key, nil, admin(changes))
	}
	for name, payload := range map[string]string{
		"no JSON": "quantix", "a list": "[]", "null": "null", "empty claims": "{}", "half of JSON": `{"iss":`,
		"two JSON texts": string(admin(nil)) + "{}",
	} {
		bad[name] = testkit.SignToken(t, key, nil, []byte(payload))
	}
	stranger := testkit.IssuerKey{ID: "key-99", Algorithm: jose.ES256, Private: testkit.NewPrivateKey(t, jose.ES256)}
	same := stranger
	same.ID = key.ID
	for name, header := range map[string]map[string]any{
		"an embedded key":       {"jwk": jose.JSONWebKey{Key: stranger.Public(), KeyID: key.ID, Algorithm: "ES256"}},
		"keys of elsewhere":     {"jku": elsewhere + "/keys"},
		"a certificate":         {"x5u": elsewhere + "/certificate"},
		"an embedded chain":     {"x5c": []string{base64.StdEncoding.EncodeToString(public)}},
		"another's signature":   nil,
		"an address as its key": {"kid": elsewhere + "/keys"},
		"a file as its key":     {"kid": "../../../../dev/null"},
		"a query as its key":    {"kid": "' OR 1=1 --"},
	} {
		bad[name] = testkit.SignToken(t, same, header, admin(nil))
	}
	unnamed, other := key, stranger
	unnamed.ID = ""
	bad["of no key"] = testkit.SignToken(t, unnamed, nil, admin(nil))
	bad["of an unknown key"] = testkit.SignToken(t, other, nil, admin(nil))
	bad["of a withdrawn key"] = testkit.SignToken(t, testkit.IssuerKey{ID: "key-0", Algorithm: key.Algorithm, Private: key.Private}, nil, admin(nil))
	bad["signed with the public key"] = testkit.SignToken(t, testkit.IssuerKey{ID: rsaKey.ID, Algorithm: jose.HS256, Private: public}, nil, admin(nil))
	pss := rsaKey
	pss.Algorithm = jose.PS256
	bad["an algorithm that is not its key's"] = testkit.SignToken(t, pss, nil, admin(nil))
	long := issuer.AddKey(jose.RS256)
	issuer.HideAlgorithm(long)
	long.Algorithm = jose.RS512
	bad["an algorithm that is not allowed"] = testkit.SignToken(t, long, nil, admin(nil))
	bad["another kind"] = testkit.SignToken(t, key, map[string]any{"typ": "dpop+jwt"}, admin(nil))
	bad["a logout token"] = testkit.SignToken(t, key, map[string]any{"typ": "logout+jwt"}, admin(nil))
	bad["a kind that is no text"] = testkit.SignToken(t, key, map[string]any{"typ": 7}, admin(nil))
	bad["critical"] = testkit.SignToken(t, key, map[string]any{"crit": []string{"exp"}, "exp": now}, admin(nil))
	bad["critical and known"] = testkit.SignToken(t, key, map[string]any{"crit": []string{"b64"}, "b64": true}, admin(nil))
	maps.Copy(bad, broken(t, testkit.SignToken(t, key, nil, admin(nil)), key.ID, rsaKey))
	return bad
}

// broken are a good token, broken in its text.
func broken(t *testing.T, good, kid string, rsaKey testkit.IssuerKey) map[string]string {
	t.Helper()
	part := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	header := func(text string) string { return b64([]byte(text)) }
	changed := strings.Replace(mustDecode(t, part[1]), "somebody", "somebodx", 1)
	signature := []byte(mustDecode(t, part[2]))
	zero := b64(make([]byte, len(signature)))
	encrypter, err := jose.NewEncrypter(jose.A128GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: rsaKey.Public(), KeyID: rsaKey.ID}, nil)
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := encrypter.Encrypt([]byte(mustDecode(t, part[1])))
	if err != nil {
		t.Fatal(err)
	}
	jwe, err := encrypted.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	object := `{"protected":"` + part[0] + `","payload":"` + part[1] + `","signature":"` + part[2] + `"}`
	return map[string]string{
		"algorithm none":               header(`{"alg":"none","kid":"`+kid+`"}`) + "." + part[1] + ".",
		"algorithm none, with a rest":  header(`{"alg":"none","kid":"`+kid+`"}`) + "." + part[1] + "." + part[2],
		"algorithm None":               header(`{"alg":"None","kid":"`+kid+`"}`) + "." + part[1] + "." + part[2],
		"no algorithm":                 header(`{"kid":"`+kid+`"}`) + "." + part[1] + "." + part[2],
		"two algorithms":               header(`{"alg":"none","alg":"ES256","kid":"`+kid+`"}`) + "." + part[1] + "." + part[2],
		"a header that is none":        header(`[]`) + "." + part[1] + "." + part[2],
		"another payload":              part[0] + "." + b64([]byte(changed)) + "." + part[2],
		"no signature":                 part[0] + "." + part[1] + ".",
		"without its signature":        part[0] + "." + part[1],
		"a signature of zeros":         part[0] + "." + part[1] + "." + zero,
		"half of the signature":        part[0] + "." + part[1] + "." + b64(signature[:32]),
		"a longer signature":           part[0] + "." + part[1] + "." + b64(append(signature, 0)),
		"truncated":                    good[:len(good)-1],
		"one character more":           good + "A",
		"another last character":       good[:len(good)-1] + other(good[len(good)-1]),
		"padded":                       good + "==",
		"doubled dots":                 strings.ReplaceAll(good, ".", ".."),
		"a dot before":                 "." + good,
		"a dot behind":                 good + ".",
		"dots alone":                   "..",
		"four parts":                   good + "." + part[2],
		"the payload twice":            part[0] + "." + part[1] + "." + part[1] + "." + part[2],
		"a space inside":               part[0] + ". " + part[1] + "." + part[2],
		"a line break inside":          part[0] + ".\n" + part[1] + "." + part[2],
		"base64 of the other alphabet": part[0] + "." + part[1] + "." + "+/" + part[2][2:],
		"encrypted":                    jwe,
		"the JSON serialization":       object,
		"the JSON of several":          `{"payload":"` + part[1] + `","signatures":[{"protected":"` + part[0] + `","signature":"` + part[2] + `"}]}`,
		"base64 of JSON":               b64([]byte(object)),
		"a byte that is no text":       good[:20] + "\xff" + good[21:],
		"a key's prefix before":        keyPrefix + good,
		"two tokens":                   good + "," + good,
	}
}

// other returns the other way to write the last digit of a signature of 64 bytes.
func other(digit byte) string {
	const order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(order[strings.IndexByte(order, digit)^1])
}

func mustDecode(t *testing.T, part string) string {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTokens_that_are_bad_are_refused_all_alike(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer elsewhere.Close()
	issuer, m := testkit.NewIssuer(t), newMemory()
	bad := badTokens(t, issuer, elsewhere.URL)
	if len(bad) < 60 {
		t.Errorf("%d bad tokens only", len(bad))
	}
	g := running(t, m, withIssuer(issuer))
	for round := range 2 {
		for name, token := range bad {
			p, err := g.Identify(t.Context(), bearing(token))
			alike(t, fmt.Sprintf("%s, %d", name, round), p, err, token)
		}
	}
	if fetched.Load() > 0 || len(m.people) > 0 || len(g.tokens.verified.known) > 0 {
		t.Errorf("%d asked elsewhere, %d users made, %d remembered", fetched.Load(), len(m.people), len(g.tokens.verified.known))
	}
	if p := mustKnow(t, g, issuer.Token(roles("admin"))); p.Role != models.RoleAdmin {
		t.Errorf("%+v", p)
	}
}

func TestTokens_are_not_taken_without_an_issuer(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), Options{})
	mustFail(t, g, issuer.Token(roles("admin")), models.ErrUnauthorized)
}

func TestTokens_expire_though_they_are_remembered(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), withIssuer(issuer))
	claims := roles("admin")
	claims["exp"] = time.Now().Add(3*time.Second - leeway).Unix()
	token := issuer.Token(claims)
	mustKnow(t, g, token)
	testkit.Eventually(t, 10*time.Second, func() error {
		_, err := g.Identify(t.Context(), bearing(token))
		if models.ErrUnauthorized.Is(err) {
			return nil
		}
		return fmt.Errorf("it counts: %w", err)
	})
}

// A token counts until it expires, and not only for as long as it is remembered: then it is verified anew.
func TestTokens_count_for_longer_than_they_are_remembered(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), withIssuer(issuer))
	said := roles("admin")
	said["exp"] = time.Now().Add(time.Hour).Unix()
	token := issuer.Token(said)
	remembered := func() *claims {
		mustKnow(t, g, token)
		c, known := g.tokens.verified.get(sha256.Sum256([]byte(token)))
		if !known || c.expires > g.now()+rememberFor {
			t.Fatalf("remembered %t, for %s", known, c.expires-g.now())
		}
		return c
	}
	first := remembered()
	first.expires = g.now()
	if again := remembered(); again == first || again.expires <= g.now() {
		t.Error("it was not verified anew")
	}
}

func TestTokens_that_were_verified_cost_no_signature(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	g := running(t, m, withIssuer(issuer))
	token := issuer.Token(nil)
	first := mustKnow(t, g, token)
	g.tokens.issuer.mu.Lock()
	g.tokens.issuer.keys = nil // nothing to verify by
	g.tokens.issuer.mu.Unlock()
	_, before := m.asked()
	if p := mustKnow(t, g, token); p != first {
		t.Errorf("%+v", p)
	}
	if _, after := m.asked(); after != before {
		t.Errorf("%d queries", after-before)
	}
}

func FuzzIdentify(f *testing.F) {
	key := testkit.IssuerKey{ID: "key-1", Algorithm: jose.ES256, Private: testkit.NewPrivateKey(f, jose.ES256)}
	good := testkit.SignToken(f, key, nil, []byte(`{"iss":"https://issuer.example","aud":"quantix","sub":"s","exp":9999999999}`))
	f.Add("Bearer " + good)
	f.Add("Bearer qx_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypzcjt6ri")
	f.Add("Bearer e30.e30.e30")
	f.Add("Bearer")
	m := newMemory()
	g := New(m, Options{OIDC: &OIDCOptions{Issuer: "https://issuer.example", Audience: "quantix"}})
	g.tokens.issuer.keys = map[string][]jose.JSONWebKey{"key-1": {{Key: testkit.NewPrivateKey(f, jose.ES256).Public(), KeyID: "key-1"}}}
	g.tokens.issuer.round = &round{done: make(chan struct{}), begun: never / 2}
	close(g.tokens.issuer.round.done)
	f.Fuzz(func(t *testing.T, header string) {
		g.asked.Store(int64(g.now()))
		p, err := g.Identify(t.Context(), http.Header{"Authorization": {header}})
		if p != nil || !models.ErrUnauthorized.Is(err) {
			t.Errorf("%q: %v, %v", header, p, err)
		}
	})
}
