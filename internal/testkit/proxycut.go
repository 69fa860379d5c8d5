package testkit

import (
	"io"
	"net"
	"testing"
	"time"
)

// Side is who sends a message.
type Side int

// The sides of a connection.
const (
	Client Side = iota
	Server
)

// Cutter is asked before each message passes, and reports whether its connection
// is to be cut there: the other end never sees it, but has all before it. It is
// called with the proxy's lock held.
type Cutter func(Side) bool

// framing tells the length of the first message that one side of a link has
// sent, or 0 while it is not complete, and whether a cutter is to be asked.
type framing func(l *link, side Side, sent []byte) (length int, counts bool)

// NewPostgresProxy starts a proxy to a PostgreSQL server that can cut between
// two messages of the protocol.
func NewPostgresProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	return newProxy(tb, target, postgresMessage)
}

// NewRedisProxy starts a proxy to a Redis server that can cut between two
// commands, or two answers.
func NewRedisProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	return newProxy(tb, target, redisMessage)
}

// CutWhere has a cutter asked from now on; nil: nothing is cut.
func (p *Proxy) CutWhere(c Cutter) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutter = c
}

// Cuts returns how many connections were cut by a Cutter.
func (p *Proxy) Cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cuts
}

// CutAt cuts the connection on which a side's n-th message from now comes,
// counted from 0 over all connections, before that message passes.
func (p *Proxy) CutAt(side Side, n int) {
	p.CutWhere(func(s Side) bool {
		if s != side {
			return false
		}
		n--
		return n == -1
	})
}

// Count counts the messages of both sides from now on; the function ends that.
func (p *Proxy) Count() (stop func() [2]int) {
	var n [2]int
	p.CutWhere(func(s Side) bool {
		n[s]++
		return false
	})
	return func() [2]int {
		p.CutWhere(nil)
		return n
	}
}

// Settle cuts nothing more, and waits until the server has ended the
// connections that were cut: it has done by then whatever it was sent.
func (p *Proxy) Settle() {
	p.CutWhere(nil)
	p.ending.Wait()
}

// messages lets what is complete pass, up to the message at which the cutter
// cuts. The caller holds the lock.
func (p *Proxy) messages(l *link, side Side, data []byte) (pass []byte, goOn bool) {
	if p.framing == nil {
		return data, true
	}
	sent := append(l.sent[side], data...)
	for {
		n, counts := p.framing(l, side, sent[len(pass):])
		if n == 0 {
			break
		}
		if counts && p.cutter != nil && p.isOpen(l) && p.cutter(side) {
			p.cuts++
			l.ending = true
			p.ending.Add(1)
			return sent[:len(pass)], false
		}
		pass = sent[:len(pass)+n]
	}
	l.sent[side] = append([]byte(nil), sent[len(pass):]...)
	return pass, true
}

// isOpen reports whether neither end of a link has been closed.
func (p *Proxy) isOpen(l *link) bool {
	_, is := p.links[l]
	return is
}

// end cuts a link after what was to pass has passed: the client at once, and as
// a reset every other time; the server in order, so that it does all that it
// was sent.
func (p *Proxy) end(l *link) {
	p.mu.Lock()
	again := l.ended
	l.ended = true
	hard := p.cuts%2 == 0
	p.mu.Unlock()
	if again {
		return
	}
	if hard {
		reset(l.client)
	}
	_ = l.client.Close()
	if tcp, ok := l.server.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// drain reads what the server of a link that was cut still says, to its end. It
// comes after all that passed to the client.
func (p *Proxy) drain(l *link) {
	p.mu.Lock()
	ending := l.ending
	p.mu.Unlock()
	if !ending {
		return
	}
	_ = l.server.SetReadDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.Copy(io.Discard, l.server)
	_ = l.server.Close()
	p.ending.Done()
}
