package boxoffice

import (
	"sync/atomic"
	"time"
)

const (
	// crowdedPart of a full batch are more buyers than come by turns: they wait for each other.
	crowdedPart = 4
	// rushLasts is how long a crowded batch counts: longer than the next one takes.
	rushLasts = 500 * time.Millisecond
)

// rush remembers when a desk last had a crowd.
type rush struct{ last atomic.Int64 }

func (r *rush) note(buyers, maxBatch int, now time.Time) {
	if buyers >= max(maxBatch/crowdedPart, 2) {
		r.last.Store(now.UnixNano())
	}
}

// Rush tells whether buyers come faster than the desks of this process serve them one by one. What has time may then
// leave the database and the processors to them.
func (o *Office) Rush() bool {
	last := o.rush.last.Load()
	return last != 0 && o.options.Now().UnixNano()-last < int64(rushLasts)
}
