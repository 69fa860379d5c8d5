package boxoffice

import (
	"sync"
	"sync/atomic"
	"time"
)

// sharedTimeout bounds how long buyers wait. A timer for each of them would cost more than their place in a batch:
// callers that arrive within 1/16 of the limit share one timer, and leave together.
type sharedTimeout struct {
	limit   time.Duration
	current atomic.Pointer[chan struct{}] // of those who arrive now; nil: nobody has lately
	mu      sync.Mutex                    // guards that only one starts a new one
}

// expired returns a channel that closes when the time of whoever arrives now is over: never later than after limit, and
// at most a sixteenth of it earlier.
func (t *sharedTimeout) expired() <-chan struct{} {
	if shared := t.current.Load(); shared != nil {
		return *shared
	}
	return t.start()
}

func (t *sharedTimeout) start() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if shared := t.current.Load(); shared != nil {
		return *shared
	}
	over := make(chan struct{})
	t.current.Store(&over)
	time.AfterFunc(t.limit/16, func() { t.current.Store(nil) })
	time.AfterFunc(t.limit, func() { close(over) })
	return over
}
