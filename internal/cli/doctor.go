package cli

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"quantix/internal/config"
)

// runDoctor shows what the program sees, and what to do about each fault. Status 1 when something is wrong.
func runDoctor(ctx context.Context, p Program, args []string) error {
	c, err := p.readAlone("doctor", args)
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
	sound := examineSettings(p, c)
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

// examineSettings finds everything for which serve would not start, and what it would warn of.
func examineSettings(p Program, c config.Config) bool {
	for _, warning := range c.Warnings() {
		fmt.Fprintf(p.Stdout, "warn   %s\n", warning)
	}
	if _, beyond := c.IsOpen(); beyond && c.Environment != config.Production {
		fmt.Fprintf(p.Stdout, "warn   anyone who reaches %s may do anything: AUTH is off\n", c.Addr())
	}
	faults, _ := errors.AsType[config.Faults](c.Validate("doctor"))
	for _, fault := range faults {
		finding(p, "settings", fault, "")
	}
	return len(faults) == 0 && finding(p, fmt.Sprintf("settings suit %s", c.Environment), nil, "")
}

func showSettings(p Program, c config.Config) {
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	for _, s := range c.Redacted() {
		fmt.Fprintf(w, "  %s\t%s\t%s\n", s.Name, s.Value, s.Source)
	}
	_ = w.Flush()
}

// finding prints one line of the examination, and reports whether it is good.
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

// answers pings, and prints how long that took.
func answers(ctx context.Context, p Program, what string, ping func(context.Context) error, advice string) bool {
	begun := time.Now()
	err := ping(ctx)
	what += " answers"
	if err == nil {
		what += took(begun)
	}
	return finding(p, what, err, advice)
}

func took(begun time.Time) string {
	return fmt.Sprintf(", in %s", time.Since(begun).Round(10*time.Microsecond))
}
