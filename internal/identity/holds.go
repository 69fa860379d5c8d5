package identity

import (
	"context"
	"net/http"
	"sync"
	"time"

	"quantix/internal/models"
)

// holdEvery is how often those who hold a connection are asked again who they are: with pollEvery, a revocation ends
// their streams within a second.
const holdEvery = 500 * time.Millisecond

// holds is who holds a connection beyond their request, such as a stream's reader.
type holds struct {
	mu   sync.Mutex
	open map[*hold]struct{}
}

// hold is one of them, by what they showed.
type hold struct {
	shown  http.Header
	cancel context.CancelCauseFunc
}

// Hold returns a context that ends as soon as what a request showed no longer says who sent it: a key that was revoked
// or has expired, a token whose time is over. Its cause is why. Whoever showed nothing has nothing to lose.
func (g *Gate) Hold(ctx context.Context, header http.Header) (context.Context, context.CancelFunc) {
	held, cancel := context.WithCancelCause(ctx)
	h := &hold{shown: http.Header{"Authorization": header["Authorization"]}, cancel: cancel}
	if len(header["Authorization"]) > 0 {
		g.holds.add(h)
	}
	return held, func() {
		g.holds.remove(h)
		cancel(nil)
	}
}

func (s *holds) add(h *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[*hold]struct{}{}
	}
	s.open[h] = struct{}{}
}

func (s *holds) remove(h *hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, h)
}

func (s *holds) all() []*hold {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*hold, 0, len(s.open))
	for h := range s.open {
		all = append(all, h)
	}
	return all
}

// lookAgain ends what is held by who is nobody any more. That nobody can say is no reason: the next look may, and a
// store that is away must not end all streams at once.
func (g *Gate) lookAgain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout) // for all of them: a store that hangs must not hold up each
	defer cancel()
	for _, h := range g.holds.all() {
		if _, err := g.Identify(ctx, h.shown); models.ErrUnauthorized.Is(err) {
			h.cancel(err)
		}
	}
}
