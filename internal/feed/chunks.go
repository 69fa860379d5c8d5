package feed

import (
	"bytes"
	"context"
	"sync"

	"quantix/internal/models"
)

// maxPiece is how large a text grows before the next begins: what a slow reader keeps in memory until it has taken it.
const maxPiece = 64 << 10

// A piece is some entries in a row, as they are sent.
type piece struct {
	text   []byte
	places []models.FeedPlace // of its entries
	ends   []int              // where each of them ends in text
	next   *piece             // in the tail of all events
}

func (p *piece) last() models.FeedPlace { return p.places[len(p.places)-1] }

// split encodes entries, of an event's journal or of all.
func split(entries []models.Entry, encode func([]byte, *models.Entry) []byte) []*piece {
	var all []*piece
	p := &piece{}
	for i := range entries {
		e := &entries[i]
		p.text = encode(p.text, e)
		place := e.Place
		place.Event, place.Seq = e.Event, e.Seq
		p.places, p.ends = append(p.places, place), append(p.ends, len(p.text))
		if len(p.text) >= maxPiece {
			all, p = append(all, p), &piece{}
		}
	}
	if len(p.places) > 0 {
		all = append(all, p)
	}
	for _, p := range all {
		p.text = bytes.Clone(p.text) // without the room it has grown
	}
	return all
}

// chunkKey is what a chunk follows: a place in an event's journal, or in the feed of all events.
type chunkKey struct {
	all   bool
	after models.FeedPlace
}

// A chunk is what follows a place. It is read once for all who ask, and kept for those who come a little later: entries
// never change.
type chunk struct {
	done chan struct{} // closed after the others were set
	err  error
	*piece
	short bool // there was no more when it was read
}

// chunks keeps the newest chunks, up to some bytes.
type chunks struct {
	limit int

	mu    sync.Mutex
	known map[chunkKey]*chunk
	kept  []chunkKey // those that were read, oldest first
	bytes int        // of their texts
}

func newChunks(limit int) *chunks { return &chunks{limit: limit, known: map[chunkKey]*chunk{}} }

// get returns the chunk after a place, which load reads if nobody has.
func (c *chunks) get(ctx context.Context, key chunkKey, load func() ([]*piece, bool, error)) (*chunk, error) {
	c.mu.Lock()
	one := c.known[key]
	if one == nil {
		one = &chunk{done: make(chan struct{})}
		c.known[key] = one
		go c.load(key, one, load) // nobody's own: whoever asked first may leave
	}
	c.mu.Unlock()
	select {
	case <-one.done:
		return one, one.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// load reads what follows a place: the chunk that was asked for, and perhaps those behind it.
func (c *chunks) load(key chunkKey, one *chunk, load func() ([]*piece, bool, error)) {
	pieces, short, err := load()
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(one.done)
	if one.err = err; err != nil || len(pieces) == 0 {
		one.short = true
		delete(c.known, key)
		return
	}
	one.piece, one.short = pieces[0], short && len(pieces) == 1
	c.keep(key, one)
	done := one.done
	for i, p := range pieces[1:] {
		key.after = pieces[i].last()
		if c.known[key] == nil {
			behind := &chunk{done: done, piece: p, short: short && i+2 == len(pieces)}
			c.known[key] = behind
			c.keep(key, behind)
		}
	}
}

// keep remembers a chunk, and forgets the oldest. Of all events, one that ends with the newest entry is not kept:
// whoever came later would wait for more behind it.
func (c *chunks) keep(key chunkKey, one *chunk) {
	if key.all && one.short {
		delete(c.known, key)
		return
	}
	c.kept, c.bytes = append(c.kept, key), c.bytes+len(one.text)
	for c.bytes > c.limit && len(c.kept) > 1 {
		oldest := c.kept[0]
		c.bytes -= len(c.known[oldest].text)
		delete(c.known, oldest)
		c.kept = c.kept[1:]
	}
}
