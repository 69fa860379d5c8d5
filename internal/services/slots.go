package services

import "context"

// slots bound how much is in hand at once.
type slots struct {
	turn chan struct{} // held by who is taking slots, so that two who take many never starve each other
	free chan struct{}
}

func newSlots(n int) *slots {
	s := &slots{turn: make(chan struct{}, 1), free: make(chan struct{}, n)}
	s.release(n)
	return s
}

// acquire takes as many slots as are free, at most most, and waits until there are at least least of them. It gives how
// many were taken; an error, the context's, when none.
func (s *slots) acquire(ctx context.Context, least, most int) (int, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
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

func (s *slots) release(n int) {
	for range n {
		s.free <- struct{}{}
	}
}

func (s *slots) size() int { return cap(s.free) }
