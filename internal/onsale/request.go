package onsale

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

const (
	uuidLength = 36
	keyLength  = 32
)

// bookingRequest is one POST /api/v1/bookings as bytes. Every booking of a run has the same length (the quantity is
// padded with blanks, which JSON allows), so that a new one is a few copies into place and no allocation.
type bookingRequest struct {
	bytes                      []byte
	user, event, quantity, key []byte // windows into bytes; key is empty without idempotency keys
}

// newBookingRequest lays the request out. Its windows hold blanks until they are filled.
func newBookingRequest(to target, s Scenario) *bookingRequest {
	user, event := strings.Repeat("u", uuidLength), strings.Repeat("e", uuidLength)
	quantity := strings.Repeat("9", len(strconv.Itoa(s.Quantity.Max)))
	body := `{"user_id":"` + user + `","event_id":"` + event + `","quantity":` + quantity
	if s.PaymentMethod != "" {
		body += `,"payment_method":` + strconv.Quote(s.PaymentMethod)
	}
	body += "}"
	key, header := "", ""
	if s.IdempotencyKeys {
		key = strings.Repeat("k", keyLength)
		header = "Idempotency-Key: " + key + "\r\n"
	}
	r := &bookingRequest{bytes: requestBytes(to, "POST", "/api/v1/bookings", header, []byte(body))}
	from := bytes.Index(r.bytes, headEnd)
	r.user = window(r.bytes, from, user)
	r.event = window(r.bytes, from, event)
	r.quantity = window(r.bytes, from, quantity)
	r.key = window(r.bytes, 0, key)
	return r
}

// window finds placeholder in b, at or after from.
func window(b []byte, from int, placeholder string) []byte {
	if placeholder == "" {
		return nil
	}
	i := from + bytes.Index(b[from:], []byte(placeholder))
	return b[i : i+len(placeholder) : i+len(placeholder)]
}

// requestBytes writes a whole request; headers are complete lines.
func requestBytes(to target, method, path, headers string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s%s HTTP/1.1\r\nHost: %s\r\n%s%s", method, to.base, path, to.host, to.shown, headers)
	if body != nil {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// fill makes the request that of one buyer. run is 16 characters that no other run has.
func (r *bookingRequest) fill(user, event string, quantity int, run string, key uint64) {
	copy(r.user, user)
	copy(r.event, event)
	putRight(r.quantity, quantity)
	if len(r.key) > 0 {
		copy(r.key, run)
		putHex(r.key[len(run):], key)
	}
}

// putRight writes n to the right end of b and blanks before it.
func putRight(b []byte, n int) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = ' '
		if n > 0 {
			b[i] = byte('0' + n%10)
		}
		n /= 10
	}
}

func putHex(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// bodyLength is the number of bytes after the head of a request.
func bodyLength(req []byte) int {
	return len(req) - bytes.Index(req, headEnd) - len(headEnd)
}
