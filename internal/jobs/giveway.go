package jobs

import (
	"context"
	"time"

	"quantix/internal/retry"
)

const (
	// needyCrowd is how many buyers must wait at a time to be in need: fewer come and go as fast as they are served.
	needyCrowd = 32
	// maxPause bounds the loops' pauses, which are a millisecond for every buyer who waits.
	maxPause = 500 * time.Millisecond
	// maxLag bounds for how long bookings wait until their payments give way no longer. It is short beside the
	// deadline.
	maxLag = 30 * time.Second
)

// GiveWay tells for how long payments' loops should pause before their next piece of work, because buyers need the
// database and the processors more; nil, and zero: not at all.
type GiveWay func() time.Duration

// pause lets buyers go first, and reports whether there was need to.
func (g GiveWay) pause(ctx context.Context) bool {
	if g == nil {
		return false
	}
	need := g()
	retry.Pause(ctx, need)
	return need > 0
}

// GiveWayTo has loops pause for the buyers who wait, while payments do not lag too far behind themselves: how far is
// bounded by the bookings' deadline.
func GiveWayTo(buyers func() int, lag func() time.Duration, deadline time.Duration) GiveWay {
	most := min(maxLag, deadline/4)
	return func() time.Duration { return yield(buyers(), lag(), most) }
}

// yield returns payments' pause while so many buyers wait: ever less, the longer payments lag behind themselves. Were
// it all or nothing, payments would come in bursts, and all else wait for each.
func yield(buyers int, lag, most time.Duration) time.Duration {
	if buyers < needyCrowd || lag >= most {
		return 0
	}
	pause := min(time.Duration(buyers)*time.Millisecond, maxPause)
	return time.Duration(float64(pause) * float64(most-lag) / float64(most))
}
