package cli

import (
	"context"
	"fmt"
	"runtime"
	"text/tabwriter"

	"quantix/internal/config"
)

func runVersion(_ context.Context, p Program, _ []string) error {
	_, err := fmt.Fprintf(p.Stdout, "quantix %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

func runHelp(_ context.Context, p Program, _ []string) error {
	w := tabwriter.NewWriter(p.Stdout, 0, 4, 2, ' ', 0)
	fmt.Fprint(w, "Quantix sells event tickets. Without any setting it needs nothing but this program:\n\n"+
		"  quantix serve\n\nCommands:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %s %s\t%s\n", c.name, c.usage, c.help)
	}
	fmt.Fprint(w, "\nSettings, by environment variable or flag (--payment-deadline 2m); flags go first:\n")
	for _, o := range config.Options() {
		value := o.Default
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", o.Name, value, o.Help)
	}
	fmt.Fprint(w, "\nSecrets can come from files: set DB_PASSWORD_FILE, DATABASE_URL_FILE or REDIS_URL_FILE to a path.\n"+
		"With any DB_* or DATABASE_URL the store is PostgreSQL, with REDIS_URL the queue is Redis; else both are embedded.\n")
	return w.Flush()
}
