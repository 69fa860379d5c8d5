// Package feed is how others read what happened: pages of an event's journal and of all journals together, and streams
// of them that a thousand readers may follow at the cost of one. What readers are promised, docs/feed.md says.
package feed

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// Limits of a page, in entries.
const (
	DefaultLimit = 100
	MaxLimit     = 500
)

// FromFirst is the place before the first entry that is kept: of a reader that knows nothing yet.
const FromFirst int64 = -1

// Encoding turns what streams carry into the text that is sent, by appending it. It is made once for all who read.
type Encoding struct {
	Entry  func([]byte, *models.Entry) []byte // of an event's journal
	Placed func([]byte, *models.Entry) []byte // of the feed of all events
	Live   func([]byte, *models.Event) []byte // an event's counters
}

// Options are a Feed's bounds. The zero value of each but MaxStreams has a default.
type Options struct {
	Encoding   Encoding
	MaxStreams int           // at once; 0: none
	Heartbeat  time.Duration // how long a stream is silent at most; default 15 s
	Patience   time.Duration // how long a reader may take for a piece of text; default 10 s
	Look       time.Duration // between two looks at what is new; default 250 ms
	LiveLook   time.Duration // between two looks at counters; default 1 s
	Buyers     func() int    // how many wait to be served; nil: none, as far as is known
	CacheBytes int           // of encoded entries that are kept for those who are a little behind; default 8 MB
}

// maxReads is how many queries may be under way at once, of streams and of pages each: whoever reads what happened must
// not take the store from those who buy.
const maxReads = 4

// readTimeout bounds a query of streams, which is nobody's own.
const readTimeout = 10 * time.Second

// Feed is the use cases of those who read what happened.
type Feed struct {
	store    repository.Journal
	options  Options
	pages    chan struct{} // holds a token for each page that is being read
	reads    chan struct{} // and for each chunk of a stream
	stop     chan struct{} // closed by Close
	stopping sync.Once

	watcher  *watcher
	follower *follower
	chunks   *chunks

	mu    sync.Mutex
	open  int   // streams
	turns int64 // how many were opened
}

// New reads from a store. Close ends its streams.
func New(store repository.Journal, o Options) *Feed {
	o.Heartbeat, o.Patience = cmp.Or(o.Heartbeat, 15*time.Second), cmp.Or(o.Patience, 10*time.Second)
	o.Look, o.LiveLook = cmp.Or(o.Look, 250*time.Millisecond), cmp.Or(o.LiveLook, time.Second)
	o.CacheBytes = cmp.Or(o.CacheBytes, 8<<20)
	f := &Feed{
		store: store, options: o, pages: make(chan struct{}, maxReads), reads: make(chan struct{}, maxReads),
		stop: make(chan struct{}), chunks: newChunks(o.CacheBytes),
	}
	f.watcher, f.follower = newWatcher(f), newFollower(f)
	return f
}

// Close ends all streams at once, and opens no more.
func (f *Feed) Close() { f.stopping.Do(func() { close(f.stop) }) }

// Page returns up to limit entries of an event after a seq, or from the first that is kept ([FromFirst]). Errors:
// models.ErrEventNotFound, models.ErrFeedGone, models.ErrFeedAhead.
func (f *Feed) Page(ctx context.Context, event models.EventID, after int64, limit int) (models.JournalPage, error) {
	return turn(ctx, f.pages, func() (models.JournalPage, error) { return f.read(ctx, event, after, limit) })
}

// All returns up to limit entries of all events after a place (nil: from the first that is kept). Errors:
// models.ErrFeedGone, models.ErrFeedAhead.
func (f *Feed) All(ctx context.Context, after *models.FeedPlace, limit int) ([]models.Entry, error) {
	return turn(ctx, f.pages, func() ([]models.Entry, error) { return f.store.Feed(ctx, after, limit) })
}

// Exists returns models.ErrEventNotFound of an event that never was.
func (f *Feed) Exists(ctx context.Context, event models.EventID) error {
	found, err := turn(ctx, f.pages, func() ([]models.Event, error) {
		return f.store.EventsByID(ctx, []models.EventID{event})
	})
	if err == nil && len(found) == 0 {
		return models.ErrEventNotFound
	}
	return err
}

// read reads a page, and says when its place is none any more, or not yet.
func (f *Feed) read(ctx context.Context, event models.EventID, after int64, limit int) (models.JournalPage, error) {
	page, err := f.store.Journal(ctx, event, max(after, 0), limit)
	switch {
	case err != nil:
		return models.JournalPage{}, err
	case after == FromFirst:
		return page, nil
	case page.Gone(after):
		return models.JournalPage{}, models.ErrFeedGone.Attr("first_seq", page.First)
	case after > page.Last:
		return models.JournalPage{}, models.ErrFeedAhead.Attr("last_seq", page.Last)
	}
	return page, nil
}

// turn runs a query when it is its turn, and explains what the store said.
func turn[T any](ctx context.Context, slots chan struct{}, query func() (T, error)) (T, error) {
	var none T
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return none, models.ErrUnavailable.With(fmt.Errorf("waiting for a turn to read the journal: %w", ctx.Err()))
	}
	value, err := query()
	return value, repository.ToDomain(err)
}
