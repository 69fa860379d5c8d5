package onsale

import (
	"bytes"
	"errors"
	"net/http"
	"os"
)

// Class is what an answer means to the buyer who got it. Latencies are kept apart by it: a fast refusal must not make
// slow bookings look fast.
type Class int

// The classes. Refused is a business answer (409: sold out, too few left, begun). Overloaded is the server's word that
// it has too much to do (429, 503). Failed is everything that should not happen: other statuses, broken connections,
// malformed answers, and buyers who gave up waiting.
const (
	Accepted Class = iota
	Refused
	Overloaded
	Failed
	classes
)

// String returns the class's name in reports.
func (c Class) String() string {
	return [...]string{"accepted", "refused", "overloaded", "failed"}[c]
}

// MarshalText writes the class by its name.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads a name that MarshalText wrote.
func (c *Class) UnmarshalText(text []byte) error {
	for k := range classes {
		if k.String() == string(text) {
			*c = k
			return nil
		}
	}
	return errors.New("unknown class " + string(text))
}

// The codes of failures that have no HTTP answer.
const (
	CodeGaveUp       = "gave_up"       // the buyer's patience ended
	CodeNeverSent    = "never_sent"    // the generator was late by half of the buyer's patience, or more
	CodeTimeout      = "timeout"       // no answer within Scenario.Timeout
	CodeNotConnected = "not_connected" // no byte of the request left
	CodeBroken       = "broken"        // the connection or the answer broke: the outcome is unknown
)

// outcome is the end of one attempt.
type outcome struct {
	class  Class
	status int
	code   string
	retry  bool // a buyer may try again
}

// classify gives an attempt its class and code. keyed says that repeating the request is harmless.
func classify(res response, err error, patience, keyed bool) outcome {
	if err != nil {
		return classifyError(err, patience, keyed)
	}
	switch {
	case res.status < 300:
		return outcome{class: Accepted, status: res.status}
	case res.status == http.StatusConflict:
		return outcome{class: Refused, status: res.status, code: problemCode(res.body)}
	case res.status == http.StatusTooManyRequests, res.status == http.StatusServiceUnavailable:
		code := problemCode(res.body)
		return outcome{class: Overloaded, status: res.status, code: code, retry: keyed || code != "outcome_unknown"}
	}
	return outcome{class: Failed, status: res.status, code: problemCode(res.body)}
}

func classifyError(err error, patience, keyed bool) outcome {
	switch {
	case errors.Is(err, errNotSent):
		return outcome{class: Failed, code: CodeNotConnected, retry: true}
	case errors.Is(err, os.ErrDeadlineExceeded) && patience:
		return outcome{class: Failed, code: CodeGaveUp}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outcome{class: Failed, code: CodeTimeout, retry: keyed}
	}
	return outcome{class: Failed, code: CodeBroken, retry: keyed}
}

// knownCodes spares an allocation for each refusal, of which a sold-out event gives tens of thousands a second.
var knownCodes = []string{
	"sold_out", "insufficient_tickets", "overloaded", "event_started", "event_cancelled", "outcome_unknown",
	"user_limit_reached",
}

var codeKey = []byte(`"code":`)

// problemCode finds the machine code of a problem document, or returns "".
func problemCode(body []byte) string {
	_, rest, found := bytes.Cut(body, codeKey)
	if !found {
		return ""
	}
	rest = bytes.TrimLeft(rest, " ")
	if len(rest) == 0 || rest[0] != '"' {
		return ""
	}
	code, _, _ := bytes.Cut(rest[1:], []byte{'"'})
	for _, known := range knownCodes {
		if string(code) == known {
			return known
		}
	}
	return string(code[:min(len(code), 64)])
}
