package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"quantix/internal/feed"
	"quantix/internal/models"
	"quantix/internal/repository"
	"quantix/internal/services"
)

// fast are options by which tests need not wait.
var fast = feed.Options{
	Encoding: FeedEncoding(), MaxStreams: 100, Look: 10 * time.Millisecond, LiveLook: 20 * time.Millisecond,
	Heartbeat: time.Minute,
}

// deadline is that of requests at replicas: short beside a stream, and longer than a busy machine needs to begin one.
const deadline = time.Second

// replica is a server that streams, on a store that others may use as well. Its deadlines of requests are as short as
// they can be: streams have their own.
func replica(tb testing.TB, store repository.Journal, o feed.Options) (*httptest.Server, *feed.Feed) {
	tb.Helper()
	f := feed.New(store, o)
	s := httptest.NewUnstartedServer(newTestServer(tb, Deps{Feed: f, Events: new(services.Events), RequestTimeout: deadline}).router)
	s.Config.ReadTimeout, s.Config.WriteTimeout = deadline, deadline
	s.Start()
	tb.Cleanup(func() { f.Close(); s.Close() })
	return s, f
}

// A message is one of a stream: an event, or a comment.
type message struct{ id, event, data, comment string }

// reader reads a stream.
type reader struct {
	tb   testing.TB
	text *bufio.Reader
	end  context.CancelFunc
}

// follow opens a stream. headers are names and values in turn.
func follow(tb testing.TB, server *httptest.Server, path string, headers ...string) *reader {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	tb.Cleanup(cancel)
	response := ask(tb, ctx, server, path, headers...)
	if kind := response.Header.Get("Content-Type"); response.StatusCode != http.StatusOK || kind != eventStream {
		tb.Fatalf("GET %s: %d %s", path, response.StatusCode, kind)
	}
	r := &reader{tb: tb, text: bufio.NewReader(response.Body), end: cancel}
	if line, err := r.text.ReadString('\n'); line != "retry: 1000\n" || err != nil {
		tb.Fatalf("a stream begins with %q, %v", line, err)
	}
	_, _ = r.text.ReadString('\n')
	return r
}

func ask(tb testing.TB, ctx context.Context, server *httptest.Server, path string, headers ...string) *http.Response {
	tb.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set("Accept", eventStream)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := server.Client().Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// next reads a message; io.EOF at the stream's end.
func (r *reader) next() (m message, err error) {
	for {
		line, err := r.text.ReadString('\n')
		if err != nil {
			return m, err
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":"); {
		case line == "\n":
			return m, nil
		case name == "":
			m.comment = "a comment"
		case name == "id":
			m.id = strings.TrimSpace(value)
		case name == "event":
			m.event = strings.TrimSpace(value)
		case name == "data":
			m.data = strings.TrimSpace(value)
		}
	}
}

// entry reads the next message, which is an entry with its place as its id.
func (r *reader) entry() (e entryJSON) {
	r.tb.Helper()
	m, err := r.next()
	if err == nil {
		err = json.Unmarshal([]byte(m.data), &e)
	}
	if err != nil || m.event != "entry" || m.id != e.Cursor && m.id != fmt.Sprint(e.Seq) {
		r.tb.Fatalf("no entry: %+v, %v", m, err)
	}
	return e
}

// Readers that are cut off again and again, and go on at the other replica, see every entry once and in order while
// bookings go on.
func TestFeed_streams_are_resumed_at_another_replica_without_a_gap(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		event, user := b.event(1000), b.user("john@example.com")
		one, _ := replica(t, b.store, fast)
		two, _ := replica(t, b.store, fast)
		const bookings = 60
		var selling sync.WaitGroup
		selling.Go(func() {
			for range bookings {
				b.book(event.ID, user.ID, 1)
			}
		})
		path, place := eventsPath+"/"+event.ID+"/feed", "0"
		for seq, size := int64(1), 1; seq <= bookings+1; size = size%9 + 1 {
			r := follow(t, []*httptest.Server{one, two}[size%2], path, lastEventIDHeader, place)
			for range size {
				if seq > bookings+1 {
					break
				}
				e := r.entry()
				if e.Seq != seq {
					t.Fatalf("entry %d comes after %d", e.Seq, seq-1)
				}
				place, seq = fmt.Sprint(seq), seq+1
			}
			r.end()
		}
		selling.Wait()
	})
}

