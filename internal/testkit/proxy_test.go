package testkit

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// echoServer answers each line with "re: " and the line, and remembers it.
type echoServer struct {
	addr string
	mu   sync.Mutex
	seen []string
}

func newEchoServer(t *testing.T) *echoServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := &echoServer{addr: l.Addr().String()}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.answer(conn)
		}
	}()
	return s
}

func (s *echoServer) answer(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	for in.Scan() {
		s.mu.Lock()
		s.seen = append(s.seen, in.Text())
		s.mu.Unlock()
		if _, err := io.WriteString(conn, "re: "+in.Text()+"\n"); err != nil {
			return
		}
	}
}

func (s *echoServer) saw(line string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, seen := range s.seen {
		if seen == line {
			return true
		}
	}
	return false
}

// client is a connection through a proxy.
type client struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dialProxy(t *testing.T, p *Proxy) *client {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &client{t: t, conn: conn, in: bufio.NewReader(conn)}
}

// say sends a line and returns the answer, or what came of it before the error.
func (c *client) say(line string, within time.Duration) (string, error) {
	c.t.Helper()
	if err := c.conn.SetDeadline(time.Now().Add(within)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		return "", err
	}
	return c.in.ReadString('\n')
}

// expect says a line that must be answered.
func (c *client) expect(line string) {
	c.t.Helper()
	if got, err := c.say(line, time.Minute); err != nil || got != "re: "+line+"\n" {
		c.t.Fatalf("said %q: %q, %v", line, got, err)
	}
}

// mute says a line that must not be answered, but without the connection's end.
func (c *client) mute(line string) string {
	c.t.Helper()
	got, err := c.say(line, 100*time.Millisecond)
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		c.t.Fatalf("said %q: %q, %v; want silence", line, got, err)
	}
	return got
}

// broken says a line that must end the connection.
func (c *client) broken(line string) string {
	c.t.Helper()
	got, err := c.say(line, time.Minute)
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Fatalf("said %q: %q, %v; want a broken connection", line, got, err)
	}
	return got
}

func awaitSprung(t *testing.T, sprung <-chan struct{}) {
	t.Helper()
	select {
	case <-sprung:
	case <-time.After(time.Minute):
		t.Fatal("the fault did not happen")
	}
}

func TestProxyHangAndHeal(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, newEchoServer(t).addr)
	c := dialProxy(t, p)
	c.expect("one")
	p.Hang()
	c.mute("two")
	fresh := dialProxy(t, p)
	fresh.mute("three")
	p.Heal()
	if got, err := c.say("four", time.Minute); err != nil || got != "re: two\n" {
		t.Errorf("after Heal: %q, %v; want the answer that was held back", got, err)
	}
}

func TestProxyCut(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, newEchoServer(t).addr)
	c := dialProxy(t, p)
	c.expect("one")
	if n := p.Cut(); n != 1 {
		t.Errorf("cut %d connections, want 1", n)
	}
	c.broken("two")
	dialProxy(t, p).expect("three")
}

func TestProxyRefuse(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, newEchoServer(t).addr)
	c := dialProxy(t, p)
	c.expect("one")
	p.Refuse()
	c.broken("two")
	if conn, err := net.Dial("tcp", p.Addr()); err == nil {
		_ = conn.Close()
		t.Error("connected to a proxy that refuses")
	}
	p.Heal()
	dialProxy(t, p).expect("three")
}

func TestProxyLimitsReplies(t *testing.T) {
	t.Parallel()
	s := newEchoServer(t)
	p := NewProxy(t, s.addr)
	c := dialProxy(t, p)
	c.expect("one")
	p.DropReplies(6)
	if got := c.mute("two"); got != "re: tw" {
		t.Errorf("%q passed, want 6 bytes", got)
	}
	if !s.saw("two") {
		t.Error("the request did not reach the server")
	}
	p.Heal()
	c.broken("three")

	c = dialProxy(t, p)
	c.expect("four")
	p.CutReplies(4)
	if got := c.broken("five"); got != "re: " || !s.saw("five") {
		t.Errorf("%q passed, want 4 bytes; the server saw it: %v", got, s.saw("five"))
	}
}

func TestProxyLosesAReply(t *testing.T) {
	t.Parallel()
	s := newEchoServer(t)
	p := NewProxy(t, s.addr)
	c, other := dialProxy(t, p), dialProxy(t, p)
	sprung := p.LoseReplyTo("commit")
	c.expect("insert")
	if _, err := io.WriteString(c.conn, "com"); err != nil { // in two pieces
		t.Fatal(err)
	}
	if got := c.broken("mit"); got != "" {
		t.Errorf("%q passed", got)
	}
	awaitSprung(t, sprung)
	if !s.saw("commit") {
		t.Error("the server did not get the request")
	}
	other.expect("commit")
}

func TestProxyCutsBeforeARequest(t *testing.T) {
	t.Parallel()
	s := newEchoServer(t)
	p := NewProxy(t, s.addr)
	c := dialProxy(t, p)
	sprung := p.CutBefore("commit")
	c.expect("insert")
	c.broken("commit")
	awaitSprung(t, sprung)
	if s.saw("commit") {
		t.Error("the server got the request")
	}
	dialProxy(t, p).expect("commit")
}

func TestProxyBreaksAPostgresCommit(t *testing.T) {
	t.Parallel()
	pg := Postgres(t)
	url := Database(t, migrateSample)
	p := NewProxy(t, net.JoinHostPort(pg.Host(), itoa(pg.Port())))
	conn := connect(t, strings.Replace(url, ":"+itoa(pg.Port()), p.Addr()[strings.LastIndex(p.Addr(), ":"):], 1))
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "INSERT INTO sample VALUES ('paid')"); err != nil {
		t.Fatal(err)
	}
	sprung := p.LoseReplyTo("commit")
	if err := tx.Commit(t.Context()); err == nil {
		t.Error("the commit was answered")
	}
	awaitSprung(t, sprung)
	if got := ask(t, url, "SELECT n FROM sample"); got != "paid" {
		t.Errorf("stored %q, want what was committed", got)
	}
}
