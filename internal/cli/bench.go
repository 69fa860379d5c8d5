package cli

import (
	"context"
	"flag"
	"fmt"

	"quantix/internal/bench"
	"quantix/internal/onsale"
)

// benchFlags are the flags of an on-sale, over the scenario that they fill.
func benchFlags(fs *flag.FlagSet, s *onsale.Scenario) {
	fs.StringVar(&s.Target, "target", "", "base URL of the server; empty: a private one, on new databases of the servers in these settings if there are any, which are dropped after it")
	fs.BoolVar(&s.AllowRemote, "allow-remote", false, "permit a target that is not this machine; only for servers of your own")
	fs.Func("model", "closed (buyers take turns) or open (buyers come by the clock)", func(v string) error { s.Model = onsale.Model(v); return nil })
	fs.IntVar(&s.Connections, "connections", 64, "buyers at a time (closed), or connections at most (open)")
	fs.Float64Var(&s.Rate, "rate", 0, "open: arrivals per second")
	fs.IntVar(&s.Burst, "burst", 0, "open: buyers who come within the duration")
	fs.BoolVar(&s.Poisson, "poisson", false, "open: random arrivals instead of evenly spaced ones")
	fs.DurationVar(&s.Duration, "duration", 0, "how long buyers keep coming (default 10s)")
	fs.IntVar(&s.Events, "events", 1, "events made for the run")
	fs.IntVar(&s.TicketsPerEvent, "tickets", 1_000_000, "tickets of each event")
	fs.Func("split", "even or zipf: how buyers spread over the events", func(v string) error { s.Split = onsale.Split(v); return nil })
	fs.IntVar(&s.Quantity.Min, "min-quantity", 1, "tickets per booking, at least")
	fs.IntVar(&s.Quantity.Max, "max-quantity", 1, "tickets per booking, at most")
	fs.IntVar(&s.Users, "users", 1_000, "users made for the run")
	fs.StringVar(&s.PaymentMethod, "payment-method", "", "script of the simulated gateway, such as sim_decline")
	fs.DurationVar(&s.GiveUp, "give-up", 0, "a buyer's patience, retries included (default endless)")
	fs.IntVar(&s.Retry.Attempts, "retries", 0, "how often a buyer tries again after 429 or 503")
	fs.BoolVar(&s.IdempotencyKeys, "keys", false, "send an Idempotency-Key with every booking")
	fs.DurationVar(&s.Warmup, "warmup", 0, "book on another event for that long before the clock starts")
	fs.BoolVar(&s.WatchConfirmations, "confirmations", false, "wait until every booking is paid, and count them by the second")
	fs.Uint64Var(&s.Seed, "seed", 1, "makes the buyers' choices repeatable")
}

// runBench simulates an on-sale and audits what it has left. Status 1 when a promise was broken.
func runBench(ctx context.Context, p Program, args []string) error {
	if len(args) > 0 && args[0] == "bars" {
		return runBars(ctx, p, args[1:])
	}
	if len(args) > 0 && args[0] == "disturb" {
		return runDisturb(ctx, p, args[1:])
	}
	if len(args) > 0 && args[0] == "watch" {
		return runWatch(ctx, p, args[1:])
	}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	var s onsale.Scenario
	benchFlags(fs, &s)
	asJSON := fs.Bool("json", false, "print the result as JSON")
	save := fs.String("save", "", "file to save the result to, as JSON")
	c, err := p.load(fs, args)
	if err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return usageError("bench takes flags, or the word bars before them, not %q", fs.Arg(0))
	}
	play := func(url string) error {
		s.Target = url
		result, err := onsale.Run(ctx, s, p.Stderr)
		if err != nil {
			return err
		}
		return showResult(p, result, *asJSON, *save)
	}
	if s.Target != "" {
		return play(s.Target)
	}
	return bench.OnPrivate(ctx, p.Stderr, c, play)
}

func showResult(p Program, result onsale.Result, asJSON bool, save string) error {
	if save != "" {
		if err := result.Save(save); err != nil {
			return err
		}
	}
	if asJSON {
		text, err := result.MarshalJSON()
		if err != nil {
			return err
		}
		fmt.Fprintf(p.Stdout, "%s\n", text)
	} else if err := result.Table(p.Stdout); err != nil {
		return err
	}
	if !result.Valid() {
		fmt.Fprintln(p.Stderr, "a promise was broken: the result counts as zero")
		return exitError(1)
	}
	return nil
}
