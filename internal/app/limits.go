package app

import (
	"fmt"

	"quantix/internal/config"
	"quantix/internal/handlers"
	"quantix/internal/limits"
	"quantix/internal/limits/inprocess"
	"quantix/internal/limits/redis"
)

// openLimits makes what the settings limit; nil where they limit nothing. Replicas count together in Redis, each
// installation by itself.
func (a *App) openLimits(installation string) error {
	set := a.config.Limits
	if set.IP.Off() && set.Key.Off() && set.Bookings.Off() {
		return nil
	}
	limiter, err := a.openLimiter(installation)
	if err != nil {
		return err
	}
	a.limits = &handlers.Limits{
		Limiter: limiter, IP: set.IP, Key: set.Key, Bookings: set.Bookings, Observer: a.metrics,
	}
	return nil
}

func (a *App) openLimiter(installation string) (limits.Limiter, error) {
	here := inprocess.New(inprocess.Options{})
	if a.config.Queue() == config.InProcess {
		return here, nil
	}
	shared, err := redis.New(a.config.RedisURL, redis.Options{
		Installation: installation, Meanwhile: here, Unanswered: a.metrics.LimitUnanswered, Logger: a.logger,
	})
	if err != nil {
		return nil, fmt.Errorf("REDIS_URL: %w", err)
	}
	a.closeLimits = shared.Close
	return shared, nil
}
