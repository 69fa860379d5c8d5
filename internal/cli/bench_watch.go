package cli

import (
	"context"
	"encoding/json"
	"flag"
	"strings"
	"time"

	"quantix/internal/onsale"
)

// runWatch is readers of a stream: what bench bars runs beside its buyers.
func runWatch(ctx context.Context, p Program, args []string) error {
	fs := flag.NewFlagSet("bench watch", flag.ContinueOnError)
	targets := fs.String("targets", "", "the servers' addresses, on this machine, separated by commas")
	var w onsale.Watch
	fs.StringVar(&w.Path, "path", "", "the stream, such as /api/v1/events/{id}/feed")
	fs.IntVar(&w.Readers, "readers", 1, "how many read it")
	fs.BoolVar(&w.Feed, "feed", false, "its messages are numbered without gaps")
	duration := fs.Duration("duration", 10*time.Second, "how long they read")
	if _, err := p.load(fs, args); err != nil {
		return err
	}
	if fs.NArg() > 0 || w.Readers < 1 || w.Readers > onsale.MaxConnections {
		return usageError("bench watch takes flags alone, and 1 to %d readers", onsale.MaxConnections)
	}
	w.Servers = strings.Split(*targets, ",")
	ctx, end := context.WithTimeout(ctx, *duration)
	defer end()
	seen, err := w.Run(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(p.Stdout).Encode(seen)
}
