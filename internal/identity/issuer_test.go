package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"quantix/internal/models"
	"quantix/internal/testkit"
)

// soon waits until a credential is answered by an error, or (nil) not.
func soon(t *testing.T, g *Gate, credential string, want *models.Error) {
	t.Helper()
	testkit.Eventually(t, 10*time.Second, func() error {
		p, err := g.Identify(t.Context(), bearing(credential))
		if want == nil && err == nil || want != nil && want.Is(err) {
			return nil
		}
		return fmt.Errorf("%v, %w", p, err)
	})
}

func TestIssuer_that_is_away_at_the_start_is_asked_again(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	issuer.Stop()
	g := running(t, m, withIssuer(issuer))
	token := issuer.Token(roles("admin"))
	mustFail(t, g, token, models.ErrIdentityUnavailable)
	key, _ := m.newKey(t, nil)
	mustKnow(t, g, key) // keys do not depend on it
	mustFail(t, g, "e30.e30.e30", models.ErrUnauthorized)
	issuer.Start()
	soon(t, g, token, nil)
}

func TestIssuer_that_is_away_during_a_rotation(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), withIssuer(issuer))
	mustKnow(t, g, issuer.Token(nil))
	unseen := issuer.Token(roles("admin")) // never shown here, and of a known key
	issuer.Stop()
	issuer.Rotate()
	rotated := issuer.Token(roles("admin"))
	soon(t, g, rotated, models.ErrIdentityUnavailable) // once the last answer is a second old
	mustKnow(t, g, unseen)
	issuer.Start()
	soon(t, g, rotated, nil)
}

// A key that the issuer has taken back counts no more, and neither do tokens that it has signed.
func TestIssuer_that_rotates_takes_its_old_keys_back(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), withIssuer(issuer))
	old := issuer.Token(roles("admin"))
	mustKnow(t, g, old)
	issuer.Rotate()
	mustKnow(t, g, old)
	soon(t, g, issuer.Token(roles("admin")), nil) // asks for the new one
	mustFail(t, g, old, models.ErrUnauthorized)
}

// A key that is added makes nobody verify again.
func TestIssuer_that_adds_a_key_lets_tokens_be(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), withIssuer(issuer))
	mustKnow(t, g, issuer.Token(roles("admin")))
	issuer.AddKey(jose.EdDSA)
	soon(t, g, issuer.Token(roles("door")), nil)
	if known := len(g.tokens.verified.known); known != 2 {
		t.Errorf("%d tokens are known", known)
	}
}

func TestIssuer_is_asked_once_a_second_for_unknown_keys(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	g := running(t, newMemory(), withIssuer(issuer))
	mustKnow(t, g, issuer.Token(roles("admin")))
	tokens := make([]string, 1000)
	for n := range tokens {
		key := testkit.IssuerKey{ID: fmt.Sprint("unknown-", n), Algorithm: jose.EdDSA, Private: testkit.NewPrivateKey(t, jose.EdDSA)}
		tokens[n] = testkit.SignToken(t, key, nil, issuer.Claims(roles("admin")))
	}
	before, began := issuer.Asked(), time.Now()
	for time.Since(began) < 2*time.Second {
		var all sync.WaitGroup
		for _, token := range tokens {
			all.Go(func() {
				if p, err := g.Identify(t.Context(), bearing(token)); p != nil || !models.ErrUnauthorized.Is(err) {
					t.Errorf("%v, %v", p, err)
				}
			})
		}
		all.Wait()
	}
	if asked, most := issuer.Asked()-before, int(time.Since(began).Seconds())+1; asked > most || asked == 0 {
		t.Errorf("asked %d times in %s", asked, time.Since(began))
	}
}

// answers are what an issuer must not be believed; elsewhere is an address that must never be asked.
func answers(issuer *testkit.Issuer, elsewhere string) map[string]http.HandlerFunc {
	discovery := func(document map[string]any) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				fmt.Fprint(w, `{"keys":[]}`)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			if err := json.NewEncoder(w).Encode(document); err != nil {
				panic(err)
			}
		}
	}
	keys := func(text string) http.HandlerFunc {
		own := discovery(map[string]any{"issuer": issuer.URL(), "jwks_uri": issuer.URL() + "/keys"})
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/keys" {
				fmt.Fprint(w, text)
			} else {
				own(w, r)
			}
		}
	}
	port := issuer.URL()[strings.LastIndex(issuer.URL(), ":"):]
	return map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"a redirect elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusFound)
		},
		"a redirect in a circle":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"another issuer":            discovery(map[string]any{"issuer": "https://accounts.google.com", "jwks_uri": issuer.URL() + "/keys"}),
		"no place of its keys":      discovery(map[string]any{"issuer": issuer.URL()}),
		"keys on an open line":      discovery(map[string]any{"issuer": issuer.URL(), "jwks_uri": "http://issuer.example/keys"}),
		"keys in a file":            discovery(map[string]any{"issuer": issuer.URL(), "jwks_uri": "file:///dev/zero"}),
		"keys nowhere":              discovery(map[string]any{"issuer": issuer.URL(), "jwks_uri": "http://127.0.0.1:1/keys"}),
		"keys of another host name": discovery(map[string]any{"issuer": issuer.URL(), "jwks_uri": "http://localhost.example" + port + "/keys"}),
		"no keys":                   keys(`{"keys":[]}`),
		"keys that are none":        keys(`{"keys":[1,null,{},{"kty":"oct","k":"c2VjcmV0","kid":"key-1"},{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"key-1"}]}`),
		"half of its keys":          keys(`{"keys":[`),
		"an answer that ends early": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, `{"keys":`)
		},
		"an answer without end": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
					return
				}
			}
		},
	}
}

