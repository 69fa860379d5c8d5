package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// settingsFile writes a file of settings that only its owner may read.
func settingsFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "quantix.env")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEnvFile_stands_behind_the_environment_and_flags(t *testing.T) {
	t.Parallel()
	secret := settingsFile(t, "from a file\n")
	path := settingsFile(t, "\ufeff# ours\r\n\r\n  PORT=1000\r\nCURRENCY=EUR\nMAX_WAIT=3s\nDATA_DIR=\nHOST='::1'\nDB_PASSWORD_FILE="+secret+"\n")
	c := load(t, map[string]string{"CURRENCY": "CHF", "MAX_WAIT": "4s", "HOST": ""}, "--max-wait=5s", "--env-file", path)
	if c.Port != 1000 || c.Currency != "CHF" || c.MaxWait.String() != "5s" || c.DataDir != "./data" || c.Host != "::1" || c.DB.Password != "from a file" {
		t.Errorf("port %d, %s, wait %s, data %s, host %s, password %q", c.Port, c.Currency, c.MaxWait, c.DataDir, c.Host, c.DB.Password)
	}
	if c.Store() != Postgres {
		t.Errorf("store %s: a DB_ option of the file counts as well", c.Store())
	}
	want := map[string]Source{
		"PORT": FromEnvFile, "CURRENCY": FromEnv, "MAX_WAIT": FromFlag, "DATA_DIR": FromDefault, "HOST": FromEnvFile, "DB_PASSWORD": FromFile,
	}
	for _, s := range c.Redacted() {
		if source, told := want[s.Name]; told && s.Source != source {
			t.Errorf("%s comes from %s, want %s", s.Name, s.Source, source)
		}
	}
	// What the environment says of a secret in one way goes before what the file says in the other.
	if c := load(t, map[string]string{"DB_PASSWORD": "env"}, "--env-file="+path); c.DB.Password != "env" {
		t.Errorf("password %q, want the environment's", c.DB.Password)
	}
	if c := load(t, nil, "--env-file="+path, "--port="); c.Port != 8080 {
		t.Errorf("port %d, want the default for an empty flag", c.Port)
	}
}

func TestEnvFile_values(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{
		`plain`: "plain", `  spaces around  `: "spaces around", `a=b`: "a=b", `p#ss`: "p#ss", `a\b`: `a\b`, `""`: "password",
		`'a "b" \ # c'`: `a "b" \ # c`, `"a 'b' \" \\ # c"`: `a 'b' " \ # c`, `' '`: " ", `$HOME`: "$HOME",
	} {
		c := load(t, nil, "--env-file", settingsFile(t, "DB_PASSWORD="+written))
		if c.DB.Password != want {
			t.Errorf("%s is read as %q, want %q", written, c.DB.Password, want)
		}
	}
}

