package models

import (
	"strconv"
	"strings"
)

// QueueMark says how far a queue has got: Epoch names one unbroken life of the queue's data, LastID the newest
// message in it. A queue that answers with another epoch, or an older id than was remembered, has lost messages.
type QueueMark struct {
	Epoch  string
	LastID string
}

// OlderThan reports whether a mark names an older message than another one of the same epoch. A message's id is
// "<milliseconds>-<sequence>"; what cannot be read is older than any.
func (m QueueMark) OlderThan(other QueueMark) bool {
	time, sequence := m.position()
	otherTime, otherSequence := other.position()
	return time < otherTime || time == otherTime && sequence < otherSequence
}

func (m QueueMark) position() (milliseconds, sequence uint64) {
	first, second, _ := strings.Cut(m.LastID, "-")
	milliseconds, _ = strconv.ParseUint(first, 10, 64)
	sequence, _ = strconv.ParseUint(second, 10, 64)
	return milliseconds, sequence
}

// OutboxRow is the messages of one batch, committed with it and not yet published: the bookings that its entry in the
// event's journal tells of, or some that are published again.
type OutboxRow struct {
	ID       BatchID
	Event    EventID
	Bookings []BookingID
}

// Owner tells a database from its copies, which have the same installation's id: the token is turned every few seconds
// by whichever process is at work on this database, and a copy does not see that.
type Owner struct {
	Installation    string
	Token, Previous string // empty: never turned
}
