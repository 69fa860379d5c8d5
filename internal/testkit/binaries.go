package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
)

// oldestPostgres is the oldest major version that Quantix supports.
const oldestPostgres = 15

// Where to look can be set; a test run that finds nothing must say what to do.
const (
	postgresEnv = "QUANTIX_TEST_PG_BIN"
	redisEnv    = "QUANTIX_TEST_REDIS_BIN"

	postgresAdvice = "PostgreSQL 15 or newer is needed by this test and was not found: " +
		"install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@16; " +
		"or run scripts/need-servers.sh), or set " + postgresEnv + " to the directory that has initdb and postgres"
	redisAdvice = "redis-server is needed by this test and was not found: " +
		"install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis; " +
		"or run scripts/need-servers.sh), or set " + redisEnv + " to the program"
)

// postgresBin finds the directory with initdb and postgres.
var postgresBin = sync.OnceValues(func() (string, error) {
	return findPostgres(os.Getenv(postgresEnv), "/usr/lib/postgresql/*/bin", exec.LookPath)
})

// redisBin finds the program redis-server (or Valkey's, under its own name).
var redisBin = sync.OnceValues(func() (string, error) {
	return findRedis(os.Getenv(redisEnv), exec.LookPath)
})

// findPostgres looks where the user said, then where Debian puts the versions,
// newest first, then in PATH.
func findPostgres(chosen, pattern string, lookPath func(string) (string, error)) (string, error) {
	if chosen != "" {
		if v := postgresMajor(chosen); v < oldestPostgres {
			return "", fmt.Errorf("%s=%s holds no usable PostgreSQL (major version found: %d). %s", postgresEnv, chosen, v, postgresAdvice)
		}
		return chosen, nil
	}
	best, version := "", oldestPostgres-1
	dirs, _ := filepath.Glob(pattern)
	if path, err := lookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		if v := postgresMajor(dir); v > version {
			best, version = dir, v
		}
	}
	if best == "" {
		return "", fmt.Errorf("%s", postgresAdvice)
	}
	return best, nil
}

var majorPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// postgresMajor asks a directory's server for its major version; 0 if it, or
// the initdb beside it, is not there.
func postgresMajor(dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	match := majorPattern.FindSubmatch(out)
	if match == nil {
		return 0
	}
	major, _ := strconv.Atoi(string(match[1]))
	return major
}

// findRedis looks where the user said, then in PATH.
func findRedis(chosen string, lookPath func(string) (string, error)) (string, error) {
	if chosen != "" {
		path, err := lookPath(chosen)
		if err != nil {
			return "", fmt.Errorf("%s=%s cannot be run: %w. %s", redisEnv, chosen, err, redisAdvice)
		}
		return path, nil
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := lookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s", redisAdvice)
}
