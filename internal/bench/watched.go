package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"quantix/internal/onsale"
)

const (
	fewReaders  = 20
	manyReaders = 1000
	// watchedRate buyers a second come beside many readers.
	watchedRate = 1000
	// readOn is how much longer readers read than buyers come: what is paid meanwhile is told, too.
	readOn = 4 * time.Second
	// comeIn is how long before the buyers they come.
	comeIn = 3 * time.Second
)

// watchers are the readers of a stream of a server's only event.
type watchers struct {
	readers int
	stream  string // feed or live
	servers []string
}

// watched measures an on-sale at full strength without readers, with twenty of the feed, and with a thousand of the
// counters.
func (b *Bars) watched(ctx context.Context) error {
	few, many := max(fewReaders/b.small, 1), max(manyReaders/b.small, 1)
	for k, w := range map[Key]watchers{
		Unwatched: {}, WatchedFeed: {readers: few, stream: "feed"}, WatchedLive: {readers: many, stream: "live"},
	} {
		err := b.onServer(ctx, func(_ scratch, server *private) error {
			r, seen, err := b.playWatched(ctx, server, onsale.Scenario{Connections: crowd, Warmup: b.warmup}, w)
			if err == nil {
				b.addResult(k, r, r.PerSecond(onsale.Accepted))
				b.tellWatched(k, seen)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// thousand measures a thousand readers of the feed beside as many buyers a second, and how much more memory they cost
// their server; then, with the readers at another replica that stops in the middle, whether they miss anything at the
// next.
func (b *Bars) thousand(ctx context.Context) error {
	buyers := onsale.Scenario{Model: onsale.Open, Rate: watchedRate, Connections: 256, Duration: 2 * b.Load}
	many := watchers{readers: max(manyReaders/b.small, 2), stream: "feed"}
	var alone float64
	err := b.onServer(ctx, func(_ scratch, server *private) (err error) {
		if _, err = b.play(ctx, server, buyers); err == nil {
			alone, err = peakMemory(server.pid)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = b.onServer(ctx, func(_ scratch, server *private) error {
		r, seen, err := b.playWatched(ctx, server, buyers, many)
		if err != nil {
			return err
		}
		peak, err := peakMemory(server.pid)
		b.addResult(ThousandServed, r, 100*float64(r.Buyers[onsale.Accepted])/(watchedRate*r.Scenario.Duration.Seconds()))
		b.addResult(ThousandP99, r, milliseconds(r.Journey.P99))
		b.addResult(ThousandMemory, r, peak-alone)
		b.addSeen(ThousandLate, r, seen)
		return err
	})
	if err != nil {
		return err
	}
	return b.onServer(ctx, func(s scratch, server *private) error { return b.movedReaders(ctx, s, server, buyers, many) })
}

// movedReaders has the readers' replica stop in the middle of the sale, and another one take over.
func (b *Bars) movedReaders(
	ctx context.Context, s scratch, server *private, buyers onsale.Scenario, many watchers,
) error {
	first, err := startPrivate(ctx, b.Progress, s.config)
	if err != nil {
		return err
	}
	second, err := startPrivate(ctx, b.Progress, s.config)
	if err != nil {
		first.stop()
		return err
	}
	defer second.stop()
	many.servers = []string{first.url, second.url}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = pause(ctx, comeIn+buyers.Duration/2)
		first.stop()
	}()
	defer func() { <-stopped }()
	r, seen, err := b.playWatched(ctx, server, buyers, many)
	if err == nil {
		b.addSeen(ThousandMoved, r, seen)
	}
	return err
}

// addSeen notes what readers of a feed missed or saw twice, and how late.
func (b *Bars) addSeen(late Key, r onsale.Result, w onsale.Watched) {
	b.tellWatched(late, w)
	b.addResult(ThousandWrong, r, float64(w.Gaps+w.Repeats+w.Most-w.Least))
	b.addResult(late, r, milliseconds(w.LateMax))
}

func (b *Bars) tellWatched(k Key, w onsale.Watched) {
	b.say("  %s: readers saw %d messages, %d MB, up to number %d; %d gaps, %d repeats, %d behind; came back %d times, "+
		"refused %d; late by %.4g ms (p99), %.4g ms (max)", k, w.Messages, w.Bytes>>20, w.Most, w.Gaps, w.Repeats,
		w.Most-w.Least, w.Again, w.Refused, milliseconds(w.LateP99), milliseconds(w.LateMax))
}

// playWatched plays a scenario beside readers, who are a process of their own.
func (b *Bars) playWatched(
	ctx context.Context, server *private, s onsale.Scenario, w watchers,
) (r onsale.Result, seen onsale.Watched, err error) {
	if w.readers == 0 {
		r, err = b.play(ctx, server, s)
		return r, seen, err
	}
	if w.servers == nil {
		w.servers = []string{server.url}
	}
	length := s.Duration
	if length == 0 {
		length = b.Load
	}
	read := make(chan error, 1)
	s.Begun = func() { // the readers are there before the buyers
		event, err := newestEvent(ctx, server.url)
		if err != nil {
			read <- err
			return
		}
		go func() {
			var err error
			seen, err = watch(ctx, "--targets", strings.Join(w.servers, ","), "--path", "/api/v1/events/"+event+"/"+w.stream,
				"--readers", strconv.Itoa(w.readers), "--feed="+strconv.FormatBool(w.stream == "feed"),
				"--duration", (comeIn + length + readOn).String())
			read <- err
		}()
		_ = pause(ctx, comeIn)
	}
	if r, err = b.play(ctx, server, s); err != nil {
		return r, seen, err
	}
	return r, seen, <-read
}

// watch runs this program as readers, and returns what they saw.
func watch(ctx context.Context, args ...string) (seen onsale.Watched, err error) {
	err = runSelf(ctx, &seen, "watch", args...)
	return seen, err
}

// newestEvent returns the id of the event that was made last: ids are ordered by time.
func newestEvent(ctx context.Context, server string) (newest string, err error) {
	answer, err := fetch(ctx, server+"/api/v1/events?limit=500")
	if err != nil {
		return "", err
	}
	defer answer.Close()
	var list []struct {
		ID string `json:"id"`
	}
	if err := json.NewDecoder(answer).Decode(&list); err != nil {
		return "", fmt.Errorf("read the events: %w", err)
	}
	for _, e := range list {
		newest = max(newest, e.ID)
	}
	if newest == "" {
		return "", errors.New("there is no event to watch")
	}
	return newest, nil
}
