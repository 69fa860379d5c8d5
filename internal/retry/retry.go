// Package retry repeats what may succeed the next time, and waits in between.
package retry

import (
	"context"
	"math/rand/v2"
	"time"
)

// Bounds of Do: in all about a second and a half at most.
const (
	tries   = 6
	base    = 25 * time.Millisecond
	maxWait = time.Second
)

// Do repeats what failed with an error that again accepts, a few times and with jitter, so that two who got into each
// other's way do not meet again; then it gives up with the last error.
func Do(ctx context.Context, again func(error) bool, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if err == nil || try == tries || !again(err) || !Pause(ctx, Backoff(base, try, maxWait)) {
			return err
		}
	}
}

// Backoff returns how long to wait before the next try: exponential from base, at most most, with full jitter on its
// upper half, so that many who failed together do not come back together.
func Backoff(base time.Duration, failures int, most time.Duration) time.Duration {
	wait := base << min(max(failures-1, 0), 20)
	if wait <= 0 || wait > most {
		wait = most
	}
	return wait/2 + rand.N(wait/2+1)
}

// Pause waits, and reports whether the context let it.
func Pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
