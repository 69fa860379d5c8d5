package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"quantix/internal/models"
)

// A place in the feed of all events is sent as a cursor: its numbers, and a hash over them that keeps other lists'
// cursors and slips of the hand out. It is no secret.
const (
	placeBytes = 4 + 8 + 16 + 8
	placeHash  = 6
)

var placeLength = base64.RawURLEncoding.EncodedLen(placeBytes + placeHash)

func appendPlace(b []byte, p models.FeedPlace) []byte {
	var room [placeBytes + placeHash]byte
	raw := binary.BigEndian.AppendUint32(room[:0], p.Epoch)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.Tx))
	raw = append(raw, p.Event[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.Seq))
	sum := placeSum(raw)
	return base64.RawURLEncoding.AppendEncode(b, append(raw, sum[:placeHash]...))
}

func placeSum(raw []byte) [sha256.Size]byte {
	var room [len(feedPath) + placeBytes]byte
	return sha256.Sum256(append(append(room[:0], feedPath...), raw...))
}

// parsePlace reads what appendPlace wrote. Error: models.ErrInvalidCursor.
func parsePlace(cursor string) (*models.FeedPlace, error) {
	if len(cursor) != placeLength {
		return nil, models.ErrInvalidCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != placeBytes+placeHash { // the decoder steps over line breaks
		return nil, models.ErrInvalidCursor
	}
	sum := placeSum(raw[:placeBytes])
	if string(sum[:placeHash]) != string(raw[placeBytes:]) {
		return nil, models.ErrInvalidCursor
	}
	p := &models.FeedPlace{
		Epoch: binary.BigEndian.Uint32(raw), Tx: int64(binary.BigEndian.Uint64(raw[4:])),
		Event: models.EventID(raw[12:28]), Seq: int64(binary.BigEndian.Uint64(raw[28:])),
	}
	if p.Tx < 0 || p.Seq < 0 {
		return nil, models.ErrInvalidCursor
	}
	return p, nil
}
