package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Source says where a setting's value came from.
type Source string

// The sources, the strongest first.
const (
	FromFlag    Source = "flag"
	FromEnv     Source = "environment"
	FromFile    Source = "file"
	FromDefault Source = "default"
)

// Setting is one option with its value.
type Setting struct {
	Name   string
	Value  string // as given; Redacted hides secrets
	Source Source

	origin string // how an error names it: "--port" or "PORT"
	wrong  bool   // it is among the Faults
}

// flags holds the values of the flags that were given.
type flags map[string]string

// addFlags adds a flag for each option, and for each secret's file.
func addFlags(set *flag.FlagSet) flags {
	given := flags{}
	for _, o := range options {
		set.Var(&flagValue{given, o.Flag(), o.isBool}, o.Flag(), o.Help)
		if o.File() != "" {
			name := o.Flag() + "-file"
			set.Var(&flagValue{given, name, false}, name, "file that holds "+o.Name)
		}
	}
	return given
}

// flagValue notes that a flag was given; the option's own check comes later, so
// that a wrong value is told in the same words wherever it came from.
type flagValue struct {
	given  flags
	name   string
	isBool bool
}

// String implements flag.Value.
func (f *flagValue) String() string { return f.given[f.name] }

// Set implements flag.Value.
func (f *flagValue) Set(v string) error {
	f.given[f.name] = v
	return nil
}

// IsBoolFlag lets a flag stand without a value.
func (f *flagValue) IsBoolFlag() bool { return f.isBool }

// find looks an option up: its flag, its file's flag, the environment, the
// default. An empty variable counts as unset; an empty flag takes the default,
// whatever the environment says.
func find(o Option, given flags, lookup func(string) (string, bool)) (Setting, error) {
	value, hasValue := given[o.Flag()]
	file, hasFile := given[o.Flag()+"-file"]
	if hasValue || hasFile && o.Secret {
		return pick(o, "--"+o.Flag(), value, "--"+o.Flag()+"-file", file, FromFlag)
	}
	value = env(lookup, o.Name)
	if o.Secret {
		file = env(lookup, o.File())
	}
	return pick(o, o.Name, value, o.File(), file, FromEnv)
}

// pick chooses between a value, the file that holds it, and the default.
func pick(o Option, name, value, fileName, file string, source Source) (Setting, error) {
	switch {
	case value != "" && file != "":
		return Setting{Name: o.Name, Source: source}, fmt.Errorf("%s and %s are both given; give one of them", name, fileName)
	case file != "":
		return readSecret(o, fileName, file)
	case value != "":
		return Setting{Name: o.Name, Value: value, Source: source, origin: name}, nil
	}
	return Setting{Name: o.Name, Value: o.Default, Source: FromDefault, origin: o.Name}, nil
}

// readSecret reads a secret from a file. The line end that editors add does not
// belong to it.
func readSecret(o Option, name, path string) (Setting, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
			err = pathErr.Err // the path is in the sentence already
		}
		return Setting{Name: o.Name, Source: FromFile}, fmt.Errorf("%s: %q cannot be read (%w); accepted: a file that holds %s", name, path, err, o.Name)
	}
	value := strings.TrimRight(string(content), "\r\n")
	if value == "" {
		return Setting{Name: o.Name, Source: FromFile}, fmt.Errorf("%s: %q is empty; accepted: a file that holds %s", name, path, o.Name)
	}
	return Setting{Name: o.Name, Value: value, Source: FromFile, origin: name}, nil
}

// env returns a variable's value; empty if it is not set.
func env(lookup func(string) (string, bool), name string) string {
	value, _ := lookup(name)
	return value
}
