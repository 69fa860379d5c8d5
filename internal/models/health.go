package models

import "time"

// Process is one of an installation's, as it last told of itself.
type Process struct {
	ID       ProcessID
	Name     string // for people: which machine's
	Sells    bool   // it answers the API
	Works    bool   // it runs the background loops
	Payments string // who takes the money, with what must be the same for all processes; no secrets
	Version  string
	SeenAt   time.Time // by the store's clock
}

// Backlog is how late the oldest of what waits for a worker is, by the store's clock; zero where nothing is late.
type Backlog struct {
	Expiry  time.Duration // PENDING bookings past their deadline
	Outbox  time.Duration // rows that wait to be published
	Charges time.Duration // open charges that are due
	Refunds time.Duration // likewise
}
