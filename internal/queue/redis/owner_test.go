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

// A registration is replaced only by who has seen it.
func TestRegister(t *testing.T) {
	t.Parallel()
	q := open(t, testkit.Redis(t).Database(t), redis.Options{})
	first, there, err := q.Registration(t.Context())
	if err != nil || first != (queue.Registration{}) || there.IsZero() {
		t.Fatalf("at first %+v at %s, %v", first, there, err)
	}
	a := queue.Registration{Token: "a", Since: there, Seen: there}
	b := queue.Registration{Token: "b", Since: there, Seen: there.Add(time.Second)}
	for i, test := range []struct {
		old, now queue.Registration
		want     bool
	}{{a, b, false}, {first, a, true}, {first, b, false}, {b, a, false}, {a, b, true}, {a, b, false}} {
		if done, err := q.Register(t.Context(), test.old, test.now); err != nil || done != test.want {
			t.Errorf("registering %d: %v, %v; want %v", i, done, err, test.want)
		}
	}
	got, _, err := q.Registration(t.Context())
	if err != nil || got.Token != "b" || !got.Since.Equal(b.Since) || !got.Seen.Equal(b.Seen) {
		t.Errorf("registered is %+v, %v; want %+v", got, err, b)
	}
}

type owners struct{ is models.Owner }

func (o owners) Owner(context.Context) (models.Owner, error) { return o.is, nil }

func (o owners) TurnOwner(context.Context, time.Duration) (models.Owner, error) { return o.is, nil }

// A guard lets the database's programs work, and keeps others from all of it.
func TestGuard(t *testing.T) {
	t.Parallel()
	q := open(t, testkit.Redis(t).Database(t), redis.Options{})
	guard := func(owner models.Owner) *queue.Guard {
		return &queue.Guard{Shared: unclosed{q}, Installation: "i", Owners: owners{owner}, Logger: slog.New(slog.DiscardHandler)}
	}
	calls := map[string]func(*queue.Guard) error{
		"publish": func(g *queue.Guard) error { _, err := g.Publish(t.Context(), queuetestRefs); return err },
		"receive": func(g *queue.Guard) error { _, err := g.Receive(t.Context(), "c", 1, 0); return err },
		"reclaim": func(g *queue.Guard) error { _, err := g.Reclaim(t.Context(), "c", time.Hour, 1); return err },
		"ack":     func(g *queue.Guard) error { return g.Ack(t.Context(), nil) },
		"mark":    func(g *queue.Guard) error { _, err := g.Mark(t.Context()); return err },
		"oldest":  func(g *queue.Guard) error { _, err := g.Oldest(t.Context()); return err },
	}
	for i, test := range []struct {
		owner models.Owner
		want  error
	}{
		{models.Owner{Installation: "i", Token: "2", Previous: "1"}, nil},
		{models.Owner{Installation: "i", Token: "1b", Previous: "1"}, queue.ErrUnsettled},
		{models.Owner{Installation: "other", Token: "2"}, queue.ErrRenamed},
	} {
		g := guard(test.owner)
		for name, call := range calls {
			if err := call(g); !errors.Is(err, test.want) {
				t.Errorf("%s as %+v: %v, want %v", name, test.owner, err, test.want)
			}
		}
		if i == 0 {
			defer g.Close()
		} else if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
}

// unclosed is a queue that several guards share.
type unclosed struct{ *redis.Queue }

func (unclosed) Close() error { return nil }

var queuetestRefs = []models.BookingRef{{Event: models.NewID[models.EventID](), Booking: models.NewID[models.BookingID]()}}
