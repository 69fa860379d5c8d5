package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"quantix/internal/payments/simulator"
	"quantix/internal/queue"
	"quantix/internal/services"
	"quantix/internal/testkit/shop"
)

func newBenchPayments(tb testing.TB, s *shop.Shop) *services.Payments {
	gateway := simulator.New(s.Store, simulator.Options{Latency: 50 * time.Millisecond})
	return services.NewPayments(s.Store, shop.OpenOffice(tb, s.Store), gateway, services.PaymentOptions{})
}

// stub is a loop that does as a test says.
type stub struct {
	name string
	run  func(context.Context) error
}

func (s stub) Name() string                  { return s.name }
func (s stub) Run(ctx context.Context) error { return s.run(ctx) }

func TestGroup_starts_again_what_panics_or_fails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs, steady atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		group := Group{Loops: []Loop{
			stub{"shaky", func(ctx context.Context) error {
				switch runs.Add(1) {
				case 1:
					panic("the first time")
				case 2:
					return errors.New("the second time")
				}
				<-ctx.Done()
				return nil
			}},
			stub{"steady", func(ctx context.Context) error {
				steady.Add(1)
				<-ctx.Done()
				return nil
			}},
		}}
		done := make(chan error)
		go func() { done <- group.Run(ctx) }()
		time.Sleep(time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if runs.Load() != 3 || steady.Load() != 1 {
			t.Errorf("%d and %d runs, want 3 and 1", runs.Load(), steady.Load())
		}
	})
}

func TestGroup_stops_all_within_one_grace_and_names_who_does_not(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var mu sync.Mutex
		var stopped []string
		loop := func(name string, finish func()) Loop {
			return stub{name, func(ctx context.Context) error {
				<-ctx.Done()
				finish()
				mu.Lock()
				defer mu.Unlock()
				stopped = append(stopped, name)
				return nil
			}}
		}
		group := Group{Loops: []Loop{
			loop("quick", func() {}),
			loop("slow", func() { time.Sleep(8 * time.Second) }),
			loop("slower", func() { time.Sleep(8500 * time.Millisecond) }),
			loop("stuck", func() { <-release }),
		}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- group.Run(ctx) }()
		synctest.Wait()
		begun := time.Now()
		cancel()
		err := <-done
		if took := time.Since(begun); took != 9*time.Second {
			t.Errorf("took %s, want the grace", took)
		}
		if err == nil || !strings.Contains(err.Error(), "stuck") || strings.Contains(err.Error(), "slow") {
			t.Errorf("error %v, want only the stuck one", err)
		}
		close(release)
		synctest.Wait()
		slices.Sort(stopped)
		if diff := cmp.Diff([]string{"quick", "slow", "slower", "stuck"}, stopped); diff != "" {
			t.Errorf("stopped (-want +got):\n%s", diff)
		}
	})
}

func TestPolling_pauses_between_rounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		wake := make(chan struct{}, 1)
		p := poller{Settings: Settings{}.withDefaults(time.Second), name: "poller", wake: wake}
		p.gather = func() time.Duration { return 5 * time.Millisecond }
		ctx, cancel := context.WithCancel(t.Context())
		var times []time.Duration
		begun := time.Now()
		fail := errors.New("out of order")
		err := p.run(ctx, func(context.Context) (int, bool, error) {
			times = append(times, time.Since(begun))
			switch len(times) {
			case 1:
				return 1, true, nil // more to do: at once
			case 2:
				return 0, false, nil // an interval, half of it random
			case 3, 4:
				return 0, false, fail // growing pauses
			case 5:
				wake <- struct{}{}
				return 0, false, nil // woken
			}
			cancel()
			return 0, false, nil
		})
		if err != nil || len(times) != 6 {
			t.Fatalf("%d rounds, error %v", len(times), err)
		}
		for i, bound := range [][2]time.Duration{
			{0, 0}, {500 * time.Millisecond, time.Second}, {errorBase / 2, errorBase}, {errorBase, 2 * errorBase},
			{5 * time.Millisecond, 5 * time.Millisecond},
		} {
			if pause := times[i+1] - times[i]; pause < bound[0] || pause > bound[1] {
				t.Errorf("pause %d was %s, want it in %s", i+1, pause, bound)
			}
		}
	})
}

// A full queue is how an on-sale is held back, and no reason to wake anybody; of one that is another database's its
// guard tells.
func TestPolling_warns_of_failures_but_not_of_a_full_queue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := poller{name: "poller", Settings: Settings{Logger: slog.New(slog.NewTextHandler(&log, nil))}.withDefaults(time.Second)}
		broken := errors.New("out of order")
		full := fmt.Errorf("publish: %w", queue.ErrFull)
		foreign := fmt.Errorf("receive: %w", queue.ErrForeign)
		rounds := []error{full, nil, broken, nil, full, full, foreign, queue.ErrUnsettled, broken, broken, full, broken, nil, nil}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		err := p.run(ctx, func(context.Context) (int, bool, error) {
			if len(rounds) == 1 {
				cancel()
			}
			err := rounds[0]
			rounds = rounds[1:]
			return 0, false, err
		})
		var told []string
		for line := range strings.Lines(log.String()) {
			_, line, _ = strings.Cut(line, "level=")
			told = append(told, strings.TrimSpace(line))
		}
		want := []string{
			`WARN msg="a round failed" job=poller failures=1 error="out of order"`,
			`INFO msg="the rounds work again" job=poller failures=1`,
			`WARN msg="a round failed" job=poller failures=1 error="out of order"`,
			`WARN msg="a round failed" job=poller failures=2 error="out of order"`,
			`INFO msg="the rounds work again" job=poller failures=3`,
		}
		if diff := cmp.Diff(want, told); diff != "" || err != nil {
			t.Errorf("error %v, the log (-want +got):\n%s", err, diff)
		}
	})
}

// A round that is in hand when the context ends goes on, but not for ever.
func TestPolling_lets_a_round_finish_within_its_grace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := poller{Settings: Settings{Grace: 5 * time.Second}.withDefaults(time.Second), name: "poller"}
		ctx, cancel := context.WithCancel(t.Context())
		var ended error
		begun := time.Now()
		p.finish = func(work context.Context) error {
			ended = work.Err()
			return nil
		}
		err := p.run(ctx, func(work context.Context) (int, bool, error) {
			cancel()
			time.Sleep(time.Second)
			if work.Err() != nil {
				t.Error("the round was cut off at once")
			}
			<-work.Done()
			return 0, false, work.Err()
		})
		if err != nil || ended == nil || time.Since(begun) != 5*time.Second {
			t.Errorf("error %v; the work ended with %v after %s", err, ended, time.Since(begun))
		}
	})
}
