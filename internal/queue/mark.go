package queue

import (
	"strconv"
	"strings"
)

// OlderID tells whether a stream id ("<milliseconds>-<sequence>") was given before another. Empty is older than any.
func OlderID(a, b string) bool {
	aTime, aSeq := splitID(a)
	bTime, bSeq := splitID(b)
	return aTime < bTime || aTime == bTime && aSeq < bSeq
}

func splitID(id string) (milliseconds, sequence uint64) {
	first, second, _ := strings.Cut(id, "-")
	milliseconds, _ = strconv.ParseUint(first, 10, 64)
	sequence, _ = strconv.ParseUint(second, 10, 64)
	return milliseconds, sequence
}
