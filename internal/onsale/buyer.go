package onsale

import (
	"math/rand/v2"
	"time"
)

// buyer is one person who wants tickets. Times count from the start of the run.
type buyer struct {
	event, user, quantity int
	key                   uint64
	attempts              int
	arrived               time.Duration // when the buyer came, or meant to
	due                   time.Duration // when the next attempt is meant to leave
}

// crowd makes buyers.
type crowd struct {
	split    *splitter
	quantity Quantity
	users    int
}

// next makes the buyer with that number. Users take turns, so that no user is busier than another.
func (c *crowd) next(rng *rand.Rand, number uint64, at time.Duration) buyer {
	b := buyer{
		event: c.split.pick(rng), user: int(number % uint64(c.users)), quantity: c.quantity.Min,
		key: number, arrived: at, due: at,
	}
	if n := c.quantity.Max - c.quantity.Min; n > 0 {
		b.quantity += rng.IntN(n + 1)
	}
	return b
}

// pause is how long a buyer waits before the next attempt: what the server asked for, otherwise twice as long each
// time. Up to half of it is random, so that refused buyers do not come back as one.
func (r Retry) pause(asked time.Duration, attempts int, rng *rand.Rand) time.Duration {
	wait := asked
	if wait == 0 {
		wait = r.Wait << min(attempts-1, 20)
	}
	wait = min(wait, r.MaxWait)
	return wait + time.Duration(rng.Int64N(int64(wait)/2+1))
}
