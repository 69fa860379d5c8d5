package identity

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"quantix/internal/models"
)

const (
	// askIssuerEvery is how often the issuer is asked at most, however many tokens come with keys that are not known.
	askIssuerEvery = time.Second
	// refreshEvery is how often it is asked unprompted: a key that it has taken back counts no longer than that, while
	// it answers. When it does not, it is asked again after retryAfter.
	refreshEvery = 5 * time.Minute
	retryAfter   = 10 * time.Second
	// rediscoverEvery is how often it is asked where its keys are.
	rediscoverEvery = time.Hour
	// maxIssuerKeys bounds the keys that are kept, and minRSA their strength (RFC 7518, 3.3).
	maxIssuerKeys = 100
	minRSA        = 2048
)

// issuer knows the public keys of who issues tokens. While the issuer is away, those that are known go on.
type issuer struct {
	name    string // its URL, as it writes it itself
	client  *http.Client
	gate    *Gate
	changed func() // a key has gone

	mu    sync.Mutex
	keys  map[string][]jose.JSONWebKey // by key id
	round *round                       // the newest; nil: none yet

	keysURL    string // of the rounds, of which one runs at a time
	discovered time.Duration
}

// round is one time that the issuer is asked.
type round struct {
	begun time.Duration
	done  chan struct{}
	err   error
}

func newIssuer(g *Gate, name string, changed func()) *issuer {
	return &issuer{name: name, client: newIssuerClient(), gate: g, changed: changed}
}

// refresh asks now and then until the context ends.
func (i *issuer) refresh(ctx context.Context) {
	for {
		pause := refreshEvery
		if err := i.ask(ctx); err != nil {
			pause = retryAfter
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return
		}
	}
}

// keysOf returns the keys that have an id; the issuer is asked for one that is not known. Errors:
// models.ErrUnauthorized, models.ErrIdentityUnavailable.
func (i *issuer) keysOf(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	if keys := i.known(id); len(keys) > 0 {
		return keys, nil
	}
	if err := i.ask(ctx); err != nil {
		return nil, models.ErrIdentityUnavailable.With(err)
	}
	if keys := i.known(id); len(keys) > 0 {
		return keys, nil
	}
	return nil, errUnknownKey
}

func (i *issuer) known(id string) []jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys[id]
}

// ask asks the issuer for its keys, together with all who want them now. What it said less than a second ago stands.
func (i *issuer) ask(ctx context.Context) error {
	r := i.join()
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (i *issuer) join() *round {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r := i.round; r != nil {
		select {
		case <-r.done:
			if i.gate.now()-r.begun < askIssuerEvery {
				return r
			}
		default:
			return r
		}
	}
	r := &round{begun: i.gate.now(), done: make(chan struct{}), err: errPanic}
	i.round = r
	go i.run(r)
	return r
}

func (i *issuer) run(r *round) {
	defer close(r.done)
	i.gate.guarded(func() { r.err = i.fetch() })
	if r.err != nil {
		i.gate.spells.Fault(slog.LevelWarn, "issuer", "the issuer of tokens cannot be asked for its keys; those that are known go on",
			slog.String("issuer", i.name), slog.Any("error", r.err))
		return
	}
	i.gate.spells.Over("issuer")
}

// fetch reads the issuer's keys, and now and then where they are.
func (i *issuer) fetch() error {
	ctx := oidc.ClientContext(context.Background(), i.client)
	if now := i.gate.now(); i.keysURL == "" || now-i.discovered > rediscoverEvery {
		url, err := discover(ctx, i.name)
		switch {
		case err == nil:
			i.keysURL, i.discovered = url, now
		case i.keysURL == "":
			return err
		}
	}
	keys, err := fetchKeys(ctx, i.client, i.keysURL)
	if err != nil {
		return err
	}
	i.mu.Lock()
	old := i.keys
	i.keys = keys
	i.mu.Unlock()
	for id := range old {
		if !slices.EqualFunc(old[id], keys[id], sameKey) {
			i.changed()
			break
		}
	}
	return nil
}

func sameKey(a, b jose.JSONWebKey) bool {
	key, is := a.Key.(interface{ Equal(crypto.PublicKey) bool })
	return is && key.Equal(b.Key) && a.Algorithm == b.Algorithm
}

// discover asks an issuer where its keys are.
func discover(ctx context.Context, name string) (string, error) {
	provider, err := oidc.NewProvider(ctx, name)
	if err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	var document struct {
		KeysURL string `json:"jwks_uri"`
	}
	if err := provider.Claims(&document); err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	if document.KeysURL == "" {
		return "", errors.New("discovery: the issuer does not say where its keys are (jwks_uri)")
	}
	return document.KeysURL, nil
}

// fetchKeys reads a set of keys, and leaves out what is of no use: other kinds, weak ones, those that are not for
// signatures, those without an id.
func fetchKeys(ctx context.Context, client *http.Client, url string) (map[string][]jose.JSONWebKey, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("keys: the issuer answers %s", response.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys := map[string][]jose.JSONWebKey{}
	for _, text := range set.Keys[:min(len(set.Keys), maxIssuerKeys)] {
		var key jose.JSONWebKey
		if json.Unmarshal(text, &key) == nil && usable(&key) {
			keys[key.KeyID] = append(keys[key.KeyID], key)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("keys: the issuer has none that can be used: RSA of 2048 bits or more, EC P-256 or Ed25519, each with a kid")
	}
	return keys, nil
}

func usable(key *jose.JSONWebKey) bool {
	if key.KeyID == "" || key.Use != "" && key.Use != "sig" || !key.Valid() {
		return false
	}
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		return public.N.BitLen() >= minRSA
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// CheckIssuer asks an issuer for its keys as a server would, and returns how many key ids it has.
func CheckIssuer(ctx context.Context, name string) (keys int, err error) {
	client := newIssuerClient()
	ctx = oidc.ClientContext(ctx, client)
	address, err := discover(ctx, name)
	if err != nil {
		return 0, err
	}
	found, err := fetchKeys(ctx, client, address)
	return len(found), err
}