func TestIssuer_that_answers_badly_is_not_believed(t *testing.T) {
	t.Parallel()
	var fetched atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	defer elsewhere.Close()
	issuer := testkit.NewIssuer(t)
	token := issuer.Token(roles("admin"))
	for name, answer := range answers(issuer, elsewhere.URL) {
		issuer.Instead(answer)
		g := New(newMemory(), withIssuer(issuer))
		p, err := g.Identify(t.Context(), bearing(token))
		if p != nil || !models.ErrIdentityUnavailable.Is(err) {
			t.Errorf("%s: %v, %v", name, p, err)
			continue
		}
		why := errors.Unwrap(err).Error()
		if len(why) > 1000 || name == "an answer without end" && !strings.Contains(why, "too large") {
			t.Errorf("%s: %d bytes of a reason, %.200s", name, len(why), why)
		}
	}
	if fetched.Load() > 0 {
		t.Errorf("%d asked elsewhere", fetched.Load())
	}
	issuer.Instead(nil)
	mustKnow(t, New(newMemory(), withIssuer(issuer)), token)
}

// An issuer that hangs holds nobody for longer than its bound, and no key at all.
func TestIssuer_that_hangs_holds_nobody_up(t *testing.T) {
	t.Parallel()
	issuer, m := testkit.NewIssuer(t), newMemory()
	issuer.Instead(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	g := running(t, m, withIssuer(issuer))
	key, _ := m.newKey(t, nil)
	mustKnow(t, g, key)
	began := time.Now()
	mustFail(t, g, issuer.Token(nil), models.ErrIdentityUnavailable)
	if took := time.Since(began); took > 3*issuerTimeout {
		t.Errorf("held for %s", took)
	}
	gone, stop := context.WithCancel(t.Context())
	stop()
	if _, err := g.Identify(gone, bearing(issuer.Token(nil))); !models.ErrIdentityUnavailable.Is(err) {
		t.Error(err)
	}
}

func TestIssuers_keys_are_those_that_can_be_used(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	good := issuer.AddKey(jose.RS256)
	encryption, private := jose.JSONWebKey{Key: good.Public(), KeyID: "of encryption", Use: "enc"}, jose.JSONWebKey{Key: good.Private, KeyID: "private"}
	unnamed := jose.JSONWebKey{Key: good.Public()}
	for name, key := range map[string]jose.JSONWebKey{"for encryption": encryption, "private": private, "unnamed": unnamed, "a secret": {Key: []byte("secret"), KeyID: "secret"}} {
		if usable(&key) {
			t.Errorf("%s: taken", name)
		}
	}
	if key := (jose.JSONWebKey{Key: good.Public(), KeyID: good.ID}); !usable(&key) {
		t.Error("a good one is not taken")
	}
}

// counted is a transport that counts what would be sent.
type counted int

func (c *counted) RoundTrip(*http.Request) (*http.Response, error) {
	*c++
	return nil, errors.New("nobody is asked")
}

func TestIssuer_is_not_asked_over_an_open_line(t *testing.T) {
	t.Parallel()
	var sent counted
	client := newIssuerClient()
	client.Transport = bounded{&sent}
	for _, address := range []string{"http://10.0.0.1/keys", "http://issuer.example/keys", "https://issuer.example/keys"} {
		_, err := fetchKeys(t.Context(), client, address)
		if want := strings.HasPrefix(address, "https:"); err == nil || (sent > 0) != want {
			t.Errorf("%s: %v, sent %d", address, err, sent)
		}
	}
}

func TestIsSafe_is_https_or_this_machine(t *testing.T) {
	t.Parallel()
	for text, safe := range map[string]bool{
		"https://issuer.example":          true,
		"https://10.0.0.1/realms/tickets": true,
		"https://192.168.1.10:8443":       true,
		"http://localhost:8080":           true,
		"http://127.0.0.1":                true,
		"http://127.1.2.3:80":             true,
		"http://[::1]:80":                 true,
		"http://10.0.0.1":                 false,
		"http://issuer.example":           false,
		"http://localhost.example":        false,
		"http://127.0.0.1.example":        false,
		"ftp://localhost":                 false,
		"file:///etc/passwd":              false,
		"https://":                        false,
		"localhost":                       false,
	} {
		address, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if IsSafe(address) != safe {
			t.Errorf("%s: %v", text, !safe)
		}
	}
}
