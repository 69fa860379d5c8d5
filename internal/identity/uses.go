package identity

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"quantix/internal/models"
)

const (
	// noteEvery is how often it is written which keys were used.
	noteEvery   = time.Minute
	noteTimeout = 2 * time.Second
)

// uses is when keys were used last. It has those that were ever used here, so it is no larger than the store's table.
type uses struct {
	mu   sync.Mutex
	keys map[models.KeyID]*use
}

// use is when a key was used last.
type use struct {
	at    atomic.Int64 // in minutes since 1970
	noted int64        // what the store knows
}

func (u *uses) of(key models.KeyID) *use {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.keys == nil {
		u.keys = map[models.KeyID]*use{}
	}
	one := u.keys[key]
	if one == nil {
		one = &use{}
		u.keys[key] = one
	}
	return one
}

// note is called for every request, so that it writes to shared memory once a minute only.
func (u *use) note(at time.Time) {
	if minute := at.Unix() / 60; minute > u.at.Load() {
		u.at.Store(minute)
	}
}

// news returns the uses that the store does not know.
func (u *uses) news() map[models.KeyID]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	news := map[models.KeyID]int64{}
	for key, one := range u.keys {
		if at := one.at.Load(); at > one.noted {
			news[key] = at
		}
	}
	return news
}

func (u *uses) noted(news map[models.KeyID]int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for key, at := range news {
		u.keys[key].noted = at
	}
}

// noteUses writes which keys were used. What fails is written a minute later.
func (g *Gate) noteUses(ctx context.Context) {
	news := g.uses.news()
	if len(news) == 0 {
		return
	}
	used := maps.Collect(func(yield func(models.KeyID, time.Time) bool) {
		for key, minute := range news {
			if !yield(key, time.Unix(minute*60, 0).UTC()) {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	err := error(errPanic)
	g.guarded(func() { err = g.store.TouchKeys(ctx, used) })
	if err != nil {
		g.spells.Fault(slog.LevelWarn, "uses", "it could not be written when keys were used last", slog.Any("error", err))
		return
	}
	g.uses.noted(news)
}
