package testkit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an OpenID Connect issuer on loopback that a test rules: it has keys and tells of them, it can be away, and
// it can answer whatever the test likes.
type Issuer struct {
	tb      testing.TB
	address string

	mu      sync.Mutex
	server  *http.Server
	keys    []IssuerKey
	untold  map[string]bool // ids of keys whose algorithm it does not tell
	made    int
	asked   int // for its keys
	instead http.HandlerFunc
}

// IssuerKey is a key that it signs with.
type IssuerKey struct {
	ID        string
	Algorithm jose.SignatureAlgorithm
	Private   any // a crypto.Signer; of a token that nobody must take, also a secret as []byte
}

// Public returns what the issuer tells of a key.
func (k IssuerKey) Public() crypto.PublicKey {
	signer, _ := k.Private.(crypto.Signer) // that of every key an issuer has
	return signer.Public()
}

// NewIssuer starts an issuer with one key.
func NewIssuer(tb testing.TB) *Issuer {
	tb.Helper()
	i := &Issuer{tb: tb, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePort(tb)))}
	i.AddKey(jose.ES256)
	i.Start()
	tb.Cleanup(i.Stop)
	return i
}

// URL is the issuer's name.
func (i *Issuer) URL() string { return "http://" + i.address }

// Start lets it be there, again after Stop.
func (i *Issuer) Start() {
	i.tb.Helper()
	var listener net.Listener
	Eventually(i.tb, 10*time.Second, func() (err error) { // somebody's connection may just have the port
		listener, err = new(net.ListenConfig).Listen(context.Background(), "tcp", i.address)
		return err
	})
	i.mu.Lock()
	defer i.mu.Unlock()
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: time.Second}
	go func(s *http.Server) { _ = s.Serve(listener) }(i.server) // which ends with ErrServerClosed
}

// Stop lets it be away: nobody listens.
func (i *Issuer) Stop() {
	i.mu.Lock()
	defer i.mu.Unlock()
	_ = i.server.Close()
}

// Instead lets something else answer; nil: the issuer itself.
func (i *Issuer) Instead(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.instead = answer
}

// Asked returns how often it was asked for its keys.
func (i *Issuer) Asked() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked
}

// AddKey makes a key that it tells of, and signs with from now on.
func (i *Issuer) AddKey(algorithm jose.SignatureAlgorithm) IssuerKey {
	i.tb.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	key := IssuerKey{ID: "key-" + strconv.Itoa(i.made), Algorithm: algorithm, Private: NewPrivateKey(i.tb, algorithm)}
	i.keys = append(i.keys, key)
	return key
}

// HideAlgorithm has it tell of a key without what it is for, as many issuers do.
func (i *Issuer) HideAlgorithm(key IssuerKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.untold == nil {
		i.untold = map[string]bool{}
	}
	i.untold[key.ID] = true
}

// Rotate makes a key in the place of all that there were.
func (i *Issuer) Rotate() IssuerKey {
	i.tb.Helper()
	key := i.AddKey(jose.ES256)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = []IssuerKey{key}
	return key
}

// NewPrivateKey makes a key that fits an algorithm.
func NewPrivateKey(tb testing.TB, algorithm jose.SignatureAlgorithm) crypto.Signer {
	tb.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case jose.RS256, jose.PS256:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

// Claims returns what a token of the issuer's says, valid for an hour, with changes; a nil value takes one out.
func (i *Issuer) Claims(changes map[string]any) []byte {
	i.tb.Helper()
	now := time.Now().Unix()
	claims := map[string]any{"iss": i.URL(), "aud": "quantix", "sub": "somebody", "iat": now, "exp": now + 3600}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		i.tb.Fatal(err)
	}
	return text
}

// Token returns a token of such Claims, signed with the newest key.
func (i *Issuer) Token(changes map[string]any) string {
	i.tb.Helper()
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	return SignToken(i.tb, key, nil, i.Claims(changes))
}

// SignToken returns a token with a key and any header and payload.
func SignToken(tb testing.TB, key IssuerKey, header map[string]any, payload []byte) string {
	tb.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if key.ID != "" {
		options.WithHeader("kid", key.ID)
	}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.Algorithm, Key: key.Private}, options)
	if err != nil {
		tb.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// ServeHTTP answers discovery, and tells the public keys.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	instead, keys, untold := i.instead, slices.Clone(i.keys), maps.Clone(i.untold)
	if r.URL.Path == "/keys" {
		i.asked++
	}
	i.mu.Unlock()
	switch {
	case instead != nil:
		instead(w, r)
	case r.URL.Path == "/.well-known/openid-configuration":
		i.write(w, map[string]any{"issuer": i.URL(), "jwks_uri": i.URL() + "/keys"})
	case r.URL.Path == "/keys":
		var set jose.JSONWebKeySet
		for _, key := range keys {
			public := jose.JSONWebKey{Key: key.Public(), KeyID: key.ID, Algorithm: string(key.Algorithm), Use: "sig"}
			if untold[key.ID] {
				public.Algorithm = ""
			}
			set.Keys = append(set.Keys, public)
		}
		i.write(w, set)
	default:
		http.NotFound(w, r)
	}
}

func (i *Issuer) write(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(document); err != nil {
		i.tb.Logf("the issuer's answer was not taken: %v", err)
	}
}
