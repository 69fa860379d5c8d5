package services

import "context"

// A semaphore bounds how much is in hand at once.
type semaphore struct {
	queue chan struct{} // held while slots are taken, so that two callers who take many never starve each other
	free  chan struct{}
}

func newSemaphore(n int) *semaphore {
	s := &semaphore{queue: make(chan struct{}, 1), free: make(chan struct{}, n)}
	s.release(n)
	return s
}

// acquire takes as many slots as are free, at most most, and waits until there are at least least of them. It returns
// how many were taken; an error, the context's, when none.
func (s *semaphore) acquire(ctx context.Context, least, most int) (int, error) {
	select {
	case s.queue <- struct{}{}:
		defer func() { <-s.queue }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	taken := 0
	for ; taken < least; taken++ {
		select {
		case <-s.free:
		case <-ctx.Done():
			s.release(taken)
			return 0, ctx.Err()
		}
	}
	for ; taken < most; taken++ {
		select {
		case <-s.free:
		default:
			return taken, nil
		}
	}
	return taken, nil
}

func (s *semaphore) release(n int) {
	for range n {
		s.free <- struct{}{}
	}
}

func (s *semaphore) size() int { return cap(s.free) }
