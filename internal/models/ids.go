package models

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// ID is a UUID that belongs to one kind of thing, so that a user's id cannot be passed for an event's.
type ID[K any] [16]byte

type (
	eventKind   struct{}
	userKind    struct{}
	bookingKind struct{}
	chargeKind  struct{}
	refundKind  struct{}
	letterKind  struct{}
	batchKind   struct{}
	processKind struct{}

	organizerKind struct{}
	keyKind       struct{}
	accessKind    struct{}
)

// The ids of the domain. Charges, refunds and letters derive
// theirs from the booking, see [ChargeKey]; all others get new UUIDv7s ([NewID]).
type (
	EventID   = ID[eventKind]
	UserID    = ID[userKind]
	BookingID = ID[bookingKind]
	ChargeID  = ID[chargeKind]
	RefundID  = ID[refundKind]
	LetterID  = ID[letterKind]
	BatchID   = ID[batchKind]
	ProcessID = ID[processKind]

	OrganizerID = ID[organizerKind]
	KeyID       = ID[keyKind]
	AccessID    = ID[accessKind]
)

// NewID returns a new UUIDv7: ids made later sort later, so that index pages fill in order. The random part comes from
// the runtime's ChaCha8, which every process seeds from the system: ids are unique, not secret.
func NewID[I ~[16]byte]() I {
	var id I
	tick := nextTick()
	binary.BigEndian.PutUint64(id[:8], uint64(tick>>12<<16|0x7000|tick&0xfff)) // version 7 (RFC 9562)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()>>2|1<<63)
	return id
}

// lastTick is what nextTick gave last.
var lastTick atomic.Int64

// nextTick returns the time as an id begins with it: milliseconds in the upper bits, the fraction in units of 256 ns in
// the lower 12. Within a process each is greater than the one before.
func nextTick() int64 {
	now := time.Now().UnixNano()
	tick := now/1e6<<12 | now%1e6>>8
	for {
		last := lastTick.Load()
		tick = max(tick, last+1)
		if lastTick.CompareAndSwap(last, tick) {
			return tick
		}
	}
}

// ParseID reads the canonical 36-character form of a UUID, in either case, and nothing else.
func ParseID[I ~[16]byte, T string | []byte](s T) (I, error) {
	var id I
	if len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		var digits [32]byte
		copy(digits[:8], s[:8])
		copy(digits[8:12], s[9:13])
		copy(digits[12:16], s[14:18])
		copy(digits[16:20], s[19:23])
		copy(digits[20:], s[24:])
		if _, err := hex.Decode(id[:], digits[:]); err == nil {
			return id, nil
		}
	}
	var zero I
	return zero, fmt.Errorf("%q is not a UUID", Clip(string(s), 64))
}

// String is the canonical lower-case form.
func (id ID[K]) String() string { return uuid.UUID(id).String() }

// Append appends the canonical form.
func (id ID[K]) Append(b []byte) []byte {
	b = hex.AppendEncode(b, id[:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return b
}

// IsZero reports whether the id was never set.
func (id ID[K]) IsZero() bool { return id == ID[K]{} }

// Compare orders ids by their bytes, which for UUIDv7 is the order of their making.
func (id ID[K]) Compare(other ID[K]) int {
	for i := range id {
		if id[i] != other[i] {
			return int(id[i]) - int(other[i])
		}
	}
	return 0
}

// MarshalText writes the canonical form, for JSON and logs.
func (id ID[K]) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// UnmarshalText reads the canonical form.
func (id *ID[K]) UnmarshalText(text []byte) error {
	parsed, err := ParseID[ID[K]](string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// derive makes the id of a thing that hangs on a booking: the same thing always gets the same id, on any
// replica, and it keeps the booking's time prefix so that it sorts near it.
func derive[I ~[16]byte](booking BookingID, kind string, n int) I {
	sum := sha256.Sum256(fmt.Appendf(nil, "quantix/%s/%x/%d", kind, booking[:], n))
	var id I
	copy(id[:6], booking[:6])
	copy(id[6:], sum[:10])
	return ownLayout(id)
}

// MessageLetterID makes the id of the letter of a message of a queue, by its id there and its content: a redelivery's
// is the same.
func MessageLetterID(message, raw string) LetterID {
	sum := sha256.Sum256([]byte("quantix/message/" + message + "/" + raw))
	return ownLayout(LetterID(sum[:16]))
}

// ownLayout marks an id as of version 8: the program's own layout (RFC 9562).
func ownLayout[I ~[16]byte](id I) I {
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}

// MadeAt returns an id that is not greater than any that is made then or later.
func MadeAt[I ~[16]byte](at time.Time) (id I) {
	binary.BigEndian.PutUint64(id[:8], uint64(max(at.UnixMilli(), 0))<<16)
	return id
}

// MadeBefore returns an id that is less than every one that was made less than so long before a given one. Processes
// whose clocks differ by less than that agree on what comes after it.
func MadeBefore[I ~[16]byte](id I, long time.Duration) I {
	var earlier I
	made := binary.BigEndian.Uint64(id[:8]) >> 16 // milliseconds
	binary.BigEndian.PutUint64(earlier[:8], (made-min(made, uint64(long.Milliseconds())))<<16)
	return earlier
}
