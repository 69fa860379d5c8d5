package services

import (
	"context"
	"sync"

	"quantix/internal/models"
)

// How many changes of users one process makes at once, and how many may wait: of one user, and of all.
const (
	userChangesAtOnce = 2
	maxOfOneUser      = 8
	maxUserChanges    = 256
)

// turns let changes of one user follow one another, and few of different ones go on at a time: changes wait for one
// another at the store, each with a connection, and one client could ask for any number.
type turns struct {
	slots *semaphore

	mu    sync.Mutex
	all   int
	users map[models.UserID]*turn
}

// turn is of one user's changes.
type turn struct {
	waiting int
	held    chan struct{} // holds a token while a change is under way
}

func newTurns() *turns {
	return &turns{slots: newSemaphore(userChangesAtOnce), users: map[models.UserID]*turn{}}
}

// take waits for one's turn; done ends it. Error: models.ErrUnavailable, when too many wait or the context ends.
func (t *turns) take(ctx context.Context, id models.UserID) (done func(), err error) {
	one := t.join(id)
	if one == nil {
		return nil, models.ErrUnavailable.Say("Too many changes of users wait; ask again shortly. Nothing was changed.")
	}
	select {
	case one.held <- struct{}{}:
	case <-ctx.Done():
		t.leave(id, one)
		return nil, models.ErrUnavailable.With(ctx.Err())
	}
	if _, err := t.slots.acquire(ctx, 1, 1); err != nil {
		<-one.held
		t.leave(id, one)
		return nil, models.ErrUnavailable.With(err)
	}
	return func() {
		t.slots.release(1)
		<-one.held
		t.leave(id, one)
	}, nil
}

// join counts one in; nil when too many are there.
func (t *turns) join(id models.UserID) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.users[id]
	if t.all >= maxUserChanges || one != nil && one.waiting >= maxOfOneUser {
		return nil
	}
	if one == nil {
		one = &turn{held: make(chan struct{}, 1)}
		t.users[id] = one
	}
	t.all, one.waiting = t.all+1, one.waiting+1
	return one
}

func (t *turns) leave(id models.UserID, one *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all, one.waiting = t.all-1, one.waiting-1
	if one.waiting == 0 {
		delete(t.users, id)
	}
}
