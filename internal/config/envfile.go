package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// envFileFlag names the file of settings; it is a flag of every command, and no setting, for a file cannot name itself.
const envFileFlag = "env-file"

// maxEnvFile bounds what is read: a file of settings is a page.
const maxEnvFile = 1 << 20

// envFile is a file of settings, a KEY=value on each line. The zero value has none.
type envFile struct {
	path   string
	lines  map[string]envLine
	shared bool // other users of this machine may read it
}

// envLine is a setting's value, and where it stands.
type envLine struct {
	value  string
	number int
}

// get returns a setting's value; empty if it is not in the file.
func (f envFile) get(name string) string { return f.lines[name].value }

// origin is how an error names a setting of the file.
func (f envFile) origin(name string) string {
	return fmt.Sprintf("%s:%d: %s", f.path, f.lines[name].number, name)
}

// readEnvFile reads a file of settings. Every line that cannot be right is told, with its number, and never with its
// value.
func readEnvFile(path string) (envFile, Faults) {
	f := envFile{path: path, lines: map[string]envLine{}}
	if path == "" {
		return f, nil
	}
	content, shared, err := readBounded(path)
	if err != nil {
		return f, Faults{fmt.Errorf("--%s: %q cannot be read (%w); accepted: a file with a KEY=value on each line", envFileFlag, path, err)}
	}
	f.shared = shared
	names := settingNames()
	var faults Faults
	for i, line := range strings.Split(strings.TrimPrefix(content, "\ufeff"), "\n") {
		if err := f.add(i+1, strings.TrimSpace(line), names); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", path, i+1, err))
		}
	}
	return f, faults
}

// add takes one line.
func (f envFile) add(number int, line string, names map[string]bool) error {
	if line == "" || line[0] == '#' {
		return nil
	}
	name, rest, isPair := strings.Cut(line, "=")
	if !isPair || !isName(name) {
		return errors.New("this is no KEY=value; accepted: a setting in capital letters, =, and its value, or a # in front of a comment")
	}
	if !names[name] {
		return fmt.Errorf("%s is no setting; quantix help settings lists them", name)
	}
	if before, known := f.lines[name]; known {
		return fmt.Errorf("%s is there already, on line %d; take one of them away", name, before.number)
	}
	value, err := unquote(strings.TrimSpace(rest))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	f.lines[name] = envLine{value, number}
	return nil
}

// isName reports whether a text has the shape of a setting's name. What has not may be a secret that was broken over
// two lines, and is not repeated.
func isName(name string) bool {
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// unquote takes the quotes off a value: within '…' everything stands for itself, within "…" a \ goes before " and \.
// What programs that read such files understand in different ways is refused.
func unquote(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	switch quote := v[0]; {
	case quote == '\'' || quote == '"':
		body, closed := strings.CutSuffix(v[1:], string(quote))
		if !closed || len(v) == 1 {
			return "", errors.New("the quotes do not end where the line does")
		}
		if quote == '\'' && !strings.Contains(body, "'") {
			return body, nil
		}
		if quote == '"' {
			return unescape(body)
		}
		return "", errors.New(`there are quotes within the quotes; put "…" around it`)
	case strings.ContainsAny(v, "\"'") || strings.Contains(v, " #") || strings.Contains(v, "\t#"):
		return "", errors.New("there is a quote or a # within the value: put '…' around all of it; a comment takes a line of its own")
	}
	return v, nil
}

// unescape takes off the \ in front of " and \ themselves.
func unescape(body string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		c := body[i]
		switch {
		case c == '"':
			return "", errors.New(`a " within "…" takes a \ in front`)
		case c == '\\' && (i+1 == len(body) || body[i+1] != '"' && body[i+1] != '\\'):
			return "", errors.New(`a \ within "…" takes another in front; within '…' it stands for itself`)
		case c == '\\':
			i++
		}
		b.WriteByte(body[i])
	}
	return b.String(), nil
}

// readBounded reads a file that must be small, and reports whether all users of this machine may do so.
func readBounded(path string) (content string, shared bool, err error) {
	file, err := os.Open(path)
	if err != nil {
		return "", false, bare(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", false, bare(err)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxEnvFile+1))
	if err != nil {
		return "", false, bare(err)
	}
	if len(text) > maxEnvFile {
		return "", false, errors.New("it is larger than 1 MiB")
	}
	const readByOthers = 0o004 // Windows has other ways to say it
	return string(text), runtime.GOOS != "windows" && info.Mode().Perm()&readByOthers != 0, nil
}

// bare takes the path off an error, where the sentence has it already.
func bare(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// settingNames are the names that a file of settings may have.
func settingNames() map[string]bool {
	names := map[string]bool{}
	for _, o := range options {
		names[o.Name] = true
		if o.File() != "" {
			names[o.File()] = true
		}
	}
	return names
}

// exposed says that other users of this machine may read secrets; nil where they may not.
func (f envFile) exposed() error {
	if !f.shared {
		return nil
	}
	for _, o := range options {
		if line, given := f.lines[o.Name]; given && o.Secret && holdsSecret(o.Name, line.value) {
			return fmt.Errorf("%s: every user of this machine may read it, and it holds %s; chmod 600 %s", f.path, o.Name, f.path)
		}
	}
	return nil
}
