package database

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// interruptEvery is how often it is tried to end a wait, once nobody wants it any more.
const interruptEvery = 200 * time.Millisecond

// interrupt has a session of ours, known by its application_name, give up waiting for somebody's lock once ctx has
// ended: that of another process that migrates, or of one that reads a table that is to be changed. The drivers wait
// without a context of ours. What is at work is left to finish. end stops it.
func interrupt(ctx context.Context, config *pgx.ConnConfig) (end func()) {
	over, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		for over.Err() == nil {
			cancelWaits(over, config)
			timer := time.NewTimer(interruptEvery)
			select {
			case <-timer.C:
			case <-over.Done():
				timer.Stop()
			}
		}
	})
	return func() {
		stop()
		cancel()
	}
}

const cancelWaiting = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity
	WHERE application_name = $1 AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()`

// cancelWaits is tried again when it fails.
func cancelWaits(ctx context.Context, config *pgx.ConnConfig) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config.Copy())
	if err != nil {
		return
	}
	_, _ = conn.Exec(ctx, cancelWaiting, config.RuntimeParams["application_name"])
	_ = conn.Close(ctx)
}
