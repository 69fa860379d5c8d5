package jobs

import (
	"cmp"
	"context"
	"time"

	"quantix/internal/queue"
	"quantix/internal/services"
)

// Reclaimer takes over messages whose consumer died, or could not reach the store, before they were acknowledged.
type Reclaimer struct {
	Settings // Interval: default 5 s
	Queue    queue.Queue
	Payments *services.Payments
	Letters  LetterStore
	Consumer string        // unique among all processes; default a new UUID
	Idle     time.Duration // how long a message must lie unacknowledged; default 30 s
	Batch    int           // messages taken over at once; default 256
}

// Name is "reclaimer".
func (r *Reclaimer) Name() string { return "reclaimer" }

// Run takes messages over until the context ends; then it waits for the charges in hand, as the worker does.
func (r *Reclaimer) Run(ctx context.Context) error {
	r.Consumer = cmp.Or(r.Consumer, newConsumer(r.Name()))
	r.Idle = cmp.Or(r.Idle, 30*time.Second)
	r.Batch = cmp.Or(r.Batch, 256)
	r.Settings = r.withDefaults(5 * time.Second)
	p := poller{Settings: r.Settings, name: r.Name(), finish: r.Payments.Drain}
	in := intake{queue: r.Queue, payments: r.Payments, letters: r.Letters, logger: p.Logger}
	return p.run(ctx, func(work context.Context) (int, bool, error) {
		room := r.Payments.Room(r.Batch)
		if room == 0 {
			return 0, false, nil
		}
		messages, err := r.Queue.Reclaim(work, r.Consumer, r.Idle, room)
		if err != nil {
			return 0, false, err
		}
		taken, err := in.take(work, messages)
		return taken, len(messages) == room, err
	})
}
