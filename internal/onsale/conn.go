package onsale

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	firstBuffer = 2 << 10
	// maxResponse bounds one answer: the API's longest, a list of 500 bookings, is a quarter of it.
	maxResponse = 1 << 20
	// staleAfter is the idle time after which a connection is made anew: the server may be about to close it, and a
	// POST without a key must not be sent twice to find out.
	staleAfter = 20 * time.Second

	// unusedFor is the same for a connection that has carried nothing yet: servers give the first request less time,
	// ours 5 s.
	unusedFor = 4 * time.Second
)

// errNotSent says that no byte of the request can have reached the server.
var errNotSent = errors.New("not sent")

// conn is one kept-alive connection with one request in flight at most. Only abort may be called from elsewhere.
type conn struct {
	to target

	mu  sync.Mutex // guards tcp against abort
	tcp net.Conn

	buf      []byte
	end      int // bytes of buf that are filled
	deadline time.Time
	lastUse  time.Time
}

func newConn(to target) *conn {
	return &conn{to: to, buf: make([]byte, firstBuffer)}
}

// open dials if the connection is not there, or has idled for too long.
func (c *conn) open(ctx context.Context, now time.Time) error {
	if c.tcp != nil {
		if now.Sub(c.lastUse) < staleAfter {
			return nil
		}
		c.close()
	}
	dialer := net.Dialer{Timeout: 10 * time.Second}
	tcp, err := dialer.DialContext(ctx, "tcp", c.to.addr)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	c.set(tcp)
	c.deadline = time.Time{}
	c.lastUse = now.Add(unusedFor - staleAfter)
	return nil
}

func (c *conn) set(tcp net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tcp = tcp
}

// close ends the connection; the next request dials again.
func (c *conn) close() {
	if c.tcp == nil {
		return
	}
	_ = c.tcp.Close() // the connection is given up: nothing could be done about an error
	c.set(nil)
}

// abort makes a request in flight fail at once.
func (c *conn) abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tcp != nil {
		_ = c.tcp.SetDeadline(time.Unix(1, 0))
	}
}

// roundTrip sends req and reads its answer. Whoever ends ctx must abort as well: it is not watched meanwhile. The
// answer's body is valid until the next round trip. After any error the connection is closed.
func (c *conn) roundTrip(ctx context.Context, req []byte, now, deadline time.Time, exact bool) (response, error) {
	if err := c.open(ctx, now); err != nil {
		return response{}, err
	}
	if err := c.limit(ctx, now, deadline, exact); err != nil {
		c.close()
		return response{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	res, err := c.exchange(req)
	if err != nil || res.close {
		c.close()
	}
	return res, err
}

// limit sets the deadline of the request. One that need not be exact is moved only when half of it is used up: it saves
// a timer for nearly every request.
func (c *conn) limit(ctx context.Context, now, deadline time.Time, exact bool) error {
	if !exact {
		left, want := c.deadline.Sub(now), deadline.Sub(now)
		if left >= want && left <= want+want/2 {
			return nil
		}
		deadline = deadline.Add(want / 2)
	}
	c.deadline = deadline
	if err := c.tcp.SetDeadline(deadline); err != nil {
		return err
	}
	return ctx.Err() // asked after setting, so that an abort in between is not overwritten unseen
}

func (c *conn) exchange(req []byte) (response, error) {
	if _, err := c.tcp.Write(req); err != nil {
		return response{}, fmt.Errorf("send: %w", err)
	}
	c.end = 0
	return c.readResponse()
}

// fill reads more bytes, and makes room for them first if there is none.
func (c *conn) fill() error {
	if c.end == len(c.buf) {
		if len(c.buf) >= maxResponse {
			return fmt.Errorf("answer longer than %d bytes", maxResponse)
		}
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	n, err := c.tcp.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	return err
}
