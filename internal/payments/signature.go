package payments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SignatureTolerance is how far a callback's time may be from ours, either way. Gateways sign each delivery anew.
const SignatureTolerance = 5 * time.Minute

// CheckSignature checks a signature "t=<unix seconds>,v1=<hex>[,v1=<hex>…]", each the HMAC-SHA256 of
// "<seconds>.<body>", in constant time. There are several while a secret is being changed. The time is checked after
// the signature, which covers it. Errors: ErrForged, ErrStale.
func CheckSignature(secret []byte, signature string, body []byte, now time.Time) error {
	at, given := readSignature(signature)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if len(secret) == 0 || err != nil || !anyEqual(given, mac(secret, at, body)) {
		return ErrForged
	}
	return checkAge(seconds, now)
}

// Sign returns the signature of a body at a time, as CheckSignature takes it.
func Sign(secret []byte, now time.Time, body []byte) string {
	at := strconv.FormatInt(now.Unix(), 10)
	return "t=" + at + ",v1=" + hex.EncodeToString(mac(secret, at, body))
}

func checkAge(seconds int64, now time.Time) error {
	if age := now.Sub(time.Unix(seconds, 0)); age > SignatureTolerance || age < -SignatureTolerance {
		return ErrStale
	}
	return nil
}

// CheckSignatureHeader checks of a signature what can be checked without the body that it signs: that it has the form
// of one, and its time, which only CheckSignature can trust. Errors: ErrForged, ErrStale.
func CheckSignatureHeader(signature string, now time.Time) error {
	at, given := readSignature(signature)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || !slices.ContainsFunc(given, func(sum []byte) bool { return len(sum) == sha256.Size }) {
		return ErrForged
	}
	return checkAge(seconds, now)
}

func readSignature(signature string) (at string, given [][]byte) {
	for part := range strings.SplitSeq(signature, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch strings.TrimSpace(name) {
		case "t":
			at = value
		case "v1":
			if sum, err := hex.DecodeString(value); err == nil {
				given = append(given, sum)
			}
		}
	}
	return at, given
}

func mac(secret []byte, at string, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte(at + "."))
	h.Write(body)
	return h.Sum(nil)
}

// anyEqual compares in constant time.
func anyEqual(given [][]byte, want []byte) bool {
	for _, sum := range given {
		if hmac.Equal(sum, want) {
			return true
		}
	}
	return false
}
