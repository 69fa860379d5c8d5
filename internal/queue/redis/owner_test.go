package redis_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
	"quantix/internal/queue/redis"
	"quantix/internal/testkit"
)

// A stream is the database's whose token is registered, or was a turn ago; and anybody's, once nobody is.
func TestRegister(t *testing.T) {
	t.Parallel()
	q := open(t, testkit.Redis(t).Database(t), redis.Options{})
	for i, test := range []struct {
		token, previous string
		take            bool
		want            queue.Claim
	}{
		{"a1", "", false, queue.Nobody},
		{"a1", "", true, queue.Ours},
		{"b1", "", true, queue.Theirs},
		{"b2", "b1", true, queue.Theirs},
		{"a1", "", false, queue.Ours},
		{"a2", "a1", false, queue.Ours},
		{"a1", "", true, queue.Theirs}, // a copy of what was
		{"c", "a1", true, queue.Theirs},
		{"a3", "a2", false, queue.Ours},
	} {
		got, err := q.Register(t.Context(), test.token, test.previous, test.take, time.Minute)
		if err != nil || got != test.want {
			t.Errorf("claim %d: %v, %v; want %v", i, got, err, test.want)
		}
	}
	if token, err := q.Registered(t.Context()); err != nil || token != "a3" {
		t.Errorf("registered is %q, %v", token, err)
	}
}

// A guard lets the database's processes work, and keeps a copy, and a database that was named anew, from all of it.
func TestGuard(t *testing.T) {
	t.Parallel()
	q := open(t, testkit.Redis(t).Database(t), redis.Options{})
	guard := func(owner models.Owner) *queue.Guard {
		turn := func(context.Context, time.Duration) (models.Owner, error) { return owner, nil }
		return &queue.Guard{Shared: q, Installation: "i", Turn: turn, Logger: slog.New(slog.DiscardHandler)}
	}
	calls := map[string]func(*queue.Guard) error{
		"publish": func(g *queue.Guard) error { _, err := g.Publish(t.Context(), queuetestRefs); return err },
		"receive": func(g *queue.Guard) error { _, err := g.Receive(t.Context(), "c", 1, 0); return err },
		"reclaim": func(g *queue.Guard) error { _, err := g.Reclaim(t.Context(), "c", time.Hour, 1); return err },
		"mark":    func(g *queue.Guard) error { _, err := g.Mark(t.Context()); return err },
		"oldest":  func(g *queue.Guard) error { _, err := g.Oldest(t.Context()); return err },
	}
	for _, test := range []struct {
		owner models.Owner
		want  error
	}{
		{models.Owner{Installation: "i", Token: "2", Previous: "1"}, nil},
		{models.Owner{Installation: "i", Token: "1b", Previous: "1"}, queue.ErrForeign},
		{models.Owner{Installation: "other", Token: "2"}, queue.ErrRenamed},
		{models.Owner{Installation: "i", Token: "3", Previous: "2"}, nil},
	} {
		for name, call := range calls {
			if err := call(guard(test.owner)); !errors.Is(err, test.want) {
				t.Errorf("%s as %+v: %v, want %v", name, test.owner, err, test.want)
			}
		}
	}
}

var queuetestRefs = []models.BookingRef{{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}}
