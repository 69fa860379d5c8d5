package services

import (
	"context"
	"sync"
	"time"

	"quantix/internal/models"
)

// names remembers for a while what events are called, so that telling a gateway costs no query for each charge. An event
// that cannot be read has no name: nobody's payment waits for that.
type names struct {
	event func(context.Context, models.EventID) (models.Event, error)

	mu    sync.Mutex
	known map[models.EventID]knownName
}

type knownName struct {
	name  string
	until time.Time
}

// A name is read again after a minute, for organisers correct them; of so many events at once it is remembered.
const (
	nameFor   = time.Minute
	mostNames = 10_000
)

func newNames(event func(context.Context, models.EventID) (models.Event, error)) *names {
	return &names{event: event, known: map[models.EventID]knownName{}}
}

func (n *names) of(ctx context.Context, id models.EventID) string {
	now := time.Now()
	n.mu.Lock()
	known, is := n.known[id]
	n.mu.Unlock()
	if is && now.Before(known.until) {
		return known.name
	}
	event, err := n.event(ctx, id)
	if err != nil {
		return known.name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.known) >= mostNames {
		clear(n.known)
	}
	n.known[id] = knownName{name: event.Name, until: now.Add(nameFor)}
	return event.Name
}
