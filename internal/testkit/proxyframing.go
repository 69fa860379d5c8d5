package testkit

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// The codes of PostgreSQL's messages without a type, which begin a connection.
const (
	cancelCode = 80877102
	tlsCode    = 80877103
	gssCode    = 80877104
)

// postgresMessage frames PostgreSQL's protocol, version 3. To ask that a
// statement be cancelled takes a connection of its own, which does not count.
func postgresMessage(l *link, side Side, sent []byte) (length int, counts bool) {
	switch {
	case side == Server && l.asked && len(sent) > 0:
		l.asked = false // one byte: whether TLS may begin, which no test has
		return 1, true
	case side == Client && !l.started:
		return l.beginning(sent)
	case len(sent) < 5:
		return 0, false
	}
	return whole(sent, 1+int(binary.BigEndian.Uint32(sent[1:]))), true
}

// beginning frames what a client sends before a connection's messages have types.
func (l *link) beginning(sent []byte) (length int, counts bool) {
	if len(sent) < 8 {
		return 0, false
	}
	length = whole(sent, int(binary.BigEndian.Uint32(sent)))
	if length == 0 {
		return 0, false
	}
	switch binary.BigEndian.Uint32(sent[4:]) {
	case cancelCode:
		return length, false
	case tlsCode, gssCode:
		l.asked = true
	default:
		l.started = true
	}
	return length, true
}

// whole returns a message's length once all of it is there.
func whole(sent []byte, length int) int {
	if length > len(sent) {
		return 0
	}
	return length
}

// redisMessage frames RESP 2, which both sides speak.
func redisMessage(_ *link, _ Side, sent []byte) (length int, counts bool) {
	length = respValue(sent)
	return length, length > 0
}

// respValue returns the length of the value that some bytes begin with, or 0.
func respValue(sent []byte) int {
	end := bytes.Index(sent, []byte("\r\n"))
	if end < 1 {
		return 0
	}
	length := end + 2
	n, _ := strconv.Atoi(string(sent[1:end]))
	switch {
	case sent[0] == '$' && n >= 0:
		return whole(sent, length+n+2)
	case sent[0] == '*':
		for range n {
			one := respValue(sent[length:])
			if one == 0 {
				return 0
			}
			length += one
		}
	}
	return length
}