func TestEnvFile_tells_every_line_that_is_wrong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ content, says string }{
		{"PORT=1\nPROT=2", ":2: PROT is no setting"},
		{"PORT=1\n#\nPORT=1", ":3: PORT is there already, on line 1"},
		{"PORT", ":1: this is no KEY=value"},
		{"s3cret", ":1: this is no KEY=value"},
		{"c3cretsR2V0==", ":1: this is no KEY=value"},
		{"export PORT=1", ":1: this is no KEY=value"},
		{"PORT =1", ":1: this is no KEY=value"},
		{"port=1", ":1: this is no KEY=value"},
		{"=1", ":1: this is no KEY=value"},
		{"DB_PASSWORD='s3cret", ":1: DB_PASSWORD: the quotes do not end"},
		{"DB_PASSWORD='s3cret' # ours", ":1: DB_PASSWORD: the quotes do not end"},
		{"DB_PASSWORD='", ":1: DB_PASSWORD: the quotes do not end"},
		{"DB_PASSWORD='s3'cret'", `:1: DB_PASSWORD: there are quotes within`},
		{`DB_PASSWORD="s3"cret"`, `:1: DB_PASSWORD: a " within`},
		{`DB_PASSWORD="s3\cret"`, `:1: DB_PASSWORD: a \ within`},
		{`DB_PASSWORD="s3cret\"`, `:1: DB_PASSWORD: a \ within`},
		{"DB_PASSWORD=s3cret # ours", ":1: DB_PASSWORD: there is a quote or a #"},
		{"DB_PASSWORD=s3'cret", ":1: DB_PASSWORD: there is a quote or a #"},
		{"\n\nPORT=http", `:3: PORT: "http" is wrong; accepted: a port`},
		{"DATABASE_URL=s3cret", ":1: DATABASE_URL: the value given (hidden) is wrong"},
		{"DB_PASSWORD=x\nDB_PASSWORD_FILE=y", ":1: DB_PASSWORD and "},
		{"DB_PASSWORD_FILE=/no/where", `:1: DB_PASSWORD_FILE: "/no/where" cannot be read`},
	} {
		path := settingsFile(t, test.content)
		_, err := read([]string{"--env-file", path}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), path+test.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", test.content, err, test.says)
		}
		if err != nil && (strings.Contains(err.Error(), "s3") || strings.Contains(err.Error(), "c3cret")) {
			t.Errorf("%q: a secret is told: %v", test.content, err)
		}
	}
	_, err := read([]string{"--env-file", settingsFile(t, "PROT=1\nPORT=http\nnothing")}, map[string]string{"CURRENCY": "euro"})
	if faults, ok := errors.AsType[Faults](err); !ok || len(faults) != 4 {
		t.Errorf("%v, want four faults", err)
	}
}

func TestEnvFile_that_cannot_be_read(t *testing.T) {
	t.Parallel()
	for path, says := range map[string]string{
		"/no/where": "no such file", t.TempDir(): "is a directory", settingsFile(t, strings.Repeat("#", maxEnvFile+1)): "larger than 1 MiB",
	} {
		if _, err := read([]string{"--env-file", path}, nil); err == nil || !strings.HasPrefix(err.Error(), "--env-file: ") || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %s", path, err, says)
		}
	}
}

// A secret that all users of a machine may read is none; in production nothing starts with it.
func TestEnvFile_that_all_may_read(t *testing.T) {
	t.Parallel()
	for content, exposed := range map[string]bool{
		"PORT=1": false, "DB_PASSWORD=s3cret": true, "REDIS_URL=cache:6379": false, "REDIS_URL=:s3cret@cache": true,
		"DATABASE_URL=postgres:///n?host=/run/postgresql": false, "DATABASE_URL=postgres://h/n?password=s3cret": true,
		"DB_PASSWORD=": false, "DB_PASSWORD_FILE=/dev/null": false,
	} {
		path := settingsFile(t, content)
		check := func(mode os.FileMode, vars map[string]string, fails, warns bool) {
			t.Helper()
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			c, err := read([]string{"--env-file", path}, vars)
			if told := err != nil && strings.Contains(err.Error(), "every user of this machine may read it"); told != fails {
				t.Errorf("%s, %o, %v: %v, want a fault: %t", content, mode, vars, err, fails)
			}
			warned := strings.Contains(strings.Join(c.Warnings(), "\n"), "chmod 600 "+path)
			if warned != warns || err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s, %o, %v: %v, warned: %t, want %t", content, mode, vars, err, warned, warns)
			}
		}
		production := map[string]string{"APP_ENV": "production"}
		check(0o644, nil, false, exposed)
		check(0o640, nil, false, false)
		check(0o644, production, exposed, false)
		check(0o640, production, false, false)
	}
}

func TestEnvFile_may_say_that_it_is_production(t *testing.T) {
	t.Parallel()
	c := load(t, nil, "--env-file", settingsFile(t, "APP_ENV=production"))
	if c.Environment != Production || !c.Auth {
		t.Errorf("%s, AUTH %t: want production, and its defaults", c.Environment, c.Auth)
	}
}
