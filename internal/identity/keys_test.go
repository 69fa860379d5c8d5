package identity

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"regexp"
	"strings"
	"testing"

	"quantix/internal/models"
)

func TestNewKey_makes_what_HashKey_knows(t *testing.T) {
	t.Parallel()
	pattern := regexp.MustCompile("^" + KeyPattern + "$")
	seen := map[models.KeyHash]bool{}
	for range 1000 {
		text, hash := NewKey()
		got, is := HashKey(text)
		if !is || got != hash || seen[hash] || len(text) != KeyLength || !pattern.MatchString(text) {
			t.Fatalf("%v %v, length %d, matches %v, seen %v", is, got == hash, len(text), pattern.MatchString(text), seen[hash])
		}
		seen[hash] = true
	}
}

// The form of a key is for good: those that are out must go on, and scanners know it. So here is one.
func TestHashKey_knows_a_key_of_long_ago(t *testing.T) {
	t.Parallel()
	var key [checkedBytes]byte
	for i := range secretBytes {
		key[i] = byte(i)
	}
	binary.BigEndian.PutUint32(key[secretBytes:], crc32.ChecksumIEEE(key[:secretBytes]))
	const text = "qx_aaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypzcjt6ri"
	if made := keyPrefix + encoding.EncodeToString(key[:]); made != text {
		t.Errorf("%q, want %q", made, text)
	}
	if _, is := HashKey(text); !is {
		t.Error("it is no key any more")
	}
}

// Scanners of secrets are told by the documentation what a key looks like.
func TestKeyPattern_is_in_the_documentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	sample := regexp.MustCompile(KeyPattern).FindString(string(text))
	if _, is := HashKey(sample); !is || !strings.Contains(string(text), "`"+KeyPattern+"`") {
		t.Errorf("docs/security.md has another pattern, or %q, which is no key", sample)
	}
}

// No text but the one that was made is the key.
func TestHashKey_refuses_a_key_with_one_character_changed(t *testing.T) {
	t.Parallel()
	text, _ := NewKey()
	for at := range len(text) {
		for _, c := range []byte(alphabet + "ABCZ018_=\n\r \x00\xff") {
			changed := text[:at] + string(rune(c)) + text[at+1:]
			if _, is := HashKey(changed); is && changed != text {
				t.Errorf("character %d as %q is a key as well", at, c)
			}
		}
	}
}

func badKeys(key string) map[string]string {
	upper := strings.ToUpper(key)
	var tail [checkedBytes]byte // zeros, whose checksum is not zero
	return map[string]string{
		"the prefix alone":           keyPrefix,
		"upper case":                 upper,
		"upper case but the prefix":  keyPrefix + upper[len(keyPrefix):],
		"one character short":        key[:len(key)-1],
		"one character more":         key + "a",
		"padded":                     key + "======",
		"another prefix":             "qy_" + key[len(keyPrefix):],
		"without the prefix's score": "qx-" + key[len(keyPrefix):],
		"a wrong checksum":           keyPrefix + encoding.EncodeToString(tail[:]),
		"a line break inside":        key[:20] + "\n" + key[21:],
		"a space inside":             key[:20] + " " + key[21:],
		"twice":                      key + key,
		"two of them":                key + "," + key,
		"its half":                   key[:len(key)/2],
		"a byte that is no text":     key[:len(key)-1] + "\xff",
		"spare bits set":             key[:len(key)-1] + "b",
	}
}

func TestHashKey_refuses_what_is_no_key(t *testing.T) {
	t.Parallel()
	text, _ := NewKey()
	for name, bad := range badKeys(text) {
		if _, is := HashKey(bad); is {
			t.Errorf("%s: taken for a key", name)
		}
	}
}

func TestHashKey_allocates_nothing(t *testing.T) {
	text, _ := NewKey()
	for name, key := range map[string]string{"a key": text, "no key": text[:60] + "b", "a short one": "qx_"} {
		if n := testing.AllocsPerRun(1000, func() { HashKey(key) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func FuzzHashKey(f *testing.F) {
	text, _ := NewKey()
	f.Add(text)
	for _, bad := range badKeys(text) {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if _, is := HashKey(text); !is {
			return
		}
		if secret, err := encoding.DecodeString(text[len(keyPrefix):]); err != nil || keyPrefix+encoding.EncodeToString(secret) != text {
			t.Errorf("%q is no base32, or has another spelling: %v", text, err)
		}
	})
}
