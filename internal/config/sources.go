package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

// Source says where a setting's value came from.
type Source string

// The sources, the strongest first.
const (
	FromFlag    Source = "flag"
	FromEnv     Source = "environment"
	FromEnvFile Source = "env file" // that --env-file names
	FromFile    Source = "file"     // that a setting such as DB_PASSWORD_FILE names
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

// addFlags adds a flag for each option, for each secret's file, and for the file of settings.
func addFlags(set *flag.FlagSet) flags {
	given := flags{}
	set.Var(&flagValue{given, envFileFlag, false}, envFileFlag, "file of settings, a KEY=value on each line")
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

// sources are where settings come from, beside the defaults.
type sources struct {
	flags       flags
	environment func(string) string
	file        envFile
	production  bool // which of an option's defaults counts
}

// find looks an option up: its flag, its file's flag, the environment, the file of settings, the default. An empty
// value counts as unset, an empty flag takes the default, whatever the others say.
func (s sources) find(o Option) (Setting, error) {
	value, hasValue := s.flags[o.Flag()]
	file, hasFile := s.flags[o.Flag()+"-file"]
	if hasValue || hasFile && o.Secret {
		return s.pick(o, given{"--" + o.Flag(), value, "--" + o.Flag() + "-file", file, FromFlag})
	}
	of := func(get func(string) string, source Source) given {
		g := given{name: o.Name, value: get(o.Name), fileName: o.File(), source: source}
		if o.Secret {
			g.file = get(o.File())
		}
		return g
	}
	if g := of(s.environment, FromEnv); g.value != "" || g.file != "" {
		return s.pick(o, g)
	}
	g := of(s.file.get, FromEnvFile)
	if g.value != "" {
		g.name = s.file.origin(o.Name)
	}
	if g.file != "" {
		g.fileName = s.file.origin(o.File())
	}
	return s.pick(o, g)
}

// given is what one source says of an option: a value or a file that holds it, and how an error names each.
type given struct {
	name, value    string
	fileName, file string
	source         Source
}

// pick chooses between a value, the file that holds it, and the default.
func (s sources) pick(o Option, g given) (Setting, error) {
	switch {
	case g.value != "" && g.file != "":
		return Setting{Name: o.Name, Source: g.source}, fmt.Errorf("%s and %s are both given; give one of them", g.name, g.fileName)
	case g.file != "":
		return readSecret(o, g.fileName, g.file)
	case g.value != "":
		return Setting{Name: o.Name, Value: g.value, Source: g.source, origin: g.name}, nil
	}
	return Setting{Name: o.Name, Value: o.defaultIn(s.production), Source: FromDefault, origin: o.Name}, nil
}

// readSecret reads a secret from a file. The line end that editors add does not
// belong to it.
func readSecret(o Option, name, path string) (Setting, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return Setting{Name: o.Name, Source: FromFile},
			fmt.Errorf("%s: %q cannot be read (%w); accepted: a file that holds %s", name, path, bare(err), o.Name)
	}
	value := strings.TrimRight(string(content), "\r\n")
	if value == "" {
		return Setting{Name: o.Name, Source: FromFile}, fmt.Errorf("%s: %q is empty; accepted: a file that holds %s", name, path, o.Name)
	}
	return Setting{Name: o.Name, Value: value, Source: FromFile, origin: name}, nil
}