// The feed of all events shows each entry once, and those of one event in their order, while many write at once.
func TestFeed_stream_of_all_events_has_every_entry_once(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		user := b.user("john@example.com")
		one, _ := replica(t, b.store, fast)
		two, _ := replica(t, b.store, fast)
		const events, bookings = 5, 12
		readers := []*reader{follow(t, one, feedPath), follow(t, one, feedPath), follow(t, two, feedPath)}
		var selling sync.WaitGroup
		for range events {
			selling.Go(func() {
				event := b.event(100)
				for range bookings {
					b.book(event.ID, user.ID, 1)
				}
			})
		}
		var order []string
		for i, r := range readers {
			seen, place := map[string]int64{}, ""
			for n := range events * (bookings + 1) {
				if n == 20 { // cut off in the middle, and resumed elsewhere
					r.end()
					r = follow(t, two, feedPath, lastEventIDHeader, place)
				}
				e := r.entry()
				if seen[e.EventID]++; e.Seq != seen[e.EventID] {
					t.Fatalf("reader %d: seq %d comes as number %d of its event", i, e.Seq, seen[e.EventID])
				}
				if place = e.Cursor; i == 0 {
					order = append(order, place)
				} else if order[n] != place {
					t.Fatalf("reader %d has another order at %d", i, n)
				}
			}
		}
		selling.Wait()
	})
}

func TestFeed_streams_beat_while_nothing_happens(t *testing.T) {
	t.Parallel()
	b, o := setup(t), fast
	o.Heartbeat = 50 * time.Millisecond
	event := b.event(10)
	server, _ := replica(t, b.store, o)
	for _, path := range []string{eventsPath + "/" + event.ID + "/feed", feedPath, eventsPath + "/" + event.ID + "/live"} {
		r := follow(t, server, path)
		if m, err := r.next(); m.event == "" || err != nil {
			t.Fatalf("%s: %+v, %v", path, m, err)
		}
		for range deadline/o.Heartbeat + 4 { // longer than the server's own deadlines
			if m, err := r.next(); m.comment == "" || err != nil {
				t.Fatalf("%s: %+v, %v, want a comment", path, m, err)
			}
		}
	}
}

func TestFeed_streams_refuse_as_pages_do(t *testing.T) {
	t.Parallel()
	b, o := setup(t), fast
	o.MaxStreams = 1
	event := b.event(10)
	server, f := replica(t, b.store, o)
	path, nobody := eventsPath+"/"+event.ID+"/feed", eventsPath+"/"+models.NewID[models.EventID]().String()
	refused := func(path, code string, status int) {
		t.Helper()
		response := ask(t, t.Context(), server, path)
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != status || !strings.Contains(string(text), `"code":"`+code+`"`) {
			t.Errorf("GET %s: %d %s, want %s", path, response.StatusCode, text, code)
		}
		if status == http.StatusServiceUnavailable && response.Header.Get("Retry-After") == "" {
			t.Error("503 without Retry-After")
		}
	}
	refused(path+"?after=7", "feed_ahead", http.StatusConflict)
	refused(nobody+"/feed", "event_not_found", http.StatusNotFound)
	refused(nobody+"/live", "event_not_found", http.StatusNotFound)
	for _, tickets := range []string{"11", "12"} {
		b.clock.Advance(time.Second)
		b.do("PUT", eventsPath+"/"+event.ID, `{"total_tickets":`+tickets+`}`).want(http.StatusOK)
	}
	id, _ := models.ParseID[models.EventID](event.ID)
	if gone, err := b.store.PruneJournal(t.Context(), id, 0, 100); gone != 1 || err != nil {
		t.Fatalf("pruned %d, %v", gone, err)
	}
	refused(path+"?after=0", "feed_gone", http.StatusGone)
	if e := follow(t, server, path).entry(); e.Facts[0].Type != "event.opened" {
		t.Errorf("a stream from the first begins with %+v", e)
	}
	refused(path, "unavailable", http.StatusServiceUnavailable)
	if f.Close(); f.Streams() > 1 {
		t.Error("refused streams are counted")
	}
	refused(feedPath, "shutting_down", http.StatusServiceUnavailable)
}

