package testkit

import (
	"testing"
	"time"
)

// Eventually calls check until it returns nil, and fails the test with its last
// error if that does not happen in time. It asks often at first, then every
// 50 ms.
func Eventually(tb testing.TB, within time.Duration, check func() error) {
	tb.Helper()
	deadline := time.Now().Add(within)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %v", within, err)
		}
		time.Sleep(pause)
	}
}
