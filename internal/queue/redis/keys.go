package redis

import "time"

// Keys of one queue. The hash tag of the second is the name of the first, so that a Redis Cluster keeps both in one
// slot and one script may touch both.

// streamKey is the stream of messages.
func streamKey(name string) string { return name }

// epochKey names the unbroken life of the stream's data.
func epochKey(name string) string { return "{" + name + "}:epoch" }

// trialKey is written to see whether Redis takes writes.
func trialKey(name string) string { return "{" + name + "}:trial" }

// trialLasts is how long that key stays.
const trialLasts = time.Minute

// groupName is the consumer group that all payment workers belong to.
const groupName = "payment-workers"

// Fields of a message.
const (
	eventField   = "event_id"
	bookingField = "booking_id"
)

// ownerKey holds who works on the stream. It never expires, and its loss does no harm.
func ownerKey(name string) string { return "{" + name + "}:owner" }
