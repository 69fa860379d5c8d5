package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
)

// book is a store in memory that counts what it is asked.
type book struct {
	mu      sync.Mutex
	entries []models.Entry // of all events, in the feed's order
	first   int64          // of the one event that is pruned
	fails   bool           // to show events
	torn    bool           // it shows them, and fails to read their journals

	looks, pages, feeds int
	under, most         int // pages and feeds at once
}

func (b *book) append(event models.EventID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := models.Entry{Event: event, Seq: b.head(event) + 1}
	e.Place = models.FeedPlace{Epoch: 1, Tx: int64(len(b.entries) + 1), Event: event, Seq: e.Seq}
	b.entries = append(b.entries, e)
}

func (b *book) head(event models.EventID) (seq int64) {
	for _, e := range b.entries {
		if e.Event == event {
			seq = e.Seq
		}
	}
	return seq
}

// read takes a millisecond of the bubble's time.
func (b *book) read(count *int) {
	b.mu.Lock()
	*count++
	b.under++
	b.most = max(b.most, b.under)
	b.mu.Unlock()
	time.Sleep(time.Millisecond)
	b.mu.Lock()
	b.under--
}

func (b *book) EventsByID(_ context.Context, ids []models.EventID) (list []models.Event, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	if b.fails {
		return nil, models.ErrUnavailable
	}
	for _, id := range ids {
		if seq := b.head(id); seq > 0 {
			list = append(list, models.Event{ID: id, Seq: seq, Stock: models.Stock{Sold: seq}})
		}
	}
	return list, nil
}

func (b *book) Journal(_ context.Context, event models.EventID, after int64, limit int) (page models.JournalPage, err error) {
	b.read(&b.pages)
	defer b.mu.Unlock()
	if b.torn {
		return page, models.ErrUnavailable
	}
	page.First, page.Last = max(b.first, 1), b.head(event)
	for _, e := range b.entries {
		if e.Event == event && e.Seq > after && e.Seq >= b.first && len(page.Entries) < limit {
			page.Entries = append(page.Entries, e)
		}
	}
	return page, nil
}

func (b *book) Feed(_ context.Context, after *models.FeedPlace, limit int) (list []models.Entry, err error) {
	b.read(&b.feeds)
	defer b.mu.Unlock()
	for _, e := range b.entries {
		if (after == nil || e.Place.Tx > after.Tx) && len(list) < limit {
			list = append(list, e)
		}
	}
	return list, nil
}

func (b *book) PruneJournal(context.Context, models.EventID, time.Duration, int) (int, error) {
	return 0, errors.ErrUnsupported
}

func (b *book) MendFeed(context.Context) (bool, error) { return false, errors.ErrUnsupported }

func (b *book) counts() (looks, pages, feeds int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.looks, b.pages, b.feeds
}

var plain = Encoding{
	Entry:  func(b []byte, e *models.Entry) []byte { return fmt.Appendf(b, "%d ", e.Seq) },
	Placed: func(b []byte, e *models.Entry) []byte { return fmt.Appendf(b, "%d ", e.Place.Tx) },
	Live:   func(b []byte, e *models.Event) []byte { return fmt.Appendf(b, "%d ", e.Stock.Sold) },
}

// reader collects what a stream shows.
type reader struct {
	mu   sync.Mutex
	text strings.Builder
	came []time.Time
	err  error
}

