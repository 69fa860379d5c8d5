package queue_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/models"
	"quantix/internal/queue"
)

// server is where registrations are, with the clock of the bubble.
type server struct {
	queue.Queue
	mu   sync.Mutex
	reg  queue.Registration
	down bool
}

var errDown = errors.New("down")

func (s *server) Registration(context.Context) (queue.Registration, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return queue.Registration{}, time.Time{}, errDown
	}
	return s.reg, time.Now().Round(0), nil
}

func (s *server) Register(_ context.Context, old, now queue.Registration) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return false, errDown
	}
	if s.reg != old {
		return false, nil
	}
	s.reg = now
	return true, nil
}

func (s *server) Mark(context.Context) (models.QueueMark, error) { return models.QueueMark{}, nil }
func (s *server) Close() error                                   { return nil }

func (s *server) set(f func(*server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// base is a database.
type base struct {
	mu     sync.Mutex
	owner  models.Owner
	turned time.Time
	down   bool
}

var tokens atomic.Int64

func newBase() *base { return &base{owner: models.Owner{Installation: "i"}} }

func (b *base) Owner(context.Context) (models.Owner, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return models.Owner{}, errDown
	}
	return b.owner, nil
}

func (b *base) TurnOwner(_ context.Context, every time.Duration) (models.Owner, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return models.Owner{}, errDown
	}
	if time.Since(b.turned) >= every {
		b.owner.Previous, b.owner.Token, b.turned = b.owner.Token, fmt.Sprint("t", tokens.Add(1)), time.Now()
	}
	return b.owner, nil
}

func (b *base) copied() *base {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &base{owner: b.owner, turned: b.turned}
}

// scene is a server, and programs at work on it, each asking once in 100 ms whether the queue is its own.
type scene struct {
	*testing.T
	server *server
}

type syncLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *syncLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *syncLog) count(part string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), part)
}

type program struct {
	*queue.Guard
	log *syncLog
}

func (s *scene) start(b *base) *program {
	log := &syncLog{}
	p := &program{log: log, Guard: &queue.Guard{Shared: s.server, Installation: "i", Owners: b, Logger: slog.New(slog.NewTextHandler(log, nil))}}
	_ = p.ask()
	s.Cleanup(func() { _ = p.Close() })
	return p
}

func (p *program) ask() error {
	_, err := p.Mark(context.Background())
	return err
}

// during passes a time, and fails when a program's answer is another meanwhile.
func (s *scene) during(d time.Duration, what string, want error, programs ...*program) {
	s.Helper()
	for range d / (100 * time.Millisecond) {
		time.Sleep(100 * time.Millisecond)
		for _, p := range programs {
			if err := p.ask(); !errors.Is(err, want) {
				s.Fatalf("%s: %v, want %v", what, err, want)
			}
		}
	}
}

