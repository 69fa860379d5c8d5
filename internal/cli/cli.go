// Package cli is the command line: the commands with their flags and pages, a file each. What they run is put together
// by package app, or measured by package bench.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"quantix/internal/config"
	"quantix/internal/logging"
)

// Program is what a command gets from the outside world.
type Program struct {
	Args      []string                    // without the program's name
	Stdout    io.Writer                   // answers
	Stderr    io.Writer                   // the log, and errors
	LookupEnv func(string) (string, bool) // os.LookupEnv

	secrets *logging.Secrets // that neither Stdout nor Stderr shows; Run makes it
}

// exitError ends the program with a status of its own, after what it had to say was said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errUsage marks errors of the command line: status 2.
var errUsage = errors.New("usage")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// Run runs the command that the arguments name and returns the exit status: 0, 1 for a failure, 2 for a wrong command
// line. It returns when the command is done or, for servers, after the context has ended and all is stopped.
func Run(ctx context.Context, p Program) int {
	if len(p.Args) == 0 {
		p.Args = []string{"help"}
	}
	p.secrets = &logging.Secrets{}
	p.Stdout, p.Stderr = p.secrets.Hide(p.Stdout), p.secrets.Hide(p.Stderr)
	name, args := p.Args[0], p.Args[1:]
	if isHelp(name) {
		name = "help"
	}
	if c, found := find(name); found {
		return p.exit(name, c.run(ctx, p, args))
	}
	return p.exit(name, usageError("there is no command %q; quantix help lists them", name))
}

func (p Program) exit(name string, err error) int {
	if err == nil || errors.Is(err, flag.ErrHelp) { // help was shown
		return 0
	}
	if status, ok := errors.AsType[exitError](err); ok {
		return int(status)
	}
	causes := []error{err}
	if faults, ok := errors.AsType[config.Faults](err); ok {
		causes = faults
	}
	for _, cause := range causes {
		// One line, whatever the cause brought along: it goes into logs and terminals.
		text := strings.Join(strings.Fields(strings.TrimPrefix(cause.Error(), "usage: ")), " ")
		fmt.Fprintf(p.Stderr, "quantix %s: %s\n", name, text)
	}
	if _, ok := errors.AsType[config.FlagError](err); ok || errors.Is(err, errUsage) {
		return 2
	}
	return 1
}