func (r *reader) run(ctx context.Context, s *Stream) {
	defer s.Close()
	for {
		text, err := s.Next(ctx)
		r.mu.Lock()
		r.err = err
		if text != nil {
			r.text.Write(text)
			r.came = append(r.came, time.Now())
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (r *reader) got() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// numbers are the entries after one up to another.
func numbers(after, last int) string {
	var b strings.Builder
	for n := after + 1; n <= last; n++ {
		fmt.Fprintf(&b, "%d ", n)
	}
	return b.String()
}

// readAll opens streams and reads them; the bubble's test must cancel the context.
func readAll(ctx context.Context, t *testing.T, n int, open func(i int) (*Stream, error)) []*reader {
	t.Helper()
	all := make([]*reader, n)
	for i := range all {
		all[i] = &reader{}
		go func() {
			s, err := open(i)
			if err != nil {
				t.Errorf("open a stream: %v", err)
				return
			}
			all[i].run(ctx, s)
		}()
	}
	return all
}

func TestStreams_of_an_event_share_each_look_and_each_chunk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, event := &book{}, models.EventID{1}
		for range 40 {
			b.append(event)
		}
		f := New(b, Options{Encoding: plain, MaxStreams: 1100})
		ctx, cancel := context.WithCancel(t.Context())
		readers := readAll(ctx, t, 1000, func(i int) (*Stream, error) { return f.Entries(ctx, event, int64(i%40)) })
		time.Sleep(2 * time.Second)
		synctest.Wait()
		_, before, _ := b.counts()
		for n := range 100 { // ten seconds of ten entries each, while more come
			b.append(event)
			readAll(ctx, t, 1, func(int) (*Stream, error) { return f.Entries(ctx, event, int64(n%40)) })
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i, r := range readers {
			if got := r.got(); got != numbers(i%40, 140) {
				t.Fatalf("reader %d has seen %s", i, got)
			}
			if n := len(r.came); n > 48 {
				t.Fatalf("reader %d was woken %d times in 13 s, want at most four times a second", i, n)
			}
		}
		looks, pages, _ := b.counts()
		if looks > 4*14 || pages-before > 50 || before > 40 || b.most > maxReads {
			t.Errorf("%d looks, %d + %d pages, %d at once, for a thousand readers", looks, before, pages-before, b.most)
		}
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if f.Streams() != 0 || len(f.watcher.topics) != 0 || f.watcher.running {
			t.Errorf("%d streams and %d topics are left", f.Streams(), len(f.watcher.topics))
		}
	})
}

func TestStreams_of_all_events_share_each_look(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		for n := range 700 { // more than a page
			b.append(models.EventID{byte(n % 7), 1})
		}
		places := make([]*models.FeedPlace, 50)
		for i := range places[1:] {
			places[i+1] = &b.entries[i*14].Place
		}
		f := New(b, Options{Encoding: plain, MaxStreams: 1000})
		ctx, cancel := context.WithCancel(t.Context())
		stop := make(chan struct{})
		go func() { // there are always some that are newer than what was looked at
			for n := range 2000 {
				b.append(models.EventID{byte(n % 7), 1})
				time.Sleep(5 * time.Millisecond)
			}
			close(stop)
		}()
		readers := readAll(ctx, t, 500, func(i int) (*Stream, error) {
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
			return f.Everything(ctx, places[i%50])
		})
		time.Sleep(5 * time.Second)
		_, _, before := b.counts()
		<-stop
		time.Sleep(time.Second)
		synctest.Wait()
		for i, r := range readers {
			after := 0
			if place := places[i%50]; place != nil {
				after = int(place.Tx)
			}
			if got := r.got(); got != numbers(after, 2700) {
				t.Fatalf("reader %d has seen %.200s", i, got)
			}
		}
		if _, _, feeds := b.counts(); feeds-before > 40 || b.most > maxReads {
			t.Errorf("%d queries in seven seconds, %d at once, want four a second for all", feeds-before, b.most)
		}
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if f.follower.running || len(f.follower.places) != 0 {
			t.Error("the tail is still followed")
		}
	})
}

func TestLive_asks_once_a_second_for_all_who_watch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, events := &book{}, []models.EventID{{1}, {2}, {3}}
		for _, e := range events {
			b.append(e)
		}
		f := New(b, Options{Encoding: plain, MaxStreams: 100})
		ctx, cancel := context.WithCancel(t.Context())
		readers := readAll(ctx, t, 99, func(i int) (*Stream, error) { return f.Live(ctx, events[i%3]) })
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		for i, r := range readers {
			if r.got() != "1 " {
				t.Fatalf("watcher %d has seen %q at first", i, r.got())
			}
		}
		for range 100 { // ten seconds
			b.append(events[0])
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for i, r := range readers {
			switch {
			case i%3 > 0 && r.got() != "1 ":
				t.Fatalf("watcher %d has seen %q where nothing has changed", i, r.got())
			case i%3 == 0 && (!strings.HasSuffix(r.got(), " 101 ") || len(r.came) > 12):
				t.Fatalf("watcher %d has seen %q", i, r.got())
			}
			for n := 1; n < len(r.came); n++ {
				if n > 1 && r.came[n].Sub(r.came[n-1]) < time.Second {
					t.Fatalf("two messages within %v", r.came[n].Sub(r.came[n-1]))
				}
			}
		}
		if looks, _, _ := b.counts(); looks > 14 {
			t.Errorf("%d queries in 11 s", looks)
		}
		cancel()
		time.Sleep(2 * time.Second)
	})
}

