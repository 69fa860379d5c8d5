package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"

	"quantix/internal/config"
)

func runVersion(_ context.Context, p Program, args []string) error {
	switch {
	case len(args) > 0 && isHelp(args[0]):
		p.showPage("version", nil)
		return nil
	case len(args) > 0:
		return usageError("version takes no argument %q", args[0])
	}
	_, err := fmt.Fprintf(p.Stdout, "quantix %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// runHelp shows the overview, or what its arguments name.
func runHelp(ctx context.Context, p Program, args []string) error {
	topic := strings.Join(args, " ")
	c, found := find(topic)
	switch {
	case topic == "" || isHelp(topic):
		return overview(p.Stdout)
	case topic == "settings":
		_, err := fmt.Fprintf(p.Stdout, "Settings, by flag, environment variable, or the file that --env-file names; the first of these that has one counts.\n"+
			"The file has a KEY=value on each line, and # in front of comments; '…' or \"…\" may stand around a value.\n\n%s\n%s",
			config.Usage(), choices())
		return err
	case found:
		return c.run(ctx, p, []string{"--help"})
	}
	return usageError("there is no command %q; quantix help lists them", topic)
}

// overview shows all commands and settings at a glance.
func overview(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprint(w, "Quantix sells event tickets. Without any setting it needs nothing but this program:\n\n"+
		"  quantix serve\n\nCommands; quantix <command> --help says more about each:\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %s %s\t%s\n", c.name, c.usage, c.help)
	}
	fmt.Fprint(w, "\nSettings, by flag (--payment-deadline 2m), environment variable, or --env-file FILE; the first that has one counts;\n"+
		"quantix help settings says more:\n")
	for _, o := range config.Options() {
		value := o.Default
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", o.Name, value, o.Help)
	}
	fmt.Fprintf(w, "\nSecrets can come from files: set %s to a path.\n%s", secretFiles(), choices())
	return w.Flush()
}

// choices says which settings choose a store and a queue.
func choices() string {
	return "With any DB_* or DATABASE_URL the store is PostgreSQL, with REDIS_URL the queue is Redis; else both are embedded.\n"
}

// secretFiles names the variables that hold a secret's path.
func secretFiles() string {
	var names []string
	for _, o := range config.Options() {
		if o.File() != "" {
			names = append(names, o.File())
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
