package onsale

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Watch has so many readers at a stream (text/event-stream) of one event.
type Watch struct {
	Servers []string // base URLs; a reader that is cut off goes on at the next one, where it was
	Path    string   // such as /api/v1/events/{id}/feed
	Readers int
	Feed    bool // its messages are numbered by whole numbers without gaps, and begin with 1
}

// Watched is what readers saw, all together.
type Watched struct {
	Messages int64         `json:"messages"`
	Bytes    int64         `json:"bytes"`
	Gaps     int64         `json:"gaps"`    // numbers that a reader never saw
	Repeats  int64         `json:"repeats"` // numbers that a reader saw again, or too late
	Least    int64         `json:"least"`   // the newest number of the reader who came least far
	Most     int64         `json:"most"`
	Again    int64         `json:"again"`   // how often readers came back
	Refused  int64         `json:"refused"` // answers other than a stream
	LateP99  time.Duration `json:"late_p99"`
	LateMax  time.Duration `json:"late_max"` // from what a message says its time is to its reading
}

// Run reads until ctx ends. Error: a server's address is none.
func (w Watch) Run(ctx context.Context) (Watched, error) {
	for _, server := range w.Servers {
		if _, err := parseTarget(server, false); err != nil {
			return Watched{}, err
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: w.Readers, ReadBufferSize: 64 << 10}
	defer transport.CloseIdleConnections()
	readers := make([]reader, w.Readers)
	var all sync.WaitGroup
	for i := range readers {
		readers[i] = reader{watch: &w, client: &http.Client{Transport: transport}}
		all.Go(func() { readers[i].run(ctx) })
	}
	all.Wait()
	return gatherReaders(readers), nil
}

func gatherReaders(readers []reader) Watched {
	sum := Watched{Least: readers[0].last}
	var late []time.Duration
	for i := range readers {
		r := &readers[i]
		sum.Messages, sum.Bytes = sum.Messages+r.Messages, sum.Bytes+r.Bytes
		sum.Gaps, sum.Repeats = sum.Gaps+r.Gaps, sum.Repeats+r.Repeats
		sum.Again, sum.Refused = sum.Again+r.Again, sum.Refused+r.Refused
		sum.Least, sum.Most = min(sum.Least, r.last), max(sum.Most, r.last)
		late = append(late, r.late...)
	}
	if len(late) > 0 {
		slices.Sort(late)
		sum.LateP99, sum.LateMax = late[len(late)*99/100], late[len(late)-1]
	}
	return sum
}

// reader is one of them.
type reader struct {
	Watched
	watch  *Watch
	client *http.Client
	last   int64     // the newest number
	came   time.Time // when it was answered first
	late   []time.Duration
}

func (r *reader) run(ctx context.Context) {
	for turn := 0; ctx.Err() == nil; turn++ {
		if turn > 0 {
			r.Again++
			_ = sleep(ctx, 250*time.Millisecond)
		}
		_ = r.read(ctx, r.watch.Servers[turn%len(r.watch.Servers)]) // whatever ended it, it goes on where it was
	}
}

// read reads one answer to its end.
func (r *reader) read(ctx context.Context, server string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server+r.watch.Path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	if r.last > 0 && r.watch.Feed {
		request.Header.Set("Last-Event-ID", strconv.FormatInt(r.last, 10))
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		r.Refused++
		return fmt.Errorf("%s answered %s", server, answer.Status)
	}
	if r.came.IsZero() {
		r.came = time.Now()
	}
	lines := bufio.NewReaderSize(answer.Body, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		r.Bytes += int64(len(line))
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		r.line(line)
	}
}

// line takes a line, or a piece of one that is longer than the buffer.
func (r *reader) line(line []byte) {
	if number, is := bytes.CutPrefix(line, []byte("id: ")); is && r.watch.Feed {
		if n, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64); err == nil {
			r.number(n)
		}
		return
	}
	if data, is := bytes.CutPrefix(line, []byte("data: ")); is {
		r.Messages++
		r.lateness(data)
	}
}

func (r *reader) number(n int64) {
	switch {
	case n <= r.last:
		r.Repeats++
		return
	case n > r.last+1:
		r.Gaps += n - r.last - 1
	}
	r.last = n
}

// lateness compares a message's time with the clock: both are of this machine.
func (r *reader) lateness(data []byte) {
	_, rest, found := bytes.Cut(data[:min(len(data), 200)], []byte(`"at":"`))
	text, _, ended := bytes.Cut(rest, []byte(`"`))
	if !found || !ended {
		return
	}
	// What was before it came was never to be in time.
	if at, err := time.Parse(time.RFC3339Nano, string(text)); err == nil && at.After(r.came) {
		r.late = append(r.late, time.Since(at))
	}
}
