package retry_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"quantix/internal/retry"
)

var (
	errLost  = errors.New("lost against another one")
	errWrong = errors.New("wrong")
)

func lost(err error) bool { return errors.Is(err, errLost) }

func TestDo_repeats_what_may_succeed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		errs  []error // of each try; the last one's stays
		tries int
		want  error
	}{
		"at once":         {[]error{nil}, 1, nil},
		"the third time":  {[]error{errLost, errLost, nil}, 3, nil},
		"never":           {[]error{errLost}, 6, errLost},
		"wrong, not lost": {[]error{errWrong}, 1, errWrong},
		"then wrong":      {[]error{errLost, errWrong}, 2, errWrong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begun, tries := time.Now(), 0
				err := retry.Do(t.Context(), lost, func() error {
					tries++
					return test.errs[min(tries, len(test.errs))-1]
				})
				if tries != test.tries || !errors.Is(err, test.want) {
					t.Errorf("%d tries, error %v", tries, err)
				}
				if took := time.Since(begun); took > 1500*time.Millisecond || tries > 1 && took == 0 {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestDo_ends_with_its_context(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	err := retry.Do(ctx, lost, func() error {
		tries++
		cancel()
		return errLost
	})
	if tries != 1 || !errors.Is(err, errLost) {
		t.Errorf("%d tries, error %v", tries, err)
	}
}

func TestBackoff_grows_to_its_bound(t *testing.T) {
	t.Parallel()
	const base, most = 100 * time.Millisecond, 2 * time.Second
	for failures, longest := range map[int]time.Duration{
		-1: base, 0: base, 1: base, 2: 2 * base, 3: 4 * base, 5: 16 * base, 6: most, 20: most, 100: most,
	} {
		for range 100 {
			if wait := retry.Backoff(base, failures, most); wait < longest/2 || wait > longest {
				t.Fatalf("after %d failures: %s, want %s to %s", failures, wait, longest/2, longest)
			}
		}
	}
	if wait := retry.Backoff(time.Hour, 40, 48*time.Hour); wait < 24*time.Hour { // more than a Duration holds
		t.Errorf("after an overflow: %s", wait)
	}
}

func TestPause_tells_whether_it_lasted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if !retry.Pause(t.Context(), time.Minute) || time.Since(begun) != time.Minute {
			t.Errorf("it lasted %s", time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if retry.Pause(ctx, time.Minute) {
			t.Error("it outlasted its context")
		}
	})
}
