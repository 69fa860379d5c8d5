// Package redisconn reads a Redis' address, and settles how each of our adapters talks to it.
package redisconn

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Settings are those of a client of the Redis at an address: host:port, or a redis:// or rediss:// URL. timeout bounds
// each step of a call. Error: an address that makes no sense; it is not repeated, because it may hold a password.
func Settings(address string, timeout time.Duration) (*goredis.Options, error) {
	settings, err := parse(address)
	if err != nil {
		return nil, err
	}
	quieten()
	settings.Protocol = 2 // what every Redis-like server speaks
	settings.DisableIdentity = true
	settings.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	settings.ContextTimeoutEnabled = true
	settings.DialTimeout, settings.ReadTimeout, settings.WriteTimeout = timeout, timeout, timeout
	settings.DialerRetries = 1
	return settings, nil
}

// quieten keeps the library from writing lines of its own to stderr: every fault comes to us as an error, and is logged
// by whoever gets it.
var quieten = sync.OnceFunc(func() { goredis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func parse(address string) (*goredis.Options, error) {
	bad := errors.New("not an address of a Redis: give host:port, redis://… or rediss://…")
	if !strings.Contains(address, "://") {
		address = "redis://" + address
	}
	if !strings.HasPrefix(address, "redis://") && !strings.HasPrefix(address, "rediss://") {
		return nil, bad
	}
	settings, err := goredis.ParseURL(address)
	if err != nil {
		return nil, bad
	}
	// The library takes a missing host for localhost; a half-written setting should rather stop the start.
	if u, err := url.Parse(address); err != nil || u.Hostname() == "" {
		return nil, bad
	}
	return settings, nil
}
