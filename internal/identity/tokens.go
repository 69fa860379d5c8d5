package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"quantix/internal/models"
)

// OIDCOptions are about an issuer of tokens.
type OIDCOptions struct {
	Issuer     string // its URL, as it writes it itself
	Audience   string // that tokens for this server have
	RolesClaim string // a path such as realm_access.roles; empty: everybody is a customer
}

const (
	// leeway is how far the issuer's clock may differ from ours.
	leeway = 5 * time.Second
	// rememberFor is how long a token that was verified counts without being verified again.
	rememberFor = 5 * time.Minute
)

// algorithms are those by which tokens may be signed: asymmetric ones, so that a public key is no secret to sign with.
var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.PS256, jose.EdDSA}

var (
	errUnknownKey = refused("the issuer has no such key as the token names")
	errSignature  = refused("the token's signature is not the issuer's")
	errNoToken    = refused("the bearer token is neither a key nor a signed token of three parts")
	errHeader     = refused("the token's header cannot be read")
	errCritical   = refused("the token's header has crit, of which nothing is known here")
	errKind       = refused("the token's typ is neither JWT nor at+jwt")
	errUnnamedKey = refused("the token names no key (kid)")
)

// maxReason is how much of a library's reason is logged.
const maxReason = 200

// tokens knows the holders of tokens.
type tokens struct {
	gate     *Gate
	options  OIDCOptions
	issuer   *issuer
	verified *cache[[sha256.Size]byte, *claims]
	people   *cache[models.Subject, *models.Principal]
}

func newTokens(g *Gate, o OIDCOptions) *tokens {
	t := &tokens{
		gate: g, options: o,
		verified: newCache[[sha256.Size]byte, *claims](g.guarded),
		people:   newCache[models.Subject, *models.Principal](g.guarded),
	}
	t.issuer = newIssuer(g, o.Issuer, t.verified.drop)
	return t
}

// recall returns whose token it is, as far as that is remembered.
func (t *tokens) recall(text string) (who *models.Principal, known bool) {
	c, known := t.remembered(sha256.Sum256([]byte(text)))
	switch {
	case !known:
		return nil, false
	case c.staff != nil:
		return c.staff, true
	}
	return t.people.get(c.who.Subject)
}

// remembered returns what a token says that was verified a short while ago, and has not expired.
func (t *tokens) remembered(hash [sha256.Size]byte) (c *claims, known bool) {
	c, known = t.verified.get(hash)
	return c, known && t.gate.now() < c.expires
}

// holder finds out whose token it is.
func (t *tokens) holder(ctx context.Context, text string) (*models.Principal, error) {
	hash := sha256.Sum256([]byte(text))
	c, known := t.remembered(hash)
	if !known {
		var err error
		if c, err = t.verify(ctx, hash, text); err != nil {
			return nil, err
		}
	}
	if c.staff != nil {
		return c.staff, nil
	}
	return t.person(ctx, &c.who)
}

// verify checks a token, and remembers it if it is right.
func (t *tokens) verify(ctx context.Context, hash [sha256.Size]byte, text string) (*claims, error) {
	age := t.verified.current()
	c, err := (*claims)(nil), error(errPanic)
	t.gate.guarded(func() { c, err = t.check(ctx, text) })
	if err == nil {
		t.verified.put(age, hash, c)
	}
	return c, err
}

// check verifies a token's signature, then what it says.
func (t *tokens) check(ctx context.Context, text string) (*claims, error) {
	payload, err := t.signed(ctx, text)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	names := make([]string, len(algorithms))
	for i, algorithm := range algorithms {
		names[i] = string(algorithm)
	}
	verifier := oidc.NewVerifier(t.options.Issuer, signed(payload), &oidc.Config{
		ClientID: t.options.Audience, SupportedSigningAlgs: names,
		Now: func() time.Time { return now.Add(-leeway) },
	})
	token, err := verifier.Verify(ctx, text)
	if err != nil {
		return nil, refused(models.Clip(err.Error(), maxReason))
	}
	return t.read(token, payload, now)
}

// signed is the payload of a token whose signature was verified before, for the library to go on with.
type signed []byte

func (s signed) VerifySignature(context.Context, string) ([]byte, error) { return s, nil }

// signed returns the payload of a token if the issuer has signed it.
func (t *tokens) signed(ctx context.Context, text string) ([]byte, error) {
	if !isCompact(text) {
		return nil, errNoToken
	}
	token, err := jose.ParseSignedCompact(text, algorithms)
	if other, is := errors.AsType[*jose.ErrUnexpectedSignatureAlgorithm](err); is {
		return nil, refused(models.Clip(other.Error(), maxReason))
	}
	if err != nil {
		return nil, errHeader
	}
	header := token.Signatures[0].Protected
	if err := checkHeader(&header); err != nil {
		return nil, err
	}
	keys, err := t.issuer.keysOf(ctx, header.KeyID)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := token.Verify(key.Key); err == nil {
			return payload, nil
		}
	}
	return nil, errSignature
}

// checkHeader refuses a header that says that the token is something else, or names no key. What it says of where a
// key may be found is for nobody: keys are the issuer's, found by discovery.
func checkHeader(header *jose.Header) error {
	if _, critical := header.ExtraHeaders["crit"]; critical {
		return errCritical
	}
	if kind, given := header.ExtraHeaders[jose.HeaderType]; given {
		name, _ := kind.(string)
		name = strings.ToLower(name)
		if name = strings.TrimPrefix(name, "application/"); name != "jwt" && name != "at+jwt" {
			return errKind
		}
	}
	if header.KeyID == "" {
		return errUnnamedKey
	}
	return nil
}

// isCompact reports whether a text is three parts of base64, each written in the one way that there is.
func isCompact(text string) bool {
	parts := 0
	for part := range strings.SplitSeq(text, ".") {
		if parts++; parts > 3 || part == "" || strings.ContainsAny(part, "\r\n") {
			return false
		}
		if _, err := base64.RawURLEncoding.Strict().DecodeString(part); err != nil {
			return false
		}
	}
	return parts == 3
}