func TestStreams_are_bounded_in_number_and_end_with_the_server(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, event := &book{}, models.EventID{1}
		b.append(event)
		if _, err := New(b, Options{Encoding: plain}).Entries(t.Context(), event, FromFirst); !errors.Is(err, models.ErrUnavailable) {
			t.Errorf("where no streams are allowed: %v", err)
		}
		f := New(b, Options{Encoding: plain, MaxStreams: 2})
		readers := readAll(t.Context(), t, 2, func(int) (*Stream, error) { return f.Entries(t.Context(), event, FromFirst) })
		time.Sleep(time.Second)
		if _, err := f.Everything(t.Context(), nil); !errors.Is(err, models.ErrUnavailable) {
			t.Errorf("the third of two: %v", err)
		}
		f.Close()
		synctest.Wait()
		if !errors.Is(readers[0].err, io.EOF) || !errors.Is(readers[1].err, io.EOF) || f.Streams() != 0 {
			t.Errorf("streams ended with %v, %v; %d are open", readers[0].err, readers[1].err, f.Streams())
		}
		if _, err := f.Live(t.Context(), event); !errors.Is(err, models.ErrShuttingDown) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestStreams_of_a_crowd_take_turns_and_let_buyers_go_first(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, event := &book{}, models.EventID{1}
		b.append(event)
		buyers := func() int { return 0 }
		f := New(b, Options{Encoding: plain, MaxStreams: 100, Buyers: func() int { return buyers() }})
		readers := readAll(t.Context(), t, 100, func(int) (*Stream, error) { return f.Entries(t.Context(), event, FromFirst) })
		spread := func() (first, last time.Duration) {
			began := time.Now()
			b.append(event)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			first = time.Hour
			for _, r := range readers {
				came := r.came[len(r.came)-1].Sub(began)
				first, last = min(first, came), max(last, came)
			}
			return first, last
		}
		time.Sleep(2 * time.Second)
		if first, last := spread(); last-first < 150*time.Millisecond || last > time.Second {
			t.Errorf("all were written to between %v and %v, want them spread over a look's time", first, last)
		}
		buyers = func() int { return needy }
		if first, last := spread(); first < giveWay || last > 1500*time.Millisecond {
			t.Errorf("while buyers wait: between %v and %v", first, last)
		}
		f.Close()
	})
}

// A reader that was overtaken by pruning is sent to the beginning: what it has missed must not be passed over.
func TestStreams_end_where_entries_are_gone_and_outlast_a_store_that_fails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, event := &book{}, models.EventID{1}
		b.append(event)
		f := New(b, Options{Encoding: plain, MaxStreams: 2})
		readers := readAll(t.Context(), t, 1, func(int) (*Stream, error) { return f.Entries(t.Context(), event, FromFirst) })
		time.Sleep(time.Second)
		b.mu.Lock()
		b.fails = true
		b.mu.Unlock()
		for range 3 {
			b.append(event)
		}
		time.Sleep(time.Minute)
		if _, err := f.Entries(t.Context(), models.EventID{2}, 0); !errors.Is(err, models.ErrUnavailable) {
			t.Errorf("of a store that fails: %v", err)
		}
		b.mu.Lock()
		b.fails, b.torn = false, true
		b.mu.Unlock()
		time.Sleep(time.Minute)
		b.mu.Lock()
		b.torn = false
		b.mu.Unlock()
		time.Sleep(2 * time.Second)
		if got := readers[0].got(); got != numbers(0, 4) {
			t.Errorf("has seen %s, %v", got, readers[0].err)
		}
		b.mu.Lock()
		b.first = 6
		b.mu.Unlock()
		b.append(event)
		b.append(event)
		time.Sleep(time.Second)
		synctest.Wait()
		if !errors.Is(readers[0].err, models.ErrFeedGone) {
			t.Errorf("ended with %v, having seen %s", readers[0].err, readers[0].got())
		}
		f.Close()
	})
}

func TestChunks_are_kept_up_to_some_bytes(t *testing.T) {
	t.Parallel()
	c := newChunks(1000)
	for n := range 100 {
		text := make([]byte, 99)
		place := models.FeedPlace{Seq: int64(n)}
		_, err := c.get(t.Context(), chunkKey{after: place}, func() ([]*piece, bool, error) {
			return []*piece{{text: text, places: []models.FeedPlace{place}, ends: []int{99}}}, true, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(c.known) != 10 || c.bytes != 990 || len(c.kept) != 10 {
		t.Errorf("%d chunks of %d bytes are kept", len(c.known), c.bytes)
	}
}

// At a busy event more happens between two looks than one piece holds.
func TestStreams_of_a_crowd_never_fall_further_behind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, event := &book{}, models.EventID{1}
		b.append(event)
		long := plain
		long.Entry = func(b []byte, e *models.Entry) []byte {
			return append(append(b, "x "...), make([]byte, maxPiece)...)
		}
		f := New(b, Options{Encoding: long, MaxStreams: 100, Buyers: func() int { return needy }})
		readers := readAll(t.Context(), t, crowd+1, func(int) (*Stream, error) { return f.Entries(t.Context(), event, FromFirst) })
		time.Sleep(2 * time.Second)
		for range 40 { // four pieces for each look
			for range 4 {
				b.append(event)
			}
			time.Sleep(250 * time.Millisecond)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for i, r := range readers {
			if n := strings.Count(r.text.String(), "x "); n != 161 {
				t.Errorf("two seconds later reader %d has %d of 161 entries", i, n)
			}
		}
		f.Close()
	})
}
