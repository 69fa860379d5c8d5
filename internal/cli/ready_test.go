package cli_test

import (
	"strings"
	"testing"
	"time"

	"quantix/internal/testkit"
)

// Redis that hangs is worse than Redis that is gone: whoever asks for the health must get it before losing patience.
func TestReadyz_does_not_wait_for_a_hanging_Redis(t *testing.T) {
	t.Parallel()
	redis := testkit.NewRedis(t, testkit.RedisOptions{})
	s := serve(t, "REDIS_URL="+redis.URL())
	redis.Pause()
	t.Cleanup(redis.Resume)
	for range 5 {
		begun := time.Now()
		a := s.want(t, 200, "GET", "/readyz", "")
		if took := time.Since(begun); took > 1500*time.Millisecond || !strings.Contains(a.body, `"degraded"`) {
			t.Errorf("after %s: %s", took, a.body)
		}
	}
}
