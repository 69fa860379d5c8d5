package testkit

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options say how a dedicated PostgreSQL is run.
type Options struct {
	// Durable keeps fsync, full_page_writes and synchronous_commit on, as in
	// production; needed where a test kills the server, or measures.
	Durable bool
	// Settings are further server settings ("lock_timeout": "1s"); they win.
	Settings map[string]string
	// Texts are initdb's options for the encoding and the locale; default UTF-8, in the order of bytes, with a locale
	// that knows the letters of all languages.
	Texts []string
}

// PostgresServer is a private PostgreSQL. Superuser postgres, no password asked.
type PostgresServer struct {
	tb     testing.TB // nil for the shared server
	daemon *daemon
	port   int
	socket string // the directory of its unix socket
	data   string

	mu        sync.Mutex
	templates map[string]*template
}

var sharedPostgres = sync.OnceValues(func() (*PostgresServer, error) {
	return startPostgres(Options{})
})

// Postgres returns the PostgreSQL that this test process shares, started at the
// first call. It is not durable, and must not be killed, stopped or paused:
// take one of your own from NewPostgres for that.
func Postgres(tb testing.TB) *PostgresServer {
	tb.Helper()
	s, err := sharedPostgres()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// NewPostgres starts a PostgreSQL for this test alone; it is gone after it.
func NewPostgres(tb testing.TB, o Options) *PostgresServer {
	tb.Helper()
	s, err := startPostgres(o)
	if err != nil {
		tb.Fatal(err)
	}
	s.tb = tb
	tb.Cleanup(s.discard)
	return s
}

// startPostgres makes a cluster and starts it. Another process may take the
// chosen port between the choice and the start; hence the tries.
func startPostgres(o Options) (*PostgresServer, error) {
	var s *PostgresServer
	var err error
	for range 3 {
		if s, err = makePostgres(o); err != nil {
			return nil, err
		}
		if err = s.daemon.start(); err == nil {
			return s, nil
		}
	}
	return nil, err
}

// makePostgres prepares everything but the start.
func makePostgres(o Options) (*PostgresServer, error) {
	bin, err := postgresBin()
	if err != nil {
		return nil, err
	}
	owner, err := serverUser()
	if err != nil {
		return nil, err
	}
	dir, err := ownedDir("p", owner)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &PostgresServer{port: port, socket: dir, data: filepath.Join(dir, "data"), templates: map[string]*template{}}
	s.daemon = &daemon{
		path: filepath.Join(bin, "postgres"), args: s.arguments(o), dir: dir, owner: owner,
		end: syscall.SIGINT, abort: syscall.SIGQUIT, ready: s.ping,
	}
	return s, initCluster(bin, s.data, owner, o.Texts)
}

// arguments are the server's command line.
func (s *PostgresServer) arguments(o Options) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(s.port),
		"unix_socket_directories": s.socket,
		"max_connections":         "300",
		"timezone":                "UTC",
		"log_min_messages":        "warning",
	}
	if !o.Durable {
		maps.Copy(settings, map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
			"wal_level": "minimal", "max_wal_senders": "0",
		})
	}
	maps.Copy(settings, o.Settings)
	args := []string{"-D", s.data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// initCluster runs initdb. Everyone on this machine's loopback is trusted: the
// cluster holds test data and lives for minutes.
func initCluster(bin, data string, owner *syscall.Credential, texts []string) error {
	if len(texts) == 0 {
		texts = []string{"-E", "UTF8", "--lc-collate=C", "--lc-ctype=C.UTF-8"}
	}
	args := append([]string{"-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions"}, texts...)
	cmd := exec.Command(filepath.Join(bin, "initdb"), args...)
	cmd.Dir = filepath.Dir(data)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb in %s: %w: %s", data, err, out)
	}
	return nil
}

// serverUser is the user that PostgreSQL runs as: it refuses root, so root
// lends it the user postgres, or nobody. nil means our own user.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the id of user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read the group of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody to run it as")
}

// ownedDir makes a directory in the workspace that belongs to the owner.
func ownedDir(prefix string, owner *syscall.Credential) (string, error) {
	dir, err := newDir(prefix)
	if err != nil || owner == nil {
		return dir, err
	}
	if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
		return "", fmt.Errorf("give %s to the server's user: %w", dir, err)
	}
	return dir, nil
}

// ping connects as a client would.
func (s *PostgresServer) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// URL returns the address of one of its databases, over TCP.
func (s *PostgresServer) URL(db string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User("postgres"), Path: "/" + db, RawQuery: "sslmode=disable",
		Host: net.JoinHostPort(s.Host(), strconv.Itoa(s.port)),
	}
	return u.String()
}

// SocketURL returns the address of one of its databases, over its unix socket.
func (s *PostgresServer) SocketURL(db string) string {
	q := url.Values{"host": {s.socket}, "port": {strconv.Itoa(s.port)}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + db, RawQuery: q.Encode()}
	return u.String()
}

// Host returns the address that it listens on.
func (s *PostgresServer) Host() string { return "127.0.0.1" }

// Port returns the TCP port that it listens on; a restart keeps it.
func (s *PostgresServer) Port() int { return s.port }

// SocketDir returns the directory of its unix socket, for DB_HOST or pgbench -h.
func (s *PostgresServer) SocketDir() string { return s.socket }

// Log returns the last lines of the server's log.
func (s *PostgresServer) Log() string { return s.daemon.logTail() }

// Kill ends all of the server's processes with SIGKILL, as a power cut would
// but for what the kernel has cached. It returns when all of them are gone.
func (s *PostgresServer) Kill() { s.own(); s.daemon.kill() }

// Stop shuts the server down: sessions are ended, what is committed is written.
func (s *PostgresServer) Stop() { s.own(); s.daemon.stop(s.daemon.end) }

// Restart starts the server again after Kill or Stop (or stops it first) on the
// same port, and returns when it answers. A fault fails the test; it may be
// called from any goroutine.
func (s *PostgresServer) Restart() {
	s.own()
	s.daemon.stop(s.daemon.end)
	if err := s.daemon.start(); err != nil {
		s.tb.Errorf("restart: %v", err)
	}
}

// Pause freezes all of the server's processes; connections stay open.
func (s *PostgresServer) Pause() { s.own(); s.daemon.pause() }

// Resume ends Pause.
func (s *PostgresServer) Resume() { s.own(); s.daemon.resume() }

// own stops a test that would break the server under all the others.
func (s *PostgresServer) own() {
	if s.tb == nil {
		panic("testkit: the shared PostgreSQL belongs to all tests; take one from NewPostgres")
	}
}

// discard ends the server without ceremony, and removes its files.
func (s *PostgresServer) discard() {
	s.daemon.stop(s.daemon.abort)
	removeSharedMemory(s.data)
	if err := os.RemoveAll(s.daemon.dir); err != nil {
		s.tb.Errorf("remove a server's files: %v", err)
	}
}
