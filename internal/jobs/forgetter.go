package jobs

import (
	"context"
	"time"
)

// AccessLog is where a Forgetter forgets.
type AccessLog interface {
	PruneAccessLog(ctx context.Context, age time.Duration, limit int) (int, error)
}

// Forgetter drops what the access log has kept for long enough, a thousand entries at a time.
type Forgetter struct {
	Settings // Interval: default 10 min
	Log      AccessLog
	Age      time.Duration // 0: nothing is dropped
}

// Name is "forgetter".
func (f *Forgetter) Name() string { return "forgetter" }

// Run drops old entries until the context ends.
func (f *Forgetter) Run(ctx context.Context) error {
	const piece = 1000
	f.Settings = f.withDefaults(10 * time.Minute)
	p := poller{Settings: f.Settings, name: f.Name()}
	return p.run(ctx, func(ctx context.Context) (int, bool, error) {
		if f.Age == 0 {
			return 0, false, nil
		}
		n, err := f.Log.PruneAccessLog(ctx, f.Age, piece)
		return n, n == piece, err
	})
}
