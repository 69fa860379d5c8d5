package cli

import (
	"context"
	"encoding/json"
	"flag"
	"time"

	"quantix/internal/bench"
	"quantix/internal/onsale"
)

// runDisturb is one hostile client: what bench bars runs beside its buyers.
func runDisturb(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("bench disturb", flag.ContinueOnError)
	name := fs.String("client", "", "one of "+bench.HostileNames()+","+bench.SlowClient)
	target := fs.String("target", "", "the server's address, on this machine")
	subject := fs.String("subject", "", "the `id` of the user or the event that it is after")
	lines := fs.Int("lines", 1000, "connections of the slow client")
	patience := fs.Duration("patience", 2*time.Minute, "how long the server may take in the end to be rid of the slow client")
	duration := fs.Duration("duration", 10*time.Second, "how long it lasts")
	if _, err := p.load(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError("bench disturb takes flags, not %q", fs.Arg(0))
	}
	ctx, end := context.WithTimeout(ctx, *duration)
	defer end()
	if *name == bench.SlowClient {
		return disturbSlowly(ctx, p, onsale.Slow{Lines: *lines, Patience: *patience}, *target)
	}
	client, err := bench.HostileNamed(*name)
	if err != nil {
		return usageError("%v", err)
	}
	d, err := client.Disturb(ctx, *target, *subject)
	if err != nil {
		return err
	}
	return json.NewEncoder(p.Stdout).Encode(d)
}

// disturbSlowly is the slow client, which stays for a while after its time.
func disturbSlowly(ctx context.Context, p Program, s onsale.Slow, target string) error {
	d, err := s.Disturb(ctx, target)
	if err != nil {
		return err
	}
	return json.NewEncoder(p.Stdout).Encode(d)
}
