package postgres

import (
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"quantix/internal/models"
)

const (
	// fullLook and maxLooks say how often a poll looks from the very beginning.
	fullLook = 10 * time.Second
	maxLooks = 256
)

// lowWater is where a poll begins to look in its index; every process keeps its own.
//
// As long as somebody holds an old snapshot, deleted rows stay in the tables and indexes: minutes of them, millions at
// full speed, and a poll that begins at the first one passes over them all, many times a second. So each look also
// finds the first row that is still there (due or not), and the next begins a little before that row. A row may appear
// further back all the same, when its transaction took longer than that little or the clock that made its key lags
// behind; hence a look from the beginning every few seconds, which finds whatever the others miss. The mark is only
// ever a matter of speed: losing it, or setting it back, costs one slow look.
type lowWater[T any] struct {
	mu    sync.Mutex
	mark  T
	looks int       // since the last look from the beginning
	full  time.Time // when that was
}

// polls are the marks of a store.
type polls struct {
	outbox  lowWater[pgtype.UUID]
	charges lowWater[pgtype.Timestamptz]
	// how far the PENDING bookings were looked through; see moveLapsed
	pending struct {
		sync.Mutex
		after models.Position
	}
}

// from returns the place to begin at; the beginning itself, when nothing is known yet or it is time to look there
// again.
func (w *lowWater[T]) from(beginning T) T {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks++
	if w.looks < maxLooks && !w.full.IsZero() && time.Since(w.full) < fullLook {
		return w.mark
	}
	w.looks, w.full, w.mark = 0, time.Now(), beginning
	return beginning
}

// set moves the mark to what a look has found.
func (w *lowWater[T]) set(mark T) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mark = mark
}
