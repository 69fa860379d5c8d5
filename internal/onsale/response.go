package onsale

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// response is what the generator needs of an HTTP answer. body lies in the connection's buffer.
type response struct {
	status     int
	body       []byte
	retryAfter time.Duration
	close      bool
}

// head is a parsed status line with the headers that matter.
type head struct {
	response
	length  int // of the body; -1 when not given
	chunked bool
}

var (
	errHead   = errors.New("malformed answer: head")
	errChunk  = errors.New("malformed answer: chunk")
	errExcess = errors.New("malformed answer: bytes after its end")
	headEnd   = []byte("\r\n\r\n")
	lineEnd   = []byte("\r\n")
)

// readResponse reads one whole answer, passing over interim ones (1xx).
func (c *conn) readResponse() (response, error) {
	at := 0
	for {
		h, body, err := c.readHead(at)
		if err != nil {
			return response{}, err
		}
		if h.status >= 200 {
			return c.readBody(h, body)
		}
		at = body
	}
}

// readHead returns the head that begins at from, and where its body begins.
func (c *conn) readHead(from int) (head, int, error) {
	for scanned := from; ; {
		if i := bytes.Index(c.buf[scanned:c.end], headEnd); i >= 0 {
			body := scanned + i + len(headEnd)
			h, err := parseHead(c.buf[from : body-len(lineEnd)])
			return h, body, err
		}
		scanned = max(from, c.end-len(headEnd)+1)
		if err := c.fill(); err != nil {
			return head{}, 0, fmt.Errorf("read head: %w", err)
		}
	}
}

// parseHead reads a status line and headers, each line with its CRLF.
func parseHead(b []byte) (head, error) {
	h := head{length: -1}
	line, rest, _ := bytes.Cut(b, lineEnd)
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return h, errHead
	}
	h.close = line[7] == '0'
	status, ok := digits(line[9:12])
	if !ok || status < 100 {
		return h, errHead
	}
	h.status = status
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, lineEnd)
		if err := h.header(line); err != nil {
			return h, err
		}
	}
	return h, nil
}

// header takes one header line in. The length of the name decides before any letters are compared: nearly all lines
// are of no interest.
func (h *head) header(line []byte) error {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return errHead
	}
	name, value := line[:colon], bytes.TrimSpace(line[colon+1:])
	switch {
	case colon == 14 && named(name, "content-length"):
		n, ok := digits(value)
		if !ok {
			return errHead
		}
		h.length = n
	case colon == 17 && named(name, "transfer-encoding"):
		h.chunked = named(value, "chunked")
	case colon == 10 && named(name, "connection"):
		h.close = named(value, "close")
	case colon == 11 && named(name, "retry-after"):
		if n, ok := digits(value); ok {
			h.retryAfter = time.Duration(n) * time.Second
		}
	}
	return nil
}

func named(b []byte, name string) bool {
	return len(b) == len(name) && bytes.EqualFold(b, []byte(name))
}

// digits reads a decimal number of at most nine digits.
func digits(b []byte) (int, bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	n := 0
	for _, d := range b {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}

// readBody completes an answer whose body begins at from.
func (c *conn) readBody(h head, from int) (response, error) {
	switch {
	case h.status == 204 || h.status == 304:
		return c.finish(h, from, from)
	case h.chunked:
		return c.readChunks(h, from)
	case h.length >= 0:
		if err := c.need(from + h.length); err != nil {
			return response{}, err
		}
		return c.finish(h, from, from+h.length)
	default:
		return c.readToEnd(h, from)
	}
}

// finish cuts the body out. More bytes than the answer has mean that both sides lost count: never go on.
func (c *conn) finish(h head, from, to int) (response, error) {
	if c.end > to {
		return response{}, errExcess
	}
	h.body = c.buf[from:to]
	return h.response, nil
}

// need reads until the buffer holds to bytes.
func (c *conn) need(to int) error {
	if to > maxResponse {
		return fmt.Errorf("answer longer than %d bytes", maxResponse)
	}
	for c.end < to {
		if err := c.fill(); err != nil {
			return fmt.Errorf("read body: %w", err)
		}
	}
	return nil
}

// readChunks decodes a chunked body in place: it only ever gets shorter.
func (c *conn) readChunks(h head, from int) (response, error) {
	at, out := from, from
	for {
		size, data, err := c.chunkSize(at)
		if err != nil {
			return response{}, err
		}
		if size == 0 {
			return c.finishChunks(h, from, out, data)
		}
		at = data + size + len(lineEnd)
		if err := c.need(at); err != nil {
			return response{}, err
		}
		if !bytes.Equal(c.buf[at-len(lineEnd):at], lineEnd) {
			return response{}, errChunk
		}
		out += copy(c.buf[out:], c.buf[data:data+size])
	}
}

// chunkSize reads the size line at from and says where the data begins.
func (c *conn) chunkSize(from int) (size, data int, err error) {
	line, next, err := c.line(from)
	if err != nil {
		return 0, 0, err
	}
	text, _, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(bytes.TrimSpace(text)), 16, 31)
	if err != nil {
		return 0, 0, errChunk
	}
	return int(n), next, nil
}

// finishChunks reads past the trailers, to the empty line that ends them.
func (c *conn) finishChunks(h head, from, out, at int) (response, error) {
	for {
		line, next, err := c.line(at)
		if err != nil {
			return response{}, err
		}
		at = next
		if len(line) > 0 {
			continue
		}
		if c.end > at {
			return response{}, errExcess
		}
		h.body = c.buf[from:out]
		return h.response, nil
	}
}

// line returns the line at from without its CRLF, and where the next begins.
func (c *conn) line(from int) ([]byte, int, error) {
	for {
		if i := bytes.Index(c.buf[from:c.end], lineEnd); i >= 0 {
			return c.buf[from : from+i], from + i + len(lineEnd), nil
		}
		if err := c.need(c.end + 1); err != nil {
			return nil, 0, err
		}
	}
}

// readToEnd takes everything up to the end of the connection as the body.
func (c *conn) readToEnd(h head, from int) (response, error) {
	h.close = true
	for {
		err := c.fill()
		if errors.Is(err, io.EOF) {
			return c.finish(h, from, c.end)
		}
		if err != nil {
			return response{}, fmt.Errorf("read body: %w", err)
		}
	}
}
