// Package limits bounds how much of the service one client gets: by address, by API key, and by user and event.
//
// The rule is GCRA: a key has a backlog, the time that it has still to earn. Each request adds an interval to it, time
// takes it away, and a request passes as long as its interval fits into the burst's. That needs one number for each
// key, forgets a key by itself, and lets nobody have twice the rate at the turn of a minute, as counters do.
//
// What is counted stands in Redis (package redis), so that replicas count together, or in this process (package
// inprocess). Both pass one suite, package limitstest.
package limits

import (
	"context"
	"net/netip"
	"time"
)

// Limit is what a limit counts by.
type Limit uint8

// The limits.
const (
	IP       Limit = iota // the client's address
	Key                   // the principal: an API key, or who a token is of
	Bookings              // bookings of one user for one event
	Kinds                 // how many there are
)

// String returns the name that metrics, headers and problems have for a limit.
func (l Limit) String() string { return [...]string{"ip", "key", "bookings"}[l] }

// Limiter keeps count.
type Limiter interface {
	// Check asks whether a request may go on. It has up to MaxAsks asks, each of another key, and passes if all of
	// them pass: then all are charged, and otherwise none. Error: ctx has ended.
	Check(ctx context.Context, asks []Ask) (Verdict, error)
}

// MaxAsks is how many asks a request has at most.
const MaxAsks = int(Kinds)

// Ask is one limit that a request is held to.
type Ask struct {
	Limit Limit
	Rate  Rate // not off
	Key   Name
}

// Name is what is counted, in as few bytes as tell it apart from others of its limit.
type Name struct {
	size  uint8
	bytes [32]byte
}

// Append appends the name's bytes.
func (n *Name) Append(b []byte) []byte { return append(b, n.bytes[:n.size]...) }

// Address names a client by its address: IPv4 as a whole, in whichever notation, and IPv6 by its /64, for that is what
// one customer is given. All whose address is not known share one name.
func Address(a netip.Addr) Name {
	a = a.Unmap()
	var n Name
	switch {
	case a.Is4():
		four := a.As4()
		n.size = uint8(copy(n.bytes[:], four[:]))
	case a.Is6():
		sixteen := a.As16()
		n.size = uint8(copy(n.bytes[:], sixteen[:8]))
	}
	return n
}

// Principal names who a request is from.
func Principal(id [16]byte) Name {
	var n Name
	n.size = uint8(copy(n.bytes[:], id[:]))
	return n
}

// Buyer names a user at an event.
func Buyer(user, event [16]byte) Name {
	var n Name
	n.size = uint8(copy(n.bytes[:], user[:]) + copy(n.bytes[len(user):], event[:]))
	return n
}

// Verdict is what became of a request's asks.
type Verdict struct {
	Allowed bool
	// Decisive is the ask that the client should know of: where it is refused, the one that it must wait longest for;
	// otherwise the one that has least left.
	Decisive  int
	Standings [MaxAsks]Standing // of each ask, after the request
}

// Standing is how a key stands.
type Standing struct {
	Remaining  int64         // requests that would pass at once
	RetryAfter time.Duration // until one passes; 0: it does now
	ResetAfter time.Duration // until Remaining is one more; 0: it is the whole burst
}

// Decide makes the verdict from the backlogs of a request's asks, those after it.
func Decide(allowed bool, asks []Ask, backlogs []time.Duration) Verdict {
	v := Verdict{Allowed: allowed}
	for i := range asks {
		v.Standings[i] = asks[i].Rate.standing(backlogs[i])
		if i > 0 && v.closer(i, v.Decisive) {
			v.Decisive = i
		}
	}
	return v
}

// closer reports whether the client runs into one ask sooner than into another.
func (v *Verdict) closer(one, other int) bool {
	a, b := &v.Standings[one], &v.Standings[other]
	if a.RetryAfter != b.RetryAfter {
		return a.RetryAfter > b.RetryAfter
	}
	return a.Remaining < b.Remaining
}
