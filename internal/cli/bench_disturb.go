package cli

import (
	"context"
	"encoding/json"
	"flag"
	"time"

	"quantix/internal/bench"
)

// runDisturb is one hostile client: what bench bars runs beside its buyers.
func runDisturb(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("bench disturb", flag.ContinueOnError)
	name := fs.String("client", "", "one of "+bench.HostileNames())
	target := fs.String("target", "", "the server's address, on this machine")
	subject := fs.String("subject", "", "the `id` of the user or the event that it is after")
	duration := fs.Duration("duration", 10*time.Second, "how long it lasts")
	if _, err := p.load(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError("bench disturb takes flags, not %q", fs.Arg(0))
	}
	client, err := bench.HostileNamed(*name)
	if err != nil {
		return usageError("%v", err)
	}
	ctx, end := context.WithTimeout(ctx, *duration)
	defer end()
	d, err := client.Disturb(ctx, *target, *subject)
	if err != nil {
		return err
	}
	return json.NewEncoder(p.Stdout).Encode(d)
}
