package feed

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"quantix/internal/models"
)

// errNoStreams is said where a setting forbids them, errManyStreams where there are as many as it allows.
var (
	errNoStreams   = models.ErrUnavailable.Say("This server opens no streams; read pages instead.")
	errManyStreams = models.ErrUnavailable.Say("Too many streams are open; read pages, or ask again shortly.")
)

// A source is what a stream shows to its one reader. next waits until there is more; nil: the wait has ended without.
type source interface {
	next(ctx context.Context, wait <-chan time.Time) ([]byte, error)
	close()
}

// Stream is one reader's way through what happens. It keeps nothing for its reader but the place: who is slow makes
// nobody wait and no memory grow.
type Stream struct {
	feed   *Feed
	source source
	first  []byte // what was read when it was opened
	pause  *time.Timer
	turn   float64   // which part of a look's time it leaves to others, 0 to 1
	gone   time.Time // when it last came to its turn
}

// crowd is how many streams may be woken at once. More take turns, spread over the time to the next look: a thousand
// that write at the same moment would keep buyers waiting for a processor.
const crowd = 32

// Next returns the text of what comes next, or nil when nothing came for a heartbeat's time. The text is shared, and
// not to be changed. Error: the stream has ended; io.EOF when the server stops.
func (s *Stream) Next(ctx context.Context) ([]byte, error) {
	if text := s.first; text != nil {
		s.first = nil
		return text, nil
	}
	s.pause.Reset(s.feed.options.Heartbeat)
	for {
		select {
		case <-s.feed.stop:
			return nil, io.EOF
		default:
		}
		text, err := s.source.next(ctx, s.pause.C)
		if text != nil {
			s.wait(ctx)
		}
		if err == nil || !passes(err) {
			return text, err
		}
		again := time.NewTimer(readPause)
		select {
		case <-again.C:
		case <-s.pause.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.feed.stop:
			return nil, io.EOF
		}
	}
}

// What a crowd of readers gets must be written with the processors that buyers need, too. While more than needy of
// these wait, it is held back for a moment: readers have seconds, and what comes meanwhile goes with it.
const (
	needy     = 32
	giveWay   = 500 * time.Millisecond
	lookAgain = 25 * time.Millisecond
)

// wait lets others go first, once in a look's time: who is behind then takes all there is, and never falls further
// behind.
func (s *Stream) wait(ctx context.Context) {
	look := s.feed.lookTime()
	if s.feed.Streams() <= crowd || time.Since(s.gone) < look {
		return
	}
	defer func() { s.gone = time.Now() }()
	pause := time.Duration(s.turn * 0.8 * float64(look))
	for end := time.Now().Add(giveWay); s.sleep(ctx, pause) && time.Now().Before(end); pause = lookAgain {
		if s.feed.options.Buyers == nil || s.feed.options.Buyers() < needy {
			return
		}
	}
}

// What a look costs grows with those who are told. So a crowd is told less often: a thousand twice a second.
const (
	lookForEach = 500 * time.Microsecond
	longestLook = time.Second
)

// lookTime returns how long it is between two looks at what is new.
func (f *Feed) lookTime() time.Duration {
	return max(f.options.Look, min(time.Duration(f.Streams())*lookForEach, longestLook))
}

// sleep reports whether the stream goes on after a time.
func (s *Stream) sleep(ctx context.Context, long time.Duration) bool {
	next := time.NewTimer(long)
	defer next.Stop()
	select {
	case <-next.C:
		return true
	case <-ctx.Done():
	case <-s.feed.stop:
	}
	return false
}

// readPause is how long a stream waits that could not read.
const readPause = time.Second

// passes reports whether an error may be over soon: readers that stay cost less than readers that come back.
func passes(err error) bool {
	known, is := errors.AsType[*models.Error](err)
	return is && (known.Kind == models.KindUnavailable || known.Kind == models.KindInternal)
}

// Patience returns how long the reader may take for a piece of text.
func (s *Stream) Patience() time.Duration { return s.feed.options.Patience }

// Close lets go of the stream's place.
func (s *Stream) Close() {
	s.pause.Stop()
	s.source.close()
	s.feed.mu.Lock()
	s.feed.open--
	s.feed.mu.Unlock()
}

// Streams returns how many are open.
func (f *Feed) Streams() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// stream opens a stream: it is counted, and its first text is read, so that a wrong place is said before it begins.
func (f *Feed) stream(ctx context.Context, open func() source) (*Stream, error) {
	turn, err := f.enter()
	if err != nil {
		return nil, err
	}
	s := &Stream{feed: f, source: open(), pause: time.NewTimer(f.options.Heartbeat), turn: turn}
	now := make(chan time.Time)
	close(now)
	text, err := s.source.next(ctx, now)
	if err != nil {
		s.Close()
		if errors.Is(err, io.EOF) {
			err = models.ErrShuttingDown
		}
		return nil, err
	}
	s.first = text
	return s, nil
}

// enter counts a stream, and gives it a turn. Turns follow the golden ratio: however many there are, they lie evenly.
func (f *Feed) enter() (turn float64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.stop:
		return 0, models.ErrShuttingDown
	default:
	}
	switch {
	case f.options.MaxStreams <= 0:
		return 0, errNoStreams
	case f.open >= f.options.MaxStreams:
		return 0, errManyStreams
	}
	f.open++
	f.turns++
	_, turn = math.Modf(float64(f.turns) * math.Phi)
	return turn, nil
}
