package cli

import (
	"context"
	"time"

	"quantix/internal/app"
	"quantix/internal/config"
	"quantix/internal/health"
)

func examineQueue(ctx context.Context, p Program, c config.Config) bool {
	if c.Queue() == config.InProcess {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	q, err := app.OpenQueue(c, "")
	if err != nil {
		return finding(p, "queue", err, "REDIS_URL is host:port or a redis:// URL")
	}
	defer q.Close()
	begun := time.Now()
	err = q.Ping(ctx)
	_, remedy := health.OfQueue(err)
	what := "queue answers"
	if err == nil {
		what += took(begun)
	}
	return finding(p, what, err, remedy+"; until then bookings wait in the outbox")
}
