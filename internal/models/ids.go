package models

import (
	"crypto/sha256"
	"fmt"

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
)

// The ids of the domain. Events, users, bookings and batches get new UUIDv7s ([NewID]);
// charges, refunds and letters derive theirs from the booking, see [ChargeKey].
type (
	EventID   = ID[eventKind]
	UserID    = ID[userKind]
	BookingID = ID[bookingKind]
	ChargeID  = ID[chargeKind]
	RefundID  = ID[refundKind]
	LetterID  = ID[letterKind]
	BatchID   = ID[batchKind]
)

func init() {
	// A buffered source of randomness: an id is made for every booking, and a system call each would show.
	uuid.EnableRandPool()
}

// NewID returns a new UUIDv7: ids made later sort later, so that index pages fill in order.
func NewID[I ~[16]byte]() I {
	id, err := uuid.NewV7()
	if err != nil {
		panic(fmt.Sprintf("the system's source of randomness failed: %v", err))
	}
	return I(id)
}

// ParseID reads the canonical 36-character form of a UUID, in either case, and nothing else.
func ParseID[I ~[16]byte](s string) (I, error) {
	var zero I
	if len(s) != 36 {
		return zero, fmt.Errorf("%q is not a UUID", clip(s, 64))
	}
	id, err := uuid.Parse(s)
	if err != nil {
		return zero, fmt.Errorf("%q is not a UUID", clip(s, 64))
	}
	return I(id), nil
}

// String is the canonical lower-case form.
func (id ID[K]) String() string { return uuid.UUID(id).String() }

// IsZero tells whether the id was never set.
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
	id[6] = id[6]&0x0f | 0x80 // version 8: the program's own layout (RFC 9562)
	id[8] = id[8]&0x3f | 0x80
	return id
}

// clip shortens text from outside before it is repeated in a message.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
