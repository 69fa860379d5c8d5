package sqlite

import (
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// This file is the border between the types of models and those of SQLite: ids are 16 bytes, times are microseconds
// since 1970 with NULL for zero, amounts are minor units beside their currency.

// row gives the values of one row of a result, from left to right. The first value of another type than asked for is
// kept as the row's error.
type row struct {
	values []driver.Value
	next   int
	err    error
}

func (r *row) value() driver.Value {
	r.next++
	return r.values[r.next-1]
}

func (r *row) wrong(value driver.Value, wanted string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: column %d of the result holds %T, not %s", repository.ErrRejected, r.next, value, wanted)
	}
}

func (r *row) int() int64 {
	switch v := r.value().(type) {
	case int64:
		return v
	case nil:
		return 0
	default:
		r.wrong(v, "a number")
		return 0
	}
}

// bool reads what golang-migrate declares as a boolean.
func (r *row) bool() bool {
	switch v := r.value().(type) {
	case bool:
		return v
	case int64:
		return v != 0
	default:
		r.wrong(v, "a truth value")
		return false
	}
}

func (r *row) text() string {
	switch v := r.value().(type) {
	case string:
		return v
	case nil:
		return ""
	default:
		r.wrong(v, "a text")
		return ""
	}
}

func (r *row) bytes() []byte {
	switch v := r.value().(type) {
	case []byte:
		return v
	case nil:
		return nil
	default:
		r.wrong(v, "bytes")
		return nil
	}
}

func (r *row) id() (id [16]byte) {
	if b := r.bytes(); len(b) == len(id) {
		copy(id[:], b)
	} else if b != nil {
		r.wrong(b, "an id")
	}
	return id
}

func (r *row) time() time.Time {
	switch v := r.value().(type) {
	case int64:
		return time.UnixMicro(v).UTC()
	case nil:
		return time.Time{}
	default:
		r.wrong(v, "a time")
		return time.Time{}
	}
}

// micros returns a time as it is stored.
func micros(t time.Time) int64 { return t.UnixMicro() }

// nullMicros returns a time, NULL for zero.
func nullMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// microsOr returns a bound for a range of times: the time, or when it is zero the given end of the numbers.
func microsOr(t time.Time, end int64) int64 {
	if t.IsZero() {
		return end
	}
	return t.UnixMicro()
}

// The ends of the numbers, and the id that comes after every other.
const (
	first = math.MinInt64
	last  = math.MaxInt64
)

var lastID = [16]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// nullID returns an id, NULL for zero.
func nullID[K any](id models.ID[K]) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// nullText returns a text, NULL for the empty one.
func nullText[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// clean makes a text from outside storable: valid UTF-8 without NUL, as every store of ours keeps it.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// hashBytes returns the request's hash, NULL where no key needs it.
func hashBytes(b *models.Booking) any {
	if b.IdempotencyKey == "" && b.RequestHash == (models.RequestHash{}) {
		return nil
	}
	return b.RequestHash[:]
}

// idSet writes ids as the JSON array of hexadecimal texts that json_each and unhex read: one statement looks up many
// rows. Repeats are left out, since a join would multiply them.
func idSet[I ~[16]byte](ids []I) string {
	seen := make(map[I]struct{}, len(ids))
	text := append(make([]byte, 0, 2+35*len(ids)), '[')
	for _, id := range ids {
		if _, known := seen[id]; known {
			continue
		}
		seen[id] = struct{}{}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(text, '"')
		text = hex.AppendEncode(text, id[:])
		text = append(text, '"')
	}
	return string(append(text, ']'))
}

// keySet writes keys as pairs of the user's id and the text, likewise.
func keySet(keys []models.ReplayKey) (string, error) {
	seen := make(map[models.ReplayKey]bool, len(keys))
	pairs := make([][2]string, 0, len(keys))
	for _, k := range keys {
		if !seen[k] {
			seen[k] = true
			pairs = append(pairs, [2]string{hex.EncodeToString(k.User[:]), k.Key})
		}
	}
	text, err := json.Marshal(pairs)
	return string(text), err
}

// refSet writes references as pairs of ids, likewise.
func refSet(refs []models.BookingRef) string {
	seen := make(map[models.BookingRef]bool, len(refs))
	pairs := make([]string, 0, len(refs))
	for _, r := range refs {
		if !seen[r] {
			seen[r] = true
			pairs = append(pairs, fmt.Sprintf(`["%x","%x"]`, r.Event[:], r.Booking[:]))
		}
	}
	return "[" + strings.Join(pairs, ",") + "]"
}

// joinIDs puts ids one after another; splitIDs takes them apart.
func joinIDs[I ~[16]byte](ids []I) []byte {
	joined := make([]byte, 0, 16*len(ids))
	for _, id := range ids {
		joined = append(joined, id[:]...)
	}
	return joined
}

func splitIDs[I ~[16]byte](joined []byte) ([]I, error) {
	if len(joined)%16 != 0 {
		return nil, fmt.Errorf("%w: a stored list of ids has a torn end", repository.ErrRejected)
	}
	ids := make([]I, len(joined)/16)
	for i := range ids {
		ids[i] = I(joined[16*i : 16*i+16])
	}
	return ids, nil
}
