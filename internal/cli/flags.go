package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"quantix/internal/app"
	"quantix/internal/config"
)

// load reads a command's flags and settings, and sees that the command can run with them; the set has the command's
// name and its own flags.
func (p Program) load(fs *flag.FlagSet, args []string) (config.Config, error) {
	c, err := p.read(fs, args)
	if err == nil {
		err = c.Validate(fs.Name())
	}
	return c, err
}

// read is load without looking whether the command can run. When help is asked for, it is shown here, where the
// command's flags are known.
func (p Program) read(fs *flag.FlagSet, args []string) (config.Config, error) {
	own := ownFlags(fs)
	c, err := config.Load(fs, args, p.LookupEnv)
	p.secrets.Add(c.Secrets()...)
	if errors.Is(err, flag.ErrHelp) {
		p.showPage(fs.Name(), own)
		fmt.Fprint(p.Stdout, "\nEvery setting is a flag as well, such as --data-dir for DATA_DIR, and may stand in the file that --env-file\n"+
			"names: quantix help settings says more.\n")
	}
	return c, err
}

// loadAlone is load for a command that has neither flags nor arguments of its own.
func (p Program) loadAlone(command string, args []string) (config.Config, error) {
	c, err := p.readAlone(command, args)
	if err == nil {
		err = c.Validate(command)
	}
	return c, err
}

// readAlone is read for such a command.
func (p Program) readAlone(command string, args []string) (config.Config, error) {
	fs := flag.NewFlagSet(command, flag.ContinueOnError)
	c, err := p.read(fs, args)
	if err == nil && fs.NArg() > 0 {
		err = usageError("%s takes no argument %q", command, fs.Arg(0))
	}
	return c, err
}

// isHelp reports whether an argument asks for help.
func isHelp(arg string) bool { return slices.Contains([]string{"-h", "-help", "--help"}, arg) }

// ownFlags lists a set's flags before the settings join them.
func ownFlags(fs *flag.FlagSet) (own []*flag.Flag) {
	fs.VisitAll(func(f *flag.Flag) { own = append(own, f) })
	return own
}

// showPage prints a command's own page.
func (p Program) showPage(name string, own []*flag.Flag) {
	c, _ := find(name)
	fmt.Fprintf(p.Stdout, "Usage: %s\n\n%s\n", strings.TrimSpace("quantix "+c.name+" "+c.usage), c.more)
	if len(own) > 0 {
		fmt.Fprint(p.Stdout, "\nFlags:\n")
	}
	for _, f := range own {
		showFlag(p.Stdout, f)
	}
}

// showFlag prints a flag as people type it, with two dashes.
func showFlag(w io.Writer, f *flag.Flag) {
	value, usage := flag.UnquoteUsage(f)
	if !slices.Contains([]string{"", "0", "0s", "false"}, f.DefValue) {
		usage += " (default " + f.DefValue + ")"
	}
	fmt.Fprintf(w, "  %s\n      %s\n", strings.TrimSpace("--"+f.Name+" "+value), usage)
}

// warn logs what is not good about the settings, and no reason to stop.
func (p Program) warn(c config.Config) {
	logger := app.NewLogger(p.Stderr, c)
	for _, warning := range c.Warnings() {
		logger.Warn(warning)
	}
}

// setup is what the program is put together by, with the settings of a command.
func (p Program) setup(c config.Config) app.Setup {
	return app.Setup{Config: c, Logger: app.NewLogger(p.Stderr, c), Version: version}
}
