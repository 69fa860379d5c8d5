package feed

import (
	"context"
	"io"
	"sync"
	"time"

	"quantix/internal/models"
	"quantix/internal/repository"
)

// watcher looks at all events that somebody reads or watches: one query for all of them, and only while there are some.
type watcher struct {
	feed *Feed
	wake chan struct{} // there is an event that was not looked at yet

	mu      sync.Mutex
	topics  map[models.EventID]*topic
	running bool
}

// A topic is an event that somebody reads or watches, as it stood when it was last looked at. The watcher's mutex
// guards it.
type topic struct {
	event    models.EventID
	readers  int // of its entries
	watchers int // of its counters

	looks   int   // how often it was looked at
	fault   error // why the last look has failed
	missing bool  // there is no such event
	head    int64 // the newest entry's seq

	figures models.Stock
	live    []byte // the counters as a message; nil: not made yet
	version int    // of live

	looked   chan struct{} // closed when it was looked at
	news     chan struct{} // closed when head has moved
	liveNews chan struct{} // closed when live has changed
}

func newWatcher(f *Feed) *watcher {
	return &watcher{feed: f, wake: make(chan struct{}, 1), topics: map[models.EventID]*topic{}}
}

// join returns an event's topic for one more, who reads its entries or watches its counters.
func (w *watcher) join(event models.EventID, entries bool) *topic {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.topics[event]
	if t == nil {
		t = &topic{event: event, looked: make(chan struct{}), news: make(chan struct{}), liveNews: make(chan struct{})}
		w.topics[event] = t
	}
	if entries {
		t.readers++
	} else {
		t.watchers++
	}
	if !w.running {
		w.running = true
		go w.run()
	}
	if t.unseen() {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return t
}

func (w *watcher) leave(t *topic, entries bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if entries {
		t.readers--
	} else {
		t.watchers--
	}
	if t.readers+t.watchers == 0 {
		delete(w.topics, t.event)
	}
}

// unseen reports whether somebody waits for a first look.
func (t *topic) unseen() bool { return t.looks == 0 || t.watchers > 0 && t.live == nil }

// run looks until there is nobody left. What takes long is done less often: looking takes a quarter of the time at
// most.
func (w *watcher) run() {
	var entriesDue, liveDue time.Time
	for {
		now := time.Now()
		entries, live := !now.Before(entriesDue), !now.Before(liveDue)
		ids, goOn := w.due(entries, live)
		if !goOn {
			return
		}
		if len(ids) > 0 {
			w.look(ids, live)
		}
		took := time.Since(now)
		if entries {
			entriesDue = now.Add(max(w.feed.lookTime(), 4*took))
		}
		if live {
			liveDue = now.Add(max(w.feed.options.LiveLook, 4*took))
		}
		next := time.NewTimer(time.Until(earlier(entriesDue, liveDue)))
		select {
		case <-next.C:
		case <-w.wake:
			next.Stop()
		case <-w.feed.stop:
			next.Stop()
			w.end()
			return
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (w *watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
}

// due lists whom to look at; false when there is nobody any more.
func (w *watcher) due(entries, live bool) ([]models.EventID, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.topics) == 0 {
		w.running = false
		return nil, false
	}
	var ids []models.EventID
	for id, t := range w.topics {
		if t.unseen() || entries && t.readers > 0 || live && t.watchers > 0 {
			ids = append(ids, id)
		}
	}
	return ids, true
}

// look reads how some events stand, and tells those who wait.
func (w *watcher) look(ids []models.EventID, live bool) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	events, err := w.feed.store.EventsByID(ctx, ids)
	found := make(map[models.EventID]*models.Event, len(events))
	for i := range events {
		found[events[i].ID] = &events[i]
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if t := w.topics[id]; t != nil {
			t.tell(found[id], repository.ToDomain(err), live, w.feed.options.Encoding.Live)
		}
	}
}

// tell notes what a look has shown.
func (t *topic) tell(e *models.Event, err error, live bool, encode func([]byte, *models.Event) []byte) {
	if t.fault = err; err == nil {
		t.looks++
		t.missing = e == nil
	}
	if e != nil {
		if e.Seq != t.head {
			t.head = e.Seq
			announce(&t.news)
		}
		if t.watchers > 0 && (t.live == nil || live && t.figures != e.Stock) {
			t.figures, t.live = e.Stock, encode(nil, e)
			t.version++
			announce(&t.liveNews)
		}
	}
	announce(&t.looked)
}

// announce wakes all who wait on a channel.
func announce(news *chan struct{}) {
	close(*news)
	*news = make(chan struct{})
}

// entrySource shows an event's journal.
type entrySource struct {
	feed  *Feed
	topic *topic
	after int64
}

// Entries opens a stream of an event's journal after a seq, or from the first entry that is kept ([FromFirst]). Errors:
// models.ErrEventNotFound, models.ErrFeedGone, models.ErrFeedAhead, models.ErrUnavailable.
func (f *Feed) Entries(ctx context.Context, event models.EventID, after int64) (*Stream, error) {
	return f.stream(ctx, func() source {
		return &entrySource{feed: f, topic: f.watcher.join(event, true), after: after}
	})
}

func (s *entrySource) close() { s.feed.watcher.leave(s.topic, true) }

// next returns what follows up to the newest entry that was seen, and not up to the newest that there is: all readers
// who have read everything so stand at the same place, and share what comes next.
func (s *entrySource) next(ctx context.Context, wait <-chan time.Time) ([]byte, error) {
	head, err := s.wait(ctx, wait)
	if err != nil || head <= s.after {
		return nil, err
	}
	after := s.after
	key := chunkKey{after: models.FeedPlace{Event: s.topic.event, Seq: after}}
	c, err := s.feed.chunks.get(ctx, key, func() ([]*piece, bool, error) { return s.load(after, head) })
	if err != nil {
		return nil, err
	}
	s.after = c.last().Seq
	return c.text, nil
}

func (s *entrySource) load(after, head int64) ([]*piece, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	limit := int(min(head-max(after, 0), MaxLimit))
	page, err := turn(ctx, s.feed.reads, func() (models.JournalPage, error) {
		return s.feed.read(ctx, s.topic.event, after, limit)
	})
	if err == nil && len(page.Entries) == 0 { // a store that reads less than what it has shown
		err = models.ErrUnavailable
	}
	return split(page.Entries, s.feed.options.Encoding.Entry), true, err
}

// wait returns the newest entry's seq once it is beyond the reader's place, or when the wait is over.
func (s *entrySource) wait(ctx context.Context, wait <-chan time.Time) (int64, error) {
	w, t := s.feed.watcher, s.topic
	first := -1
	for {
		w.mu.Lock()
		looks, missing, fault, head, looked, news := t.looks, t.missing, t.fault, t.head, t.looked, t.news
		w.mu.Unlock()
		wake, over := looked, (<-chan time.Time)(nil)
		switch {
		case missing:
			return 0, models.ErrEventNotFound
		case looks == 0 && fault != nil:
			return 0, fault
		case looks == 0:
		case head > s.after:
			return head, nil
		case head == s.after:
			wake, over = news, wait
		case first < 0: // another replica may have shown it more; a look that begins from now on will tell
			first = looks
		case looks >= first+2:
			return 0, models.ErrFeedAhead.Attr("last_seq", head)
		}
		select {
		case <-wake:
		case <-over:
			return head, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-s.feed.stop:
			return 0, io.EOF
		}
	}
}

// liveSource shows an event's counters.
type liveSource struct {
	feed    *Feed
	topic   *topic
	version int // what was shown
}

// Live opens a stream of an event's counters: as they stand, then whenever they have changed, at most once a second.
// Errors: models.ErrEventNotFound, models.ErrUnavailable.
func (f *Feed) Live(ctx context.Context, event models.EventID) (*Stream, error) {
	return f.stream(ctx, func() source { return &liveSource{feed: f, topic: f.watcher.join(event, false)} })
}

func (s *liveSource) close() { s.feed.watcher.leave(s.topic, false) }

func (s *liveSource) next(ctx context.Context, wait <-chan time.Time) ([]byte, error) {
	w, t := s.feed.watcher, s.topic
	for {
		w.mu.Lock()
		missing, fault, live, version, looked, news := t.missing, t.fault, t.live, t.version, t.looked, t.liveNews
		w.mu.Unlock()
		wake, over := looked, (<-chan time.Time)(nil)
		switch {
		case missing:
			return nil, models.ErrEventNotFound
		case live == nil && fault != nil:
			return nil, fault
		case live == nil:
		case version != s.version:
			s.version = version
			return live, nil
		default:
			wake, over = news, wait
		}
		select {
		case <-wake:
		case <-over:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.feed.stop:
			return nil, io.EOF
		}
	}
}
