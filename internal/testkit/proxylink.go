package testkit

import (
	"bytes"
	"net"
)

// link is one client's connection through a Proxy, whose lock guards its fields.
type link struct {
	client, server net.Conn

	left    int64  // reply bytes that may still pass; negative: all
	lossy   bool   // bytes of it have been swallowed
	tail    []byte // the end of the requests so far, for a text that two reads share
	awaited *trap  // the trap that springs at the next reply
	severed bool   // cut: nothing may pass any more

	sent           [2][]byte // by each side: the beginning of a message
	started, asked bool      // see postgresMessage
	ending, ended  bool      // a cutter cuts it; that has been done
}

// trap is a fault that waits for a request.
type trap struct {
	text    []byte
	deliver bool // the server gets the request, the client no reply
	sprung  chan struct{}
}

// cut resets the client's end. The server's end is closed in order, so that the
// server still reads what it has been sent.
func (l *link) cut() {
	l.severed = true
	reset(l.client)
	_ = l.server.Close()
}

// reset closes a connection so that the peer sees "connection reset by peer".
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// await waits while the proxy hangs, and reports whether the link still stands.
// The caller holds the proxy's lock.
func (p *Proxy) await(l *link) bool {
	for p.hung && !p.closed && !l.severed {
		p.changed.Wait()
	}
	return !p.closed && !l.severed
}

// filterRequest returns what may pass to the server, and whether the link goes
// on after that.
func (p *Proxy) filterRequest(l *link, data []byte) (pass []byte, goOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.await(l) {
		return nil, false
	}
	t := p.trap
	if t == nil {
		l.tail = nil
		return p.messages(l, Client, data)
	}
	if !l.sees(t.text, data) {
		return data, true
	}
	p.trap = nil
	if t.deliver {
		l.awaited = t
		return data, true
	}
	l.cut()
	close(t.sprung)
	return nil, false
}

// sees reports whether the requests, up to and including data, contain text
// that was not complete before.
func (l *link) sees(text, data []byte) bool {
	window := append(bytes.Clone(l.tail), data...)
	l.tail = window[max(0, len(window)-len(text)+1):]
	return bytes.Contains(window, text)
}

// filterReply returns what may pass to the client, and whether the link goes on
// after that.
func (p *Proxy) filterReply(l *link, data []byte) (pass []byte, goOn bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.await(l) {
		return nil, false
	}
	if l.ending { // its end is read by drain
		return nil, false
	}
	if l.awaited != nil {
		l.cut()
		close(l.awaited.sprung)
		return nil, false
	}
	if l.left < 0 {
		return p.messages(l, Server, data)
	}
	pass = data[:min(l.left, int64(len(data)))]
	l.left -= int64(len(pass))
	l.lossy = l.lossy || len(pass) < len(data)
	return pass, !p.cut || l.left > 0
}