// A question for the headers alone opens nothing.
func TestFeed_streams_are_not_opened_by_HEAD(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(10)
	for _, path := range []string{eventsPath + "/" + event.ID + "/feed", feedPath, eventsPath + "/" + event.ID + "/live"} {
		a := b.do("HEAD", path, "", "Accept", eventStream).want(http.StatusOK)
		if a.header.Get("Content-Type") != eventStream {
			t.Errorf("HEAD %s: %v", path, a.header)
		}
	}
	b.do("HEAD", eventsPath+"/"+models.NewID[models.EventID]().String()+"/live", "").want(http.StatusNotFound)
}

func TestFeed_streams_end_when_the_server_stops(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(10)
	server, f := replica(t, b.store, fast)
	var readers []*reader
	for _, path := range []string{eventsPath + "/" + event.ID + "/feed", feedPath, eventsPath + "/" + event.ID + "/live"} {
		readers = append(readers, follow(t, server, path))
	}
	f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if err := server.Config.Shutdown(ctx); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("the server waited %v for its streams: %v", time.Since(began), err)
	}
	for _, r := range readers {
		if rest, err := io.ReadAll(r.text); err != nil {
			t.Errorf("a stream was cut off after %d bytes: %v", len(rest), err)
		}
	}
}

// longJournal is one that is longer than any buffer.
type longJournal struct{ otherwise }

type otherwise = repository.Journal // its methods, without a field of their name

func (longJournal) EventsByID(_ context.Context, ids []models.EventID) ([]models.Event, error) {
	return []models.Event{{ID: ids[0], Seq: 1 << 40}}, nil
}

func (longJournal) Journal(_ context.Context, event models.EventID, after int64, limit int) (models.JournalPage, error) {
	page := models.JournalPage{First: 1, Last: 1 << 40}
	facts := everyFact().Facts
	for i := range int64(limit) {
		page.Entries = append(page.Entries, models.Entry{Event: event, Seq: after + i + 1, At: today, Currency: "USD", Facts: facts})
	}
	return page, nil
}

func TestFeed_cuts_off_who_does_not_read_while_others_read_on(t *testing.T) {
	t.Parallel()
	o := fast
	o.Patience, o.MaxStreams = 200*time.Millisecond, 2
	server, f := replica(t, longJournal{}, o)
	path := eventsPath + "/" + models.NewID[models.EventID]().String() + "/feed"
	follow(t, server, path) // and reads no more
	other := follow(t, server, path)
	for began := time.Now(); f.Streams() == 2; other.entry() {
		if time.Since(began) > 10*time.Second { // fifty times its patience
			t.Fatal("who does not read still has a stream")
		}
	}
	last := other.entry().Seq
	for range 1000 {
		if e := other.entry(); e.Seq != last+1 {
			t.Fatalf("entry %d comes after %d", e.Seq, last)
		}
		last++
	}
}

func TestLive_shows_what_statistics_tell(t *testing.T) {
	t.Parallel()
	onBothStores(t, func(t *testing.T, b *bundle) {
		event, user := b.event(100), b.user("john@example.com")
		server, _ := replica(t, b.store, fast)
		path := eventsPath + "/" + event.ID
		readers := []*reader{follow(t, server, path+"/live"), follow(t, server, path+"/live")}
		for range 3 {
			want := strings.TrimSpace(string(b.do("GET", path+"/statistics", "").want(http.StatusOK).body))
			for _, r := range readers {
				if m, err := r.next(); m.event != "statistics" || m.data != want || err != nil {
					t.Fatalf("%+v, %v, want %s", m, err, want)
				}
			}
			b.book(event.ID, user.ID, 2)
		}
	})
}

// waits notes how long each request waited for its answer.
type waits chan time.Duration

// Request implements Observer.
func (w waits) Request(_, _ string, _ int, took time.Duration) { w <- took }

func TestFeed_streams_count_as_answered_when_they_begin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := b.event(10)
	o := fast
	o.Heartbeat = 50 * time.Millisecond
	f, observed := feed.New(b.store, o), make(waits, 1)
	s := httptest.NewServer(newTestServer(t, Deps{Feed: f, Events: new(services.Events), Observer: observed}).router)
	t.Cleanup(func() { f.Close(); s.Close() })
	r := follow(t, s, eventsPath+"/"+event.ID+"/feed")
	began := time.Now()
	for range 3 { // an entry, and two beats
		if m, err := r.next(); err != nil {
			t.Fatalf("%+v, %v", m, err)
		}
	}
	f.Close()
	if took, open := <-observed, time.Since(began); took >= open {
		t.Errorf("a stream that was open for %v is said to have taken %v", open, took)
	}
}
