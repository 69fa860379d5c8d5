package onsale

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// answerWith returns a connection whose other end sends the parts one by one, then closes.
func answerWith(t *testing.T, parts ...string) *conn {
	t.Helper()
	near, far := net.Pipe()
	t.Cleanup(func() { _ = near.Close() })
	go func() {
		defer far.Close()
		for _, part := range parts {
			if _, err := io.WriteString(far, part); err != nil {
				return
			}
		}
	}()
	c := newConn(target{})
	c.tcp = near
	return c
}

func TestReadResponse(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long ", 2000)
	for name, tt := range map[string]struct {
		parts  []string
		status int
		body   string
		close  bool
		retry  time.Duration
	}{
		"with length":     {[]string{"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"}, 201, "ok", false, 0},
		"odd letters":     {[]string{"HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:2\r\n\r\nok"}, 200, "ok", false, 0},
		"byte by byte":    {strings.Split("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""), 200, "ok", false, 0},
		"without body":    {[]string{"HTTP/1.1 204 No Content\r\n\r\n"}, 204, "", false, 0},
		"closing":         {[]string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"}, 200, "", true, 0},
		"old version":     {[]string{"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"}, 200, "", true, 0},
		"until closed":    {[]string{"HTTP/1.1 200 OK\r\n\r\n", "all ", "of it"}, 200, "all of it", true, 0},
		"interim":         {[]string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}, 200, "x", false, 0},
		"retry after":     {[]string{"HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n"}, 503, "", false, 2 * time.Second},
		"long":            {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n", long}, 200, long, false, 0},
		"chunked":         {[]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"}, 200, "abcde", false, 0},
		"chunked, slowly": {strings.Split("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n", ""), 200, "0123456789", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res, err := answerWith(t, tt.parts...).readResponse()
			if err != nil {
				t.Fatal(err)
			}
			if res.status != tt.status || string(res.body) != tt.body || res.close != tt.close || res.retryAfter != tt.retry {
				t.Errorf("status %d, body %.40q, close %t, retry after %v", res.status, res.body, res.close, res.retryAfter)
			}
		})
	}
}

func TestReadResponseRefusesNonsense(t *testing.T) {
	t.Parallel()
	for name, parts := range map[string][]string{
		"no HTTP":         {"SSH-2.0-OpenSSH_9.2\r\n\r\n"},
		"no status":       {"HTTP/1.1 abc\r\n\r\n"},
		"bad length":      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"},
		"huge length":     {"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"},
		"no colon":        {"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"},
		"cut off in head": {"HTTP/1.1 200 OK\r\n"},
		"cut off in body": {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"},
		"too many bytes":  {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc"},
		"bad chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
		"chunk too long":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n"},
		"chunks cut off":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"},
		"nothing":         {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if res, err := answerWith(t, parts...).readResponse(); err == nil {
				t.Errorf("accepted: %d %q", res.status, res.body)
			}
		})
	}
}

func TestProblemCode(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"code":"sold_out","available":0}`: "sold_out",
		`{"status":409, "code": "new_one"}`: "new_one",
		`{"code":7}`:                        "",
		`{"code":`:                          "",
		`not json`:                          "",
	} {
		if got := problemCode([]byte(body)); got != want {
			t.Errorf("problemCode(%s) = %q, want %q", body, got, want)
		}
	}
}
