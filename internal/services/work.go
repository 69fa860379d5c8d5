package services

import "sync"

// work counts what is under way. Unlike a sync.WaitGroup, more may begin while somebody waits.
type work struct {
	mu      sync.Mutex
	n       int
	settled chan struct{} // of the present spell of work; closed at its end
}

func (w *work) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		w.settled = make(chan struct{})
	}
	w.n++
}

func (w *work) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n--; w.n == 0 {
		close(w.settled)
	}
}

// idle gives a channel that is closed as soon as, from now on, nothing is under way for a moment.
func (w *work) idle() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == 0 {
		return closed
	}
	return w.settled
}

// closed is what nobody waits at.
var closed = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
