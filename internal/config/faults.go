package config

import (
	"fmt"
	"strings"
)

// Faults are all settings that are wrong. Each is one line that names the
// option, what was given (unless secret) and what is accepted.
type Faults []error

// Error implements error, with a line for each fault.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, err := range f {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the single faults.
func (f Faults) Unwrap() []error { return f }

// FlagError marks what is wrong with the command line itself.
type FlagError struct{ error }

// flagError says in the program's words what package flag says in its own.
func flagError(command string, err error) error {
	if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); unknown {
		err = fmt.Errorf("--%s is not a flag of %s", name, command)
	}
	return FlagError{fmt.Errorf("%w; quantix %s --help lists the flags", err, command)}
}