// within passes at most a time until a program's answer is as wanted.
func (s *scene) within(d time.Duration, what string, want error, p *program) {
	s.Helper()
	begun := time.Now()
	for err := p.ask(); !errors.Is(err, want); err = p.ask() {
		if time.Since(begun) > d {
			s.Fatalf("%s: after %s still %v, want %v", what, d, err, want)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// kill ends a program without a word: what it wants to say on closing does not arrive.
func (s *scene) kill(p *program) {
	s.server.set(func(v *server) { v.down = true })
	_ = p.Close()
	s.server.set(func(v *server) { v.down = false })
}

func (s *scene) quiet(programs ...*program) {
	s.Helper()
	for _, p := range programs {
		if n := p.log.count("level=ERROR") + p.log.count("level=WARN"); n > 0 {
			s.Errorf("a false alarm:\n%s", p.log.text.String())
		}
	}
}

// Who was at work first stays at work, whatever a copy does and whatever happens to the registration; a copy says so;
// and nothing that happens to one database alone is taken for a copy.
func TestGuard_tells_copies_from_programs_of_one_database(t *testing.T) {
	for name, play := range map[string]func(s *scene){
		"a copy of this very moment": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.during(10*time.Second, "alone", nil, original)
			worker := s.start(b.copied())
			for range 120 { // a copy never takes, and is told within some seconds
				s.during(time.Second, "the original", nil, original)
				if worker.ask() == nil {
					s.Fatal("the copy works")
				}
			}
			s.within(0, "the copy", queue.ErrForeign, worker)
			if n := worker.log.count("level=ERROR"); n != 2 {
				s.Errorf("told %d times in two minutes:\n%s", n, worker.log.text.String())
			}
			s.quiet(original)
		},
		"a copy of this very moment is told within seconds": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.within(8*time.Second, "the copy", queue.ErrForeign, s.start(b.copied()))
			s.during(time.Second, "the original", nil, original)
		},
		"an old copy": func(s *scene) {
			b := newBase()
			first := s.start(b)
			old := b.copied()
			s.during(time.Hour, "the original", nil, first)
			worker := s.start(old)
			s.within(6*time.Second, "the copy", queue.ErrForeign, worker)
			s.during(time.Minute, "the original", nil, first)
		},
		"a copy at work when the registration is lost": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.during(10*time.Second, "alone", nil, original)
			s.during(500*time.Millisecond, "between two signs", nil, original)
			s.server.set(func(v *server) { v.reg = queue.Registration{} })
			worker := s.start(b.copied())
			s.within(0, "the copy, which is the first to come, and alone for a moment", nil, worker)
			s.during(5*time.Second, "the original", nil, original)
			s.within(8*time.Second, "the copy", queue.ErrForeign, worker)
			s.during(2*time.Minute, "the copy", queue.ErrForeign, worker)
			s.during(10*time.Second, "the original", nil, original)
		},
		"a copy of a registration that was taken back": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.during(10*time.Second, "alone", nil, original)
			old := s.server.reg
			worker := s.start(b.copied())
			s.within(8*time.Second, "the copy", queue.ErrForeign, worker)
			s.server.set(func(v *server) { v.reg = old }) // a replica that was behind
			s.during(2*time.Minute, "the copy", queue.ErrForeign, worker)
			s.during(time.Minute, "the original", nil, original)
			s.quiet(original)
		},
		"an original whose database is away": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.during(10*time.Second, "alone", nil, original)
			worker := s.start(b.copied())
			s.within(8*time.Second, "the copy", queue.ErrForeign, worker)
			b.mu.Lock()
			b.down = true
			b.mu.Unlock()
			s.during(5*time.Minute, "the copy", queue.ErrForeign, worker)
			b.mu.Lock()
			b.down = false
			b.mu.Unlock()
			s.during(5*time.Minute, "the original", nil, original)
		},
		"an original that restarts beside a copy": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.during(10*time.Second, "alone", nil, original)
			worker := s.start(b.copied())
			s.within(8*time.Second, "the copy", queue.ErrForeign, worker)
			s.kill(original)
			s.during(50*time.Second, "the copy", queue.ErrForeign, worker)
			original = s.start(b)
			s.within(0, "the original", nil, original)
			s.during(2*time.Minute, "the copy", queue.ErrForeign, worker)
			s.quiet(original)
		},
		"a restart": func(s *scene) {
			b := newBase()
			_ = s.start(b).Close()
			next := s.start(b)
			s.within(0, "after a stop", nil, next)
			s.during(time.Minute, "after a stop", nil, next)
			s.kill(next)
			after := s.start(b)
			s.within(4*time.Second, "after a crash", nil, after)
			s.quiet(next, after)
		},
		"replicas and a rolling restart": func(s *scene) {
			b := newBase()
			programs := []*program{s.start(b), s.start(b), s.start(b)}
			for round := range 9 {
				for _, p := range programs {
					s.within(4*time.Second, "a replica", nil, p)
				}
				s.during(5*time.Second, "the replicas", nil, programs...)
				s.quiet(programs...)
				if i := round % 3; round < 3 {
					s.kill(programs[i])
					programs[i] = s.start(b)
				} else {
					_ = programs[i].Close()
					programs[i] = s.start(b)
				}
			}
			s.server.set(func(v *server) { v.reg = queue.Registration{} })
			s.during(time.Minute, "after a flush", nil, programs[0], programs[1])
			s.quiet(programs...)
		},
		"a failover that lost some turns": func(s *scene) {
			b := newBase()
			programs := []*program{s.start(b), s.start(b)}
			s.within(4*time.Second, "a replica", nil, programs[1])
			behind := b.copied().owner
			s.during(time.Minute, "before", nil, programs...)
			b.mu.Lock()
			b.owner = behind
			b.mu.Unlock()
			s.during(time.Minute, "after", nil, programs...)
			s.quiet(programs...)
		},
		"a restored backup in its original's place": func(s *scene) {
			b := newBase()
			original := s.start(b)
			backup := b.copied()
			s.during(time.Hour, "the original", nil, original)
			s.kill(original)
			restored := s.start(backup)
			s.during(55*time.Second, "at first", queue.ErrUnsettled, restored)
			s.within(8*time.Second, "a minute later", nil, restored)
			s.during(time.Hour, "from then on", nil, restored)
			if restored.log.count("level=ERROR") > 0 || restored.log.count("takes its queue") != 1 || restored.log.count("begins when") != 1 {
				s.Errorf("it says:\n%s", restored.log.text.String())
			}
		},
		"an original that was stopped for long finds the restored one": func(s *scene) {
			b := newBase()
			original := s.start(b)
			s.during(10*time.Second, "alone", nil, original)
			backup := b.copied()
			s.kill(original)
			time.Sleep(2 * time.Minute)
			restored := s.start(backup)
			s.within(0, "the restored one", nil, restored)
			late := s.start(b)
			s.within(8*time.Second, "the late one", queue.ErrForeign, late)
			s.during(time.Minute, "the restored one", nil, restored)
		},
		"a new name": func(s *scene) {
			b := &base{owner: models.Owner{Installation: "other"}}
			s.during(5*time.Second, "renamed", queue.ErrRenamed, s.start(b))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				play(&scene{T: t, server: &server{}})
			})
		})
	}
}
