package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"quantix/internal/config"
	"quantix/internal/database"
	"quantix/internal/repository"
)

// runDoctor shows what the program sees, and what to do about each fault. Status 1 when something is wrong.
func runDoctor(ctx context.Context, p Program, args []string) error {
	c, err := p.loadAlone("doctor", args)
	faults, wrong := errors.AsType[config.Faults](err)
	if err != nil && !wrong {
		return err
	}
	_ = runVersion(ctx, p, nil)
	showSettings(p, c)
	if wrong {
		return tellFaults(p, faults)
	}
	fmt.Fprintf(p.Stdout, "\nstore: %s, queue: %s, payments: %s\n", c.Store(), c.Queue(), c.PaymentGateway)
	sound := finding(p, "payment gateway's settings", c.Validate("doctor"), "quantix help lists the settings")
	sound = examineStore(ctx, p, c) && sound
	sound = examineQueue(ctx, p, c) && sound
	if !sound {
		return exitError(1)
	}
	fmt.Fprintln(p.Stdout, "all is well")
	return nil
}

// tellFaults lists the settings that are wrong. What they would connect to is anybody's guess, so nothing is.
func tellFaults(p Program, faults config.Faults) error {
	fmt.Fprintln(p.Stdout)
	for _, fault := range faults {
		finding(p, "setting", fault, "")
	}
	fmt.Fprintln(p.Stdout, "connections are examined when the settings are right")
	return exitError(1)
}

func showSettings(p Program, c config.Config) {
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	for _, s := range c.Redacted() {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Name, s.Value, s.Source)
	}
	_ = w.Flush()
}

// finding prints one line of the examination, and tells whether it is good.
func finding(p Program, what string, err error, advice string) bool {
	if err == nil {
		fmt.Fprintf(p.Stdout, "ok     %s\n", what)
		return true
	}
	fmt.Fprintf(p.Stdout, "FAULT  %s: %v\n", what, err)
	if advice != "" {
		fmt.Fprintf(p.Stdout, "       %s\n", advice)
	}
	return false
}

func examineStore(ctx context.Context, p Program, c config.Config) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if c.Store() == config.SQLite && !finding(p, "data directory can be written", database.CheckWritable(c.DataDir), "") {
		return false
	}
	store, err := connect(ctx, c, newLogger(p.Stderr, c), reading)
	if err != nil {
		return finding(p, "database", err, "") // it says what to do
	}
	defer store.Close()
	sound := answers(ctx, p, "database", store.Ping, "")
	return sound && finding(p, "schema", checkSchema(ctx, c, store), "quantix migrate status shows more") && examineBacklog(ctx, p, store) && examinePayments(ctx, p, c, store)
}

func examineBacklog(ctx context.Context, p Program, store repository.Store) bool {
	depth, err := store.OutboxDepth(ctx)
	return finding(p, fmt.Sprintf("outbox: %d rows wait to be published", depth), err, "the schema may be damaged")
}

func examineQueue(ctx context.Context, p Program, c config.Config) bool {
	if c.Queue() == config.InProcess {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	q, err := openQueue(c, "")
	if err != nil {
		return finding(p, "queue", err, "REDIS_URL is host:port or a redis:// URL")
	}
	defer q.Close()
	return answers(ctx, p, "queue", q.Ping, "check REDIS_URL, and that Redis runs there; until then bookings wait in the outbox")
}

// answers pings, and prints how long that took.
func answers(ctx context.Context, p Program, what string, ping func(context.Context) error, advice string) bool {
	begun := time.Now()
	err := ping(ctx)
	what += " answers"
	if err == nil {
		what += fmt.Sprintf(", in %s", time.Since(begun).Round(10*time.Microsecond))
	}
	return finding(p, what, err, advice)
}
