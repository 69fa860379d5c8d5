package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"strconv"
	"time"

	"quantix/internal/models"
)

// A cursor is a position in one list under one set of filters: sort key, id, and a hash over both and the list. The
// hash keeps a cursor from being used on another list or with other filters, where it would silently skip items. It is
// no secret: whoever forges one only picks where to start reading.
const (
	cursorHash = 10
	cursorSize = 8 + 16 + cursorHash
)

// cursorLength is how long a cursor is as it is sent.
var cursorLength = base64.RawURLEncoding.EncodedLen(cursorSize)

// A list names what a cursor belongs to: the path, and the filters in a fixed order.
type list struct {
	path    string
	filters url.Values // those that are set; without limit and cursor
}

func (l list) sum(position []byte) [sha256.Size]byte {
	text := append([]byte(l.path+"?"+l.filters.Encode()+"#"), position...)
	return sha256.Sum256(text)
}

// encode makes the cursor of a position.
func (l list) encode(p models.Position) string {
	raw := make([]byte, 0, cursorSize)
	raw = binary.BigEndian.AppendUint64(raw, uint64(p.Time.UnixMicro()))
	raw = append(raw, p.ID[:]...)
	sum := l.sum(raw)
	raw = append(raw, sum[:cursorHash]...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// decode reads a cursor; empty: from the start. Error: models.ErrInvalidCursor.
func (l list) decode(cursor string) (*models.Position, error) {
	if cursor == "" {
		return nil, nil
	}
	if len(cursor) != cursorLength {
		return nil, models.ErrInvalidCursor
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != cursorSize { // the decoder steps over line breaks, so the length is looked at twice
		return nil, models.ErrInvalidCursor
	}
	position, hash := raw[:cursorSize-cursorHash], raw[cursorSize-cursorHash:]
	if sum := l.sum(position); string(sum[:cursorHash]) != string(hash) {
		return nil, models.ErrInvalidCursor
	}
	p := &models.Position{Time: time.UnixMicro(int64(binary.BigEndian.Uint64(position))).UTC()}
	copy(p.ID[:], position[8:])
	if year := p.Time.Year(); year < 1 || year > 9999 { // we make no such cursor, and no database could compare it
		return nil, models.ErrInvalidCursor
	}
	return p, nil
}

// next is the Link header of a page that is not the last; no limit is 0.
func (l list) next(limit int, last models.Position) string {
	query := url.Values{}
	for name, values := range l.filters {
		query[name] = values
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	query.Set("cursor", l.encode(last))
	return "<" + l.path + "?" + query.Encode() + `>; rel="next"`
}

// Paging is the parameters that every list has.
type Paging struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many items at most."`
	Cursor string `query:"cursor" maxLength:"128" doc:"Where to go on: the cursor of the Link header (rel=next) of the page before, with the same filters."`
}

// page asks the store for one item more than the client did: that reports whether a next page exists. At the largest
// limit the store gives no more, so there a full page says that there may be one.
func (p Paging) page(l list) (models.Page, error) {
	after, err := l.decode(p.Cursor)
	return models.Page{Limit: min(p.Limit+1, models.MaxLimit), After: after}, err
}

// listOutput is a page of a list.
type listOutput[B any] struct {
	Link string `header:"Link" doc:"The next page, where there may be one (rel=next)."`
	Body []B    `nullable:"false"`
}

// cut makes the answer from what the store gave.
func cut[T, B any](p Paging, l list, items []T, position func(T) models.Position, wire func(T) B) *listOutput[B] {
	given := items[:min(len(items), p.Limit)]
	out := &listOutput[B]{Body: make([]B, 0, len(given))}
	for _, item := range given {
		out.Body = append(out.Body, wire(item))
	}
	if len(items) > p.Limit || len(items) == models.MaxLimit {
		out.Link = l.next(p.Limit, position(given[len(given)-1]))
	}
	return out
}

// setFilter notes a filter that is set.
func (l *list) setFilter(name, value string) {
	if value == "" {
		return
	}
	if l.filters == nil {
		l.filters = url.Values{}
	}
	l.filters.Set(name, value)
}
