// Package cli is the program: it reads the settings, chooses the adapters, wires everything and runs one command.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
)

// Program is what a command gets from the outside world.
type Program struct {
	Args      []string                    // without the program's name
	Stdout    io.Writer                   // answers
	Stderr    io.Writer                   // the log, and errors
	LookupEnv func(string) (string, bool) // os.LookupEnv
}

// command is one line of the table of commands.
type command struct {
	name  string
	usage string // its own flags and arguments
	help  string
	run   func(context.Context, Program, []string) error
}

// commands is the table that help prints, in the order of a reader's interest.
func commands() []command {
	return []command{
		{"serve", "[--api]", "answer the API and run the workers; --api: the API alone, with workers elsewhere", runServe},
		{"worker", "", "run the workers alone, beside any number of serve --api", runWorker},
		{"migrate", "up|down [n] [--yes]|status|repair", "bring the database's schema up to date, or back by n migrations; --yes: even if events, users or bookings are lost", runMigrate},
		{"seed", "[--events n] [--users n]", "create sample events and users to play with", runSeed},
		{"bench", "[bars] [flags]", "simulate an on-sale against a server of yours, or a private one; bars: measure every promise of speed; bench --help and bench bars --help list the flags", runBench},
		{"audit", "[--event id]", "recompute every counter and every payment, and say what differs", runAudit},
		{"doctor", "", "show the settings, versions and connections, and what to do about each fault", runDoctor},
		{"healthcheck", "", "ask the server on this machine whether it is ready, for containers", runHealthcheck},
		{"version", "", "show the version", runVersion},
		{"help", "", "show this", runHelp},
	}
}

// exitError ends the program with a status of its own, after what it had to say was said.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// errUsage marks errors of the command line: status 2.
var errUsage = errors.New("usage")

func usageError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errUsage, fmt.Sprintf(format, args...))
}

// Run runs the command that the arguments name and gives the exit status: 0, 1 for a failure, 2 for a wrong command
// line. It returns when the command is done or, for servers, after the context has ended and all is stopped.
func Run(ctx context.Context, p Program) int {
	if len(p.Args) == 0 {
		p.Args = []string{"help"}
	}
	name, args := p.Args[0], p.Args[1:]
	if name == "-h" || name == "--help" || name == "-help" {
		name = "help"
	}
	for _, c := range commands() {
		if c.name == name {
			return p.exit(name, c.run(ctx, p, args))
		}
	}
	return p.exit(name, usageError("there is no command %q; quantix help lists them", name))
}

func (p Program) exit(name string, err error) int {
	if err == nil {
		return 0
	}
	if status, ok := errors.AsType[exitError](err); ok {
		return int(status)
	}
	if errors.Is(err, flag.ErrHelp) {
		_ = runHelp(context.Background(), p, nil)
		return 0
	}
	// One line, whatever the cause brought along: it goes into logs and terminals.
	text := strings.Join(strings.Fields(strings.TrimPrefix(err.Error(), "usage: ")), " ")
	fmt.Fprintf(p.Stderr, "quantix %s: %s\n", name, text)
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}
