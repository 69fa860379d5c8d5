package feed

import (
	"context"
	"io"
	"sync"
	"time"

	"quantix/internal/models"
)

// maxTail is how many bytes of the newest entries of all events are kept for those who read them.
const maxTail = 2 << 20

// follower reads the feed of all events for all who have come to its end. Only the store can tell which place comes
// after which, so it keeps the newest entries in a row: a reader whose place is among them needs no query.
type follower struct {
	feed *Feed

	mu      sync.Mutex
	readers int
	running bool
	ready   bool             // head is a place: there is a tail
	head    models.FeedPlace // of the newest entry; zero: before the first
	tail    []*piece
	bytes   int
	places  map[models.FeedPlace]mark
	looked  chan struct{} // closed when it was looked for more
	news    chan struct{} // closed when there is more
}

// A mark is where an entry of the tail ends.
type mark struct {
	piece *piece
	end   int
}

func newFollower(f *Feed) *follower {
	return &follower{
		feed: f, looked: make(chan struct{}), news: make(chan struct{}), places: map[models.FeedPlace]mark{},
	}
}

// begin has the tail begin behind a place that was the newest, unless there is one.
func (f *follower) begin(at models.FeedPlace) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ready {
		return
	}
	first := &piece{places: []models.FeedPlace{at}, ends: []int{0}} // which has no text
	f.ready, f.head, f.tail, f.places[at] = true, at, []*piece{first}, mark{first, 0}
	if !f.running {
		f.running = true
		go f.run()
	}
}

// run looks for more until there is nobody left. What takes long is done less often.
func (f *follower) run() {
	for {
		began := time.Now()
		if !f.look() {
			return
		}
		next := time.NewTimer(max(f.feed.lookTime(), 4*time.Since(began)) - time.Since(began))
		select {
		case <-next.C:
		case <-f.feed.stop:
			next.Stop()
			f.mu.Lock()
			f.drop()
			f.running = false
			f.mu.Unlock()
			return
		}
	}
}

// look reads on to the newest entry. It reports whether it is to be done again.
func (f *follower) look() bool {
	for {
		f.mu.Lock()
		if f.readers == 0 || !f.ready {
			f.drop()
			f.running = false
			f.mu.Unlock()
			return false
		}
		head := f.head
		f.mu.Unlock()
		pieces, short, err := f.feed.loadAll(head)
		f.mu.Lock()
		if f.extend(pieces); err != nil && !passes(err) { // each reader is told by a look of its own
			f.drop()
		}
		ends := short || err != nil
		if ends {
			announce(&f.looked)
		}
		f.mu.Unlock()
		if ends {
			return true
		}
	}
}

// drop forgets the tail.
func (f *follower) drop() {
	f.ready, f.head, f.tail, f.bytes = false, models.FeedPlace{}, nil, 0
	clear(f.places)
	announce(&f.news)
}

// extend appends to the tail, and forgets its beginning where it has grown too long.
func (f *follower) extend(pieces []*piece) {
	if len(pieces) == 0 {
		return
	}
	for _, p := range pieces {
		f.tail[len(f.tail)-1].next = p
		for i, place := range p.places {
			f.places[place] = mark{p, p.ends[i]}
		}
		f.tail, f.bytes, f.head = append(f.tail, p), f.bytes+len(p.text), p.last()
	}
	for f.bytes > maxTail && len(f.tail) > 1 {
		for _, place := range f.tail[0].places {
			delete(f.places, place)
		}
		f.bytes -= len(f.tail[0].text)
		f.tail = f.tail[1:]
	}
	announce(&f.news)
}

// after returns what the tail has after a place, and the place where that ends: nothing after the newest. It reports
// whether the place is in the tail at all.
func (f *follower) after(place models.FeedPlace) (text []byte, end models.FeedPlace, is bool) {
	m, is := f.places[place]
	switch {
	case !is:
		return nil, place, false
	case m.end < len(m.piece.text):
		return m.piece.text[m.end:], m.piece.last(), true
	case m.piece.next != nil:
		return m.piece.next.text, m.piece.next.last(), true
	}
	return nil, place, true
}

// loadAll reads what follows a place in the feed of all events. It reports whether there was no more.
func (f *Feed) loadAll(after models.FeedPlace) ([]*piece, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var from *models.FeedPlace
	if after != (models.FeedPlace{}) {
		from = &after
	}
	entries, err := turn(ctx, f.reads, func() ([]models.Entry, error) { return f.store.Feed(ctx, from, MaxLimit) })
	if err != nil {
		return nil, false, err
	}
	pieces, size := split(entries, f.options.Encoding.Placed), 0
	for _, p := range pieces {
		size += len(p.text)
	}
	// What was read is shorter than what it became: where that is short, no bound has cut it off.
	return pieces, len(entries) < MaxLimit && size < models.MaxEntryBytes, nil
}

// allSource shows the feed of all events.
type allSource struct {
	feed  *Feed
	place models.FeedPlace
	short bool // its last chunk ended with the newest entry
}

// Everything opens a stream of all events' journals after a place, or from the first entry that is kept (nil). Errors:
// models.ErrFeedGone, models.ErrFeedAhead, models.ErrUnavailable.
func (f *Feed) Everything(ctx context.Context, after *models.FeedPlace) (*Stream, error) {
	return f.stream(ctx, func() source {
		s := &allSource{feed: f}
		if after != nil {
			s.place = *after
		}
		f.follower.count(1)
		return s
	})
}

func (f *follower) count(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers += n
}

func (s *allSource) close() { s.feed.follower.count(-1) }

func (s *allSource) next(ctx context.Context, wait <-chan time.Time) ([]byte, error) {
	f := s.feed.follower
	for {
		f.mu.Lock()
		text, end, known := f.after(s.place)
		ready, wake := f.ready, f.news
		if !known {
			wake = f.looked
		}
		f.mu.Unlock()
		switch {
		case text != nil:
			s.place, s.short = end, false
			return text, nil
		case !known && s.short && !ready: // the first to come to the end
			f.begin(s.place)
			continue
		case !known && !s.short: // before the tail, or not to be told from that
			place := s.place
			c, err := s.feed.chunks.get(ctx, chunkKey{all: true, after: place}, func() ([]*piece, bool, error) {
				return s.feed.loadAll(place)
			})
			if err != nil {
				return nil, err
			}
			if s.short = c.short; c.piece != nil {
				s.place = c.last()
				return c.text, nil
			}
			continue
		}
		select {
		case <-wake:
			s.short = false
		case <-wait:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.feed.stop:
			return nil, io.EOF
		}
	}
}
