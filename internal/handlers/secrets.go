package handlers

import (
	"bytes"
	"strings"
)

// A client that sends its key where none belongs gets an answer that others may see as well: in a browser's console,
// in a report of a fault, in the log of a proxy. So what has the shape of a key is shown in no problem, and taken for
// no id.

// hiddenKey stands for a key.
const hiddenKey = "********"

// minKey is how many letters and digits in a row a key has behind its prefix, if a few at its end are cut off. The
// references of charges begin in the same way, and have 32.
const minKey = 33

// hasKey reports whether a text has something of the shape of a key, or of a token of three parts.
func hasKey(text string) bool {
	_, end := findKey(text)
	return end > 0
}

// hideKeys hides such parts of what was written from a place on; nearly always there is none.
func hideKeys(b []byte, from int) []byte {
	if !bytes.Contains(b[from:], []byte("qx_")) && !bytes.Contains(b[from:], []byte("eyJ")) {
		return b
	}
	rest := string(b[from:])
	b = b[:from]
	for {
		begin, end := findKey(rest)
		if end == 0 {
			return append(b, rest...)
		}
		b = append(append(b, rest[:begin]...), hiddenKey...)
		rest = rest[end:]
	}
}

// findKey returns where the first one begins and ends; 0, 0 if there is none.
func findKey(text string) (begin, end int) {
	for from := 0; from+minKey < len(text); from++ {
		if n := keyAt(text[from:]); n > 0 {
			return from, from + n
		}
	}
	return 0, 0
}

// keyAt returns how long the key or token is that a text begins with; 0 if it begins with none.
func keyAt(text string) int {
	if rest, is := strings.CutPrefix(text, "qx_"); is {
		n := 0
		for n < len(rest) && (isDigit(rest[n]) || 'a' <= rest[n] && rest[n] <= 'z') {
			n++
		}
		if n >= minKey {
			return len("qx_") + n
		}
		return 0
	}
	if !strings.HasPrefix(text, "eyJ") { // what `{"` is in base64
		return 0
	}
	n, dots := 0, 0
	for n < len(text) && isTokenByte(text[n]) {
		if text[n] == '.' {
			dots++
		}
		n++
	}
	if dots > 0 && n >= minKey {
		return n
	}
	return 0
}

func isTokenByte(c byte) bool {
	isLetter := 'a' <= c|0x20 && c|0x20 <= 'z'
	return isDigit(c) || isLetter || c == '-' || c == '_' || c == '.'
}
