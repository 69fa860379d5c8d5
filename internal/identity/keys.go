package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"quantix/internal/models"
)

// A key is keyPrefix and the base32 of its secret and the secret's checksum, in lower case and without padding. The
// checksum lets a scanner, and HashKey, tell a key from what only looks like one.
const (
	keyPrefix    = "qx_"
	secretBytes  = len(models.KeyHash{})
	checkedBytes = secretBytes + crc32.Size
	digits       = (checkedBytes*8 + digitBits - 1) / digitBits
	digitBits    = 5
	spareBits    = digits*digitBits - checkedBytes*8 // of the last digit
	alphabet     = "abcdefghijklmnopqrstuvwxyz234567"
)

// KeyLength is the length of every key, in characters.
const KeyLength = len(keyPrefix) + digits

// KeyPattern is the regular expression of a key, for scanners that look for secrets in places where none belong.
const KeyPattern = `qx_[a-z2-7]{57}[aeimquy4]`

var encoding = base32.NewEncoding(alphabet).WithPadding(base32.NoPadding)

// NewKey makes a key of new random bytes. Its text is shown once, its hash is what is kept.
func NewKey() (text string, hash models.KeyHash) {
	var key [checkedBytes]byte
	rand.Read(key[:secretBytes]) // it never fails: Go ends the program instead
	binary.BigEndian.PutUint32(key[secretBytes:], checksum(key[:secretBytes]))
	return keyPrefix + encoding.EncodeToString(key[:]), sha256.Sum256(key[:secretBytes])
}

// HashKey returns the hash of a key's secret; false for what is no key, in which case nobody needs to be asked for it.
// It allocates nothing: every request of a program comes through here.
func HashKey(text string) (models.KeyHash, bool) {
	var key [checkedBytes]byte
	if len(text) != KeyLength || text[:len(keyPrefix)] != keyPrefix || !decode(&key, text[len(keyPrefix):]) {
		return models.KeyHash{}, false
	}
	if binary.BigEndian.Uint32(key[secretBytes:]) != checksum(key[:secretBytes]) {
		return models.KeyHash{}, false
	}
	return sha256.Sum256(key[:secretBytes]), true
}

// checksum is the CRC-32 of IEEE. The library's own would have the bytes on the heap, as it calls what suits the
// processor through a variable.
func checksum(text []byte) uint32 {
	sum := ^uint32(0)
	for _, b := range text {
		sum = crc32.IEEETable[byte(sum)^b] ^ sum>>8
	}
	return ^sum
}

// decode reads base32 as the standard library would, without its allocations, and refuses a second way to write the
// same bytes: spare bits that are set.
func decode(key *[checkedBytes]byte, text string) bool {
	var bits uint64 // those that make no byte yet
	have, at := 0, 0
	for i := range len(text) {
		digit := strings.IndexByte(alphabet, text[i])
		if digit < 0 {
			return false
		}
		bits, have = bits<<digitBits|uint64(digit), have+digitBits
		if have >= 8 {
			have -= 8
			key[at] = byte(bits >> have)
			at++
		}
	}
	return bits&(1<<spareBits-1) == 0
}
