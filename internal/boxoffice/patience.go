package boxoffice

import (
	"sync"
	"sync/atomic"
	"time"
)

// Patience bounds how long buyers wait. A timer for each of them would cost more than their place in a batch, so all who
// come within a sixteenth of it share one, and leave together.
type patience struct {
	long    time.Duration
	current atomic.Pointer[chan struct{}] // of those who come now; nil: nobody came lately
	mu      sync.Mutex                    // guards that only one begins a new one
}

// over gives a channel that closes when the patience of whoever comes now is over: never later than after long, and at
// most a sixteenth of it earlier.
func (p *patience) over() <-chan struct{} {
	if shared := p.current.Load(); shared != nil {
		return *shared
	}
	return p.begin()
}

func (p *patience) begin() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if shared := p.current.Load(); shared != nil {
		return *shared
	}
	over := make(chan struct{})
	p.current.Store(&over)
	time.AfterFunc(p.long/16, func() { p.current.Store(nil) })
	time.AfterFunc(p.long, func() { close(over) })
	return over
}
