package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"quantix/internal/onsale"
)

// production is the settings of a server as a venue runs it, but that nobody pays. Its limits are met by nobody: what
// they cost is to be measured, not whom they stop.
var production = []string{
	"APP_ENV=production", "PUBLIC_URL=https://localhost", "TRUSTED_PROXIES=127.0.0.1", "ALLOW_SIMULATED_PAYMENTS=true",
	"LOG_FORMAT=json", "LOG_LEVEL=info", "AUTH=on",
	"RATE_LIMIT_IP=100000/s", "RATE_LIMIT_KEY=100000/s", "RATE_LIMIT_BOOKINGS=1000000/d/100000",
}

// open is the same without keys and limits.
var open = []string{
	"LOG_FORMAT=json", "LOG_LEVEL=info", "AUTH=off", "RATE_LIMIT_IP=off", "RATE_LIMIT_KEY=off", "RATE_LIMIT_BOOKINGS=off",
}

// auth measures what it costs to ask who one is and how much one may, with the log and the metrics of production on
// either side.
func (b *Bars) auth(ctx context.Context) error {
	for _, side := range []struct {
		settings       []string
		sold, refusals Key
	}{{open, Unguarded, UnguardedRefused}, {production, Guarded, GuardedRefused}} {
		if err := b.onScratch(ctx, func(s scratch) error {
			return b.guarded(ctx, s, side.settings, side.sold, side.refusals)
		}); err != nil {
			return err
		}
	}
	return nil
}

// guarded sells, and then refuses, on a server with settings.
func (b *Bars) guarded(ctx context.Context, s scratch, settings []string, sold, refusals Key) error {
	server, err := startPrivate(ctx, nil, s.config, settings...)
	if err != nil {
		return err
	}
	defer server.stop()
	key, err := firstKey(ctx, s)
	if err != nil {
		return err
	}
	r, err := b.play(ctx, server, onsale.Scenario{Connections: crowd, Warmup: b.warmup, Key: key})
	if err != nil {
		return err
	}
	b.addResult(sold, r, r.PerSecond(onsale.Accepted))
	r, err = b.play(ctx, server, onsale.Scenario{Connections: crowd, TicketsPerEvent: 1, Users: 10, Key: key})
	if err != nil {
		return err
	}
	b.addResult(refusals, r, r.PerSecond(onsale.Refused))
	return nil
}

// firstKey has this program make an administrator's key, as whoever runs a server does.
func firstKey(ctx context.Context, s scratch) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, program, "keys", "create", "--name", "bench", "--role", "admin")
	command.Env = serveEnv(s.config)
	text, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("quantix keys create: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
