package services

import "sync"

// inFlight counts what is under way. Unlike a sync.WaitGroup, more may begin while somebody waits.
type inFlight struct {
	mu      sync.Mutex
	n       int
	settled chan struct{} // of the present spell of work; closed at its end
}

func (f *inFlight) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		f.settled = make(chan struct{})
	}
	f.n++
}

func (f *inFlight) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 {
		close(f.settled)
	}
}

// idle returns a channel that is closed as soon as, from now on, nothing is under way for a moment.
func (f *inFlight) idle() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		return alreadyDone
	}
	return f.settled
}

// alreadyDone is a closed channel, for when nothing is in flight.
var alreadyDone = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
