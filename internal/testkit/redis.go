package testkit

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// redisDatabases is how many numbered databases a test Redis has, so that each
// test of a process can have one.
const redisDatabases = 4096

// RedisOptions say how a dedicated Redis is run.
type RedisOptions struct {
	// AppendOnly writes every command to disk before it is answered
	// (appendfsync always), so that Kill and Restart lose nothing.
	AppendOnly bool
	// Settings are further server settings ("maxmemory": "10mb"); they win.
	Settings map[string]string
}

// RedisServer is a private Redis on 127.0.0.1, without a password.
type RedisServer struct {
	tb     testing.TB // nil for the shared server
	daemon *daemon
	port   int
	given  atomic.Int64 // numbered databases handed out
}

var sharedRedis = sync.OnceValues(func() (*RedisServer, error) {
	return startRedis(RedisOptions{})
})

// Redis returns the Redis that this test process shares, started at the first
// call. It keeps nothing on disk, and must not be killed, stopped, paused or
// flushed as a whole: take one of your own from NewRedis for that.
func Redis(tb testing.TB) *RedisServer {
	tb.Helper()
	s, err := sharedRedis()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// NewRedis starts a Redis for this test alone; it is gone after it.
func NewRedis(tb testing.TB, o RedisOptions) *RedisServer {
	tb.Helper()
	s, err := startRedis(o)
	if err != nil {
		tb.Fatal(err)
	}
	s.tb = tb
	tb.Cleanup(s.discard)
	return s
}

// startRedis tries again on another port if one is taken under our hands.
func startRedis(o RedisOptions) (*RedisServer, error) {
	var s *RedisServer
	var err error
	for range 3 {
		if s, err = makeRedis(o); err != nil {
			return nil, err
		}
		if err = s.daemon.start(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func makeRedis(o RedisOptions) (*RedisServer, error) {
	bin, err := redisBin()
	if err != nil {
		return nil, err
	}
	dir, err := newDir("r")
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &RedisServer{port: port}
	s.daemon = &daemon{
		path: bin, args: redisArguments(o, port, dir), dir: dir,
		end: syscall.SIGTERM, abort: syscall.SIGKILL, ready: s.ping,
	}
	return s, nil
}

// redisArguments are the server's command line.
func redisArguments(o RedisOptions, port int, dir string) []string {
	settings := map[string]string{
		"port": strconv.Itoa(port), "bind": "127.0.0.1", "dir": dir,
		"save": "", "appendonly": "no", "databases": strconv.Itoa(redisDatabases), "loglevel": "warning",
	}
	if o.AppendOnly {
		settings["appendonly"], settings["appendfsync"] = "yes", "always"
	}
	maps.Copy(settings, o.Settings)
	var args []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "--"+name, settings[name])
	}
	return args
}

// ping says PING; a server that is still loading its file answers otherwise.
func (s *RedisServer) ping(ctx context.Context) error {
	return s.command(ctx, "+PONG", "PING")
}

// command sends one inline command after selecting a database, and compares the
// answer. Testkit needs three commands, not a client library.
func (s *RedisServer) command(ctx context.Context, want string, lines ...string) error {
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	answer := ""
	for _, line := range lines {
		if _, err := fmt.Fprintf(conn, "%s\r\n", line); err != nil {
			return err
		}
		if answer, err = in.ReadString('\n'); err != nil {
			return err
		}
	}
	if got := strings.TrimSpace(answer); got != want {
		return fmt.Errorf("redis answered %q to %q", got, lines)
	}
	return nil
}

// URL returns the server's address; its database is number 0.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() + "/0" }

// Addr returns the server's address as host:port; a restart keeps it.
func (s *RedisServer) Addr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))
}

// Port returns the TCP port that it listens on.
func (s *RedisServer) Port() int { return s.port }

// Database returns the URL of a numbered database that no other test has; it is
// emptied after the test.
func (s *RedisServer) Database(tb testing.TB) string {
	tb.Helper()
	n := s.given.Add(1)
	if n >= redisDatabases {
		tb.Fatalf("all %d numbered databases of this Redis are given out", redisDatabases)
	}
	tb.Cleanup(func() {
		if s.tb != nil && s.daemon.down() {
			return
		}
		if err := s.command(context.Background(), "+OK", fmt.Sprintf("SELECT %d", n), "FLUSHDB"); err != nil {
			tb.Errorf("empty Redis database %d: %v", n, err)
		}
	})
	return fmt.Sprintf("redis://%s/%d", s.Addr(), n)
}

// Log returns the last lines of the server's log.
func (s *RedisServer) Log() string { return s.daemon.logTail() }

// Kill ends the server with SIGKILL and returns when it is gone.
func (s *RedisServer) Kill() { s.own(); s.daemon.kill() }

// Stop shuts the server down in order.
func (s *RedisServer) Stop() { s.own(); s.daemon.stop(s.daemon.end) }

// Restart starts the server again after Kill or Stop (or stops it first) on the
// same port, and returns when it answers. A fault fails the test; it may be
// called from any goroutine.
func (s *RedisServer) Restart() {
	s.own()
	s.daemon.stop(s.daemon.end)
	if err := s.daemon.start(); err != nil {
		s.tb.Errorf("restart: %v", err)
	}
}

// Pause freezes the server; connections stay open.
func (s *RedisServer) Pause() { s.own(); s.daemon.pause() }

// Resume ends Pause.
func (s *RedisServer) Resume() { s.own(); s.daemon.resume() }

// own stops a test that would break the server under all the others.
func (s *RedisServer) own() {
	if s.tb == nil {
		panic("testkit: the shared Redis belongs to all tests; take one from NewRedis")
	}
}

func (s *RedisServer) discard() {
	s.daemon.stop(s.daemon.abort)
	if err := os.RemoveAll(s.daemon.dir); err != nil {
		s.tb.Errorf("remove a server's files: %v", err)
	}
}
