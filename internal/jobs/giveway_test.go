package jobs

import (
	"testing"
	"time"
)

func TestYield(t *testing.T) {
	t.Parallel()
	const most = 30 * time.Second
	for _, c := range []struct {
		buyers int
		lag    time.Duration
		want   time.Duration
	}{
		{0, 0, 0},
		{needyCrowd - 1, 0, 0}, // they are served as fast as they come
		{needyCrowd, 0, needyCrowd * time.Millisecond},
		{1000, 0, maxPause},
		{1000, 15 * time.Second, maxPause / 2},
		{1000, 24 * time.Second, maxPause / 5},
		{1000, most, 0},
		{1000, time.Hour, 0},
	} {
		if got := yield(c.buyers, c.lag, most).Round(time.Microsecond); got != c.want {
			t.Errorf("beside %d buyers, %s late: %s, want %s", c.buyers, c.lag, got, c.want)
		}
	}
}
