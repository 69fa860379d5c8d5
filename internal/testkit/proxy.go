package testkit

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP relay between the program under test and a server, with faults
// that a test switches on. Its methods are safe for concurrent use.
type Proxy struct {
	tb     testing.TB
	target string
	addr   string

	mu       sync.Mutex
	changed  *sync.Cond // hung or closed has changed
	listener net.Listener
	links    map[*link]struct{}
	hung     bool
	closed   bool
	limit    int64 // replies that new links let through; negative: all
	cut      bool  // what happens at the limit: cut the link, or swallow the rest
	trap     *trap
	framing  framing // nil: bytes are moved as they come
	cutter   Cutter
	cuts     int
	ending   sync.WaitGroup // links that a cutter has cut and whose server has not ended yet
	pumps    sync.WaitGroup
}

// NewProxy starts a proxy to target ("host:port") on a free port of 127.0.0.1;
// it is closed after the test.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	return newProxy(tb, target, nil)
}

func newProxy(tb testing.TB, target string, f framing) *Proxy {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen for a proxy: %v", err)
	}
	p := &Proxy{tb: tb, target: target, addr: listener.Addr().String(), links: map[*link]struct{}{}, limit: -1, framing: f}
	p.changed = sync.NewCond(&p.mu)
	p.serve(listener)
	tb.Cleanup(p.close)
	return p
}

// Addr returns the address to connect to instead of the target's.
func (p *Proxy) Addr() string { return p.addr }

// Hang lets nothing through any more in either direction. Connections stay
// open, and new ones are accepted.
func (p *Proxy) Hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung = true
}

// Cut resets all connections that are open now, and returns how many.
func (p *Proxy) Cut() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cutAll(func(*link) bool { return true })
}

// Refuse cuts all connections and refuses new ones, as a server that is down.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.cutAll(func(*link) bool { return true })
}

// DropReplies lets each connection, open or new, receive so many bytes more
// from the server; what follows is swallowed, and the client waits.
func (p *Proxy) DropReplies(after int64) { p.limitReplies(after, false) }

// CutReplies lets each connection, open or new, receive so many bytes more from
// the server; then it is closed.
func (p *Proxy) CutReplies(after int64) { p.limitReplies(after, true) }

func (p *Proxy) limitReplies(after int64, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit, p.cut = after, cut
	for l := range p.links {
		l.left = after
	}
}

// LoseReplyTo waits for the next request that contains text, lets the server
// have it, and cuts that connection when the server answers, before the client
// sees any of it: the outcome is known to the server alone. The channel is
// closed when that has happened. It happens once.
func (p *Proxy) LoseReplyTo(text string) <-chan struct{} { return p.set(text, true) }

// CutBefore waits for the next request that contains text and cuts that
// connection before the server sees the request. It happens once; then the
// channel is closed.
func (p *Proxy) CutBefore(text string) <-chan struct{} { return p.set(text, false) }

func (p *Proxy) set(text string, deliver bool) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap = &trap{text: []byte(text), deliver: deliver, sprung: make(chan struct{})}
	return p.trap.sprung
}

// Heal ends all faults, and listens again after Refuse. Connections that have
// lost bytes are cut: what they would carry now makes no sense any more.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hung, p.limit, p.trap = false, -1, nil
	p.cutAll(func(l *link) bool { return l.lossy })
	for l := range p.links {
		l.left = -1
	}
	p.changed.Broadcast()
	if p.listener == nil && !p.closed {
		listener, err := net.Listen("tcp", p.addr)
		if err != nil {
			p.tb.Errorf("listen again for a proxy: %v", err)
			return
		}
		p.serve(listener)
	}
}

// serve accepts connections until the listener is closed.
func (p *Proxy) serve(listener net.Listener) {
	p.listener = listener
	p.pumps.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.pumps.Go(func() { p.connect(client, listener) })
		}
	})
}

// connect joins a client with the server and moves bytes until one side ends.
func (p *Proxy) connect(client net.Conn, from net.Listener) {
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		reset(client)
		return
	}
	l := &link{client: client, server: server}
	if !p.join(l, from) {
		l.cut()
		return
	}
	p.pumps.Go(func() {
		p.pump(l, l.server, l.client, p.filterReply)
		p.drain(l)
	})
	p.pump(l, l.client, l.server, p.filterRequest)
}

// join enters a link into the books, unless the proxy has refused or closed
// since the link was accepted.
func (p *Proxy) join(l *link, from net.Listener) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.listener != from {
		return false
	}
	l.left = p.limit
	p.links[l] = struct{}{}
	return true
}

// pump moves bytes one way, through a filter, until either end is closed.
func (p *Proxy) pump(l *link, from, to net.Conn, filter func(*link, []byte) ([]byte, bool)) {
	defer p.part(l)
	buffer := make([]byte, 32*1024)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		pass, goOn := filter(l, buffer[:n])
		if _, err := to.Write(pass); err != nil || !goOn {
			return
		}
	}
}

// part closes both ends of a link, in order: each side sees the other's end.
func (p *Proxy) part(l *link) {
	p.mu.Lock()
	delete(p.links, l)
	ending := l.ending
	p.mu.Unlock()
	if ending {
		p.end(l)
		return
	}
	_ = l.client.Close()
	_ = l.server.Close()
}

// cutAll resets the links that a test picks. The caller holds the lock.
func (p *Proxy) cutAll(pick func(*link) bool) int {
	n := 0
	for l := range p.links {
		if pick(l) {
			l.cut()
			delete(p.links, l)
			n++
		}
	}
	p.changed.Broadcast() // a cut link need not wait for the end of Hang
	return n
}

// close ends the proxy and waits for everything it has started.
func (p *Proxy) close() {
	p.mu.Lock()
	p.closed, p.hung = true, false
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.cutAll(func(*link) bool { return true })
	p.mu.Unlock()
	p.pumps.Wait()
}
