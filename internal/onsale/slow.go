package onsale

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Slow are clients that take a connection each, and then their time.
type Slow struct {
	Lines    int           // connections at once
	Patience time.Duration // how long the server has, at the end, to be rid of those that are open
}

// Slowness is what became of slow connections.
type Slowness struct {
	Opened  int64              `json:"opened"`
	Refused int64              `json:"refused"` // could not be made
	Left    int64              `json:"left"`    // that the server was not rid of at the end
	Longest map[string]float64 `json:"longest"` // seconds that one of each kind lasted
}

// slowKind is one way to take one's time.
type slowKind struct {
	name  string
	sends []byte // at once
	drips byte   // then each second; 0: nothing
	reads int    // bytes of what comes, at most, a second
}

// Each second a line drips and reads. A kind that reads nothing learns that its connection is gone by what it drips:
// what has not been read hides the end that comes after it.
const (
	slowTick  = time.Second
	readsAll  = 64 << 10
	slowAsks  = 200 // requests sent at once by those that do not read: more than any buffer has room for their answers
	slowStays = 4 << 10
)

// slowKinds are all of them. Lines take turns.
func slowKinds(to target) []slowKind {
	head := "POST " + to.base + "/api/v1/bookings HTTP/1.1\r\nHost: " + to.host + "\r\n"
	half := []byte(head + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
	large := append([]byte(head+"Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"), bytes.Repeat([]byte{' '}, 50_000)...)
	asks := bytes.Repeat(requestBytes(to, http.MethodGet, "/openapi.json", "", nil), slowAsks)
	return []slowKind{
		{name: "silent", reads: readsAll},
		{name: "header", sends: []byte(head + "X-Slow: "), drips: 'x', reads: readsAll},
		{name: "body", sends: half, reads: readsAll},
		{name: "large", sends: large, reads: readsAll},
		{name: "trickle", sends: half, drips: ' ', reads: readsAll},
		{name: "unread", sends: asks, drips: 'x'},
		{name: "sip", sends: asks, drips: 'x', reads: 1},
		{name: "idle", sends: requestBytes(to, http.MethodGet, "/healthz", "", nil), reads: readsAll},
	}
}

// slowRun is slow clients at work.
type slowRun struct {
	to              target
	opened, refused atomic.Int64
	left            atomic.Int64

	mu      sync.Mutex
	longest map[string]time.Duration
}

// Disturb has slow clients at the server until ctx ends: a line that is ended comes again. Then those that are open
// stay until the server ends them.
func (s Slow) Disturb(ctx context.Context, server string) (Slowness, error) {
	to, err := parseTarget(server, false)
	if err != nil {
		return Slowness{}, err
	}
	r := &slowRun{to: to, longest: map[string]time.Duration{}}
	over, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, func() {
		_ = sleep(over, s.Patience)
		end()
	})
	defer stop()
	kinds := slowKinds(to)
	var lines sync.WaitGroup
	for line := range s.Lines {
		lines.Go(func() {
			for ctx.Err() == nil {
				r.hold(ctx, over, kinds[line%len(kinds)])
			}
		})
	}
	lines.Wait()
	result := Slowness{
		Opened: r.opened.Load(), Refused: r.refused.Load(), Left: r.left.Load(), Longest: map[string]float64{},
	}
	for kind, longest := range r.longest {
		result.Longest[kind] = longest.Seconds()
	}
	return result, nil
}

// hold opens a connection, and stays on it until the server has closed it, or the time is over.
func (r *slowRun) hold(ctx, over context.Context, kind slowKind) {
	dialed, err := new(net.Dialer).DialContext(over, "tcp", r.to.addr)
	if err != nil {
		r.refused.Add(1)
		_ = sleep(ctx, unconnectedPause)
		return
	}
	c, _ := dialed.(*net.TCPConn) // what "tcp" gives
	defer c.Close()
	r.opened.Add(1)
	begun := time.Now()
	if kind.reads < readsAll {
		_ = c.SetReadBuffer(slowStays)
	}
	if err := r.stay(over, c, kind); err == nil {
		r.left.Add(1)
	}
	lasted := time.Since(begun)
	r.mu.Lock()
	r.longest[kind.name] = max(r.longest[kind.name], lasted)
	r.mu.Unlock()
	if lasted < slowTick { // turned away
		_ = sleep(ctx, slowTick)
	}
}

// stay returns an error when the connection has been ended, and nil when the time is over.
func (r *slowRun) stay(over context.Context, c *net.TCPConn, kind slowKind) error {
	into := make([]byte, min(kind.reads, slowStays))
	_ = c.SetWriteDeadline(time.Now().Add(slowTick))
	if _, err := c.Write(kind.sends); err != nil && !late(err) { // whose buffers are full has sent enough
		return err
	}
	for next := time.Now(); over.Err() == nil; {
		next = next.Add(slowTick)
		if kind.drips != 0 {
			_ = c.SetWriteDeadline(time.Now().Add(slowTick))
			if _, err := c.Write([]byte{kind.drips}); err != nil && !late(err) {
				return err
			}
		}
		if err := readUntil(c, into, kind.reads, next); err != nil {
			return err
		}
		_ = sleep(over, time.Until(next))
	}
	return nil
}

// readUntil reads so many bytes, or what comes until a time.
func readUntil(c *net.TCPConn, into []byte, most int, until time.Time) error {
	_ = c.SetReadDeadline(until)
	for most > 0 {
		n, err := c.Read(into)
		if late(err) {
			return nil
		}
		if err != nil {
			return err
		}
		most -= n
	}
	return nil
}

// late reports whether an error is a deadline's.
func late(err error) bool {
	slow, is := errors.AsType[net.Error](err)
	return is && slow.Timeout()
}
