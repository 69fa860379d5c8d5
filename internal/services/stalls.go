package services

import (
	"time"

	"quantix/internal/repository"
)

// stallBase is the least pause of a payment whose gateway limits its rate or is away: the pacer decides when calls go, and
// until then the payment is as well left in the database.
const stallBase = time.Second

// Room gives how many of most payments the gateway has room for now. What there is none for is better left in the queue
// or in the database: there it waits for its deadline alone, and no try of it is counted.
func (p *Payments) Room(most int) int { return p.pace.Room(most) }

// stallPause is how long a payment is left alone whose gateway would have no call.
func (p *Payments) stallPause() time.Duration {
	return repository.Backoff(max(p.options.RetryBase, stallBase), 1, p.options.RetryMost)
}
