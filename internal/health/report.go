package health

import (
	"slices"
	"time"
)

// Status is how a part does.
type Status string

// The statuses.
const (
	OK       Status = "ok"
	Degraded Status = "degraded" // bookings go on without it
	Down     Status = "down"     // no booking can be taken
)

// Statuses are all of them.
var Statuses = []Status{OK, Degraded, Down}

// The parts, in the order of a report.
const (
	Database = "database" // takes bookings
	Queue    = "queue"    // takes what is to be paid
	Workers  = "workers"  // somebody does the work, without failing
	Expiry   = "expiry"   // holds end in time
	Payments = "payments" // are made in time, and by the right gateway
)

// State is how a part does, since when, and what to do about it. Both texts are for people and hold no secrets.
type State struct {
	Part   string
	Status Status
	Since  time.Time
	Detail string
	Remedy string

	cause error // for the log
}

// Report is how all parts do.
type Report []State

// Ready reports whether bookings can be taken.
func (r Report) Ready() bool {
	return !slices.ContainsFunc(r, func(s State) bool { return s.Status == Down })
}

// Find returns the state of a part; zero if nothing is known of it.
func (r Report) Find(part string) State {
	for _, s := range r {
		if s.Part == part {
			return s
		}
	}
	return State{}
}
