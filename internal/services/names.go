package services

import (
	"context"
	"sync"
	"time"

	"quantix/internal/models"
)

// names remembers for a while what events are called, so that telling a gateway costs no query for each charge. An
// event that cannot be read has no name: nobody's payment waits for that.
type names struct {
	events interface {
		AnyEvent(ctx context.Context, scope models.Scope, id models.EventID) (models.Event, error)
	}

	mu    sync.Mutex
	known map[models.EventID]*knownName
}

// knownName is locked while it is read, so that a thousand charges that begin at once ask once.
type knownName struct {
	mu    sync.Mutex
	name  string
	until time.Time
}

// A name is read again after a minute, for organisers correct them, or after a second when it could not be read; of so
// many events at once it is remembered.
const (
	nameFor     = time.Minute
	namelessFor = time.Second
	maxNames    = 10_000
)

func (n *names) of(ctx context.Context, id models.EventID) string {
	known := n.entry(id)
	known.mu.Lock()
	defer known.mu.Unlock()
	now := time.Now()
	if now.Before(known.until) {
		return known.name
	}
	event, err := n.events.AnyEvent(ctx, models.Everything, id)
	if err != nil {
		known.until = now.Add(namelessFor)
		return known.name
	}
	known.name, known.until = event.Name, now.Add(nameFor)
	return known.name
}

func (n *names) entry(id models.EventID) *knownName {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.known[id]
	if known == nil {
		if n.known == nil || len(n.known) >= maxNames {
			n.known = map[models.EventID]*knownName{}
		}
		known = &knownName{}
		n.known[id] = known
	}
	return known
}
