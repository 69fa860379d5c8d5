package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"quantix/internal/onsale"
)

// scratchRedis is one numbered database of a Redis server, empty when it was taken. It speaks just enough of the
// protocol to look after itself: the queue's client would count its own commands.
type scratchRedis struct {
	URL  string // for REDIS_URL
	conn net.Conn
	in   *bufio.Reader
}

// redisDatabases is how many numbered databases a Redis has unless told otherwise.
const redisDatabases = 16

// takeScratchRedis finds an empty database on the Redis that address names (host:port, or redis://). One with keys is
// somebody's and is left alone.
func takeScratchRedis(ctx context.Context, address string) (*scratchRedis, error) {
	if !strings.Contains(address, "://") {
		address = "redis://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "redis" {
		return nil, errors.New("bench needs a Redis address such as 127.0.0.1:6379")
	}
	if !onsale.IsLoopback(u.Hostname()) {
		return nil, fmt.Errorf("redis host %s is not this machine: bench empties databases on its own servers only", u.Hostname())
	}
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("connect to Redis: %w", err)
	}
	r := &scratchRedis{conn: conn, in: bufio.NewReader(conn)}
	if err := r.take(u); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return r, nil
}

func (r *scratchRedis) take(u *url.URL) error {
	if password, set := u.User.Password(); set {
		login := []string{"AUTH", password}
		if u.User.Username() != "" {
			login = []string{"AUTH", u.User.Username(), password}
		}
		if _, err := r.do(login...); err != nil {
			return err
		}
	}
	for n := range redisDatabases {
		if _, err := r.do("SELECT", strconv.Itoa(n)); err != nil {
			return err
		}
		keys, err := r.do("DBSIZE")
		if err != nil {
			return err
		}
		if keys == "0" {
			u.Path = "/" + strconv.Itoa(n)
			r.URL = u.String()
			return nil
		}
	}
	return errors.New("no database of this Redis is empty: give bench a Redis of its own")
}

// Trips returns how often the server has read from a client so far: once for each round trip, however many commands
// travel in it.
func (r *scratchRedis) Trips() (int64, error) {
	info, err := r.do("INFO", "stats")
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(info, "total_reads_processed:")
	if !found {
		return 0, errors.New("this Redis does not count its reads")
	}
	number, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseInt(number, 10, 64)
}

// Close empties the database and lets go of it.
func (r *scratchRedis) Close() error {
	_, err := r.do("FLUSHDB")
	return errors.Join(err, r.conn.Close())
}

// do sends a command and reads a simple, numeric or bulk answer.
func (r *scratchRedis) do(words ...string) (string, error) {
	_ = r.conn.SetDeadline(time.Now().Add(10 * time.Second)) // fails only on closed connections, as the write will
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, w := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(r.conn, b.String()); err != nil {
		return "", fmt.Errorf("redis %s: %w", words[0], err)
	}
	answer, err := r.read()
	if err != nil {
		return "", fmt.Errorf("redis %s: %w", words[0], err)
	}
	return answer, nil
}

func (r *scratchRedis) read() (string, error) {
	line, err := r.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" || line[0] == '-' {
		return "", errors.New(strings.TrimPrefix(line, "-"))
	}
	if line[0] != '$' {
		return line[1:], nil
	}
	length, err := strconv.Atoi(line[1:])
	if err != nil || length < 0 {
		return "", err
	}
	text := make([]byte, length+2)
	_, err = io.ReadFull(r.in, text)
	return string(text[:length]), err
}
